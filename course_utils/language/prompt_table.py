"""Prompts, in whatever form they come, as one table: which prompt contains which word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

Words = Sequence[str]
Prompts = Any  # a result of `optimize_prompts`, or a list of texts or of lists of tokens


@dataclass(frozen=True, eq=False)
class PromptTable:
    """Which prompt contains which word; one row a prompt.

    A word that stands in a prompt twice counts once: the words of one prompt were searched for together, so the
    prompt is what was drawn independently, not the word.

    Attributes:
        words: every word that occurs, one for each column, in alphabetical order.
        contains: whether the prompt contains the word.
        source: which set of prompts each row is from: 0 for the first, 1, 2, … for the others.
    """

    words: list[str]
    contains: Bool[Tensor, "prompts words"]
    source: Int[Tensor, "prompts"]

    def without(self, words: Iterable[str]) -> PromptTable:
        """The table without the columns of these words, in upper or lower case."""
        dropped = {word.casefold() for word in words}
        kept = [column for column, word in enumerate(self.words) if word.casefold() not in dropped]
        return PromptTable([self.words[column] for column in kept], self.contains[:, kept], self.source)


def prompt_table(sets: Sequence[Sequence[Words]]) -> PromptTable:
    """Sets of prompts, each prompt a list of words, as one table."""
    words = sorted({word for prompts in sets for prompt in prompts for word in prompt})
    column = {word: number for number, word in enumerate(words)}
    contains = torch.zeros(sum(map(len, sets)), len(words), dtype=torch.bool)
    rows = [prompt for prompts in sets for prompt in prompts]
    for row, prompt in enumerate(rows):
        contains[row, [column[word] for word in prompt]] = True
    source = torch.repeat_interleave(torch.arange(len(sets)), torch.tensor([len(prompts) for prompts in sets]))
    return PromptTable(words, contains, source)


def as_words(prompts: Prompts, name: str = "prompts") -> list[list[str]]:
    """Each prompt as a list of words, without the spaces around them.

    Args:
        prompts: a result of `optimize_prompts`; or a list with one entry for each prompt: a text, whose words are
            taken apart at spaces, or a list of tokens.
        name: what an error calls them.

    Raises:
        TypeError: something else.
        ValueError: no prompts, or none with a word in it.
    """
    rows = getattr(prompts, "pieces", prompts)
    if isinstance(rows, str) or not isinstance(rows, Sequence):
        raise TypeError(
            f"{name} is {type(prompts).__name__}, expected a result of optimize_prompts, or a list of prompts: texts "
            "or lists of tokens."
        )
    words = [row.split() if isinstance(row, str) else [_word(token, name) for token in row] for row in rows]
    words = [[word for word in prompt if word] for prompt in words]
    if not any(words):
        raise ValueError(f"{name} has no word in {len(words)} prompts, expected at least one prompt with a word.")
    return words


def as_sets(background: Prompts | Sequence[Prompts] | Mapping[str, Prompts], name: str = "background") -> list[Prompts]:
    """One set of prompts or several (a list or a dictionary of results) as a list of sets.

    Raises:
        ValueError: there is none.
    """
    if isinstance(background, Mapping):
        sets = list(background.values())
    elif isinstance(background, Sequence) and not isinstance(background, str) and not hasattr(background, "pieces"):
        sets = list(background) if all(_is_set(each) for each in background) else [background]
    else:
        sets = [background]
    if not sets:
        raise ValueError(f"{name} is empty, expected prompts to compare with: those found for other targets, say.")
    return sets


def _is_set(each: Any) -> bool:
    """Whether it is a set of prompts rather than one prompt."""
    if hasattr(each, "pieces"):
        return True
    # A list of words is a prompt; a list of lists of words is a set of them.
    return isinstance(each, Sequence) and not isinstance(each, str) and any(not isinstance(row, str) for row in each)


def _word(token: Any, name: str) -> str:
    if not isinstance(token, str):
        raise TypeError(f"{name} has the token {token!r}, expected text: decode the model's token numbers first.")
    return token.strip()
