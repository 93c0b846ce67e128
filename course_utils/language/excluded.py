"""Which tokens a prompt may be made of.

A prompt that makes " girl" likely by saying "Girl" tells nothing. Rules:

    "target"       the target's tokens in every spelling: upper and lower case, with and without leading space
    "stem"         tokens that contain the target's word or are contained in it, if the shorter has over 3 letters
    "special"      the tokenizer's control tokens, such as the one that begins or ends a text
    "unprintable"  tokens that are no readable text by themselves: control characters, white space, parts of characters
    "offensive"    slurs and vulgar words that a page should not show (`course_utils.language.offensive`)
"""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Bool
from torch import Tensor

from course_utils.language.offensive import is_offensive
from course_utils.messages import unknown
from course_utils.models.language_model import LanguageModel

Exclude = str | Sequence[str | int]
RULES = ("target", "stem", "special", "unprintable", "offensive")
STEM = 3  # letters that a word must exceed to count as sharing a stem (ARCA's rule, Jones et al. 2023)

_TEXTS: WeakKeyDictionary[object, list[str]] = WeakKeyDictionary()


def allowed_tokens(
    lm: LanguageModel, exclude: Exclude = ("target", "special"), *, target: str = ""
) -> Bool[Tensor, "vocabulary"]:
    """Which tokens are left when rules and token ids are applied.

    Args:
        lm: whose vocabulary it is.
        exclude: a rule, or several rules and token ids; `()` excludes nothing.
        target: the text that the rules `"target"` and `"stem"` are about.

    Raises:
        ValueError: an unknown rule, a token id outside the vocabulary, or rules that leave no token.
    """
    chosen = [exclude] if isinstance(exclude, str) else list(exclude)
    allowed = torch.ones(lm.vocabulary, dtype=torch.bool)
    for each in chosen:
        if isinstance(each, int):
            if not 0 <= each < lm.vocabulary:
                raise ValueError(f"token id {each} is to be excluded, expected 0 … {lm.vocabulary - 1}.")
            allowed[each] = False
        elif each in RULES:
            allowed[_ruled_out(lm, each, target)] = False
        else:
            raise ValueError(unknown("rule for excluding tokens", each, RULES))
    if not allowed.any():
        raise ValueError(f"exclude={exclude!r} leaves no token to make a prompt of: exclude fewer.")
    return allowed.to(lm.device)


def token_texts(lm: LanguageModel) -> list[str]:
    """What each token alone decodes to; decoded once for each tokenizer."""
    if lm.tokenizer not in _TEXTS:
        _TEXTS[lm.tokenizer] = [lm.decode([token]) for token in range(lm.vocabulary)]
    return _TEXTS[lm.tokenizer]


def _ruled_out(lm: LanguageModel, rule: str, target: str) -> list[int]:
    if rule == "special":
        return [token for token in lm.tokenizer.all_special_ids if token < lm.vocabulary]
    if rule == "unprintable":
        return [i for i, text in enumerate(token_texts(lm)) if not _readable(text)]
    if rule == "offensive":
        return [i for i, text in enumerate(token_texts(lm)) if is_offensive(text)]
    word = _bare(target)
    words = [_bare(text) for text in token_texts(lm)]
    if rule == "target":
        own = set(lm.tokens(target)) if target else set()
        return [i for i, each in enumerate(words) if i in own or (each and each == word)]
    return [i for i, each in enumerate(words) if _share_a_stem(each, word)]


def _share_a_stem(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) > STEM and shorter in longer


def _bare(text: str) -> str:
    return text.strip().casefold()


def _readable(text: str) -> bool:
    return bool(text.strip()) and text.isprintable() and "\N{REPLACEMENT CHARACTER}" not in text
