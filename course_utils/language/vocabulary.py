"""The vocabulary of a language model: the tokens nearest to a vector, and the tokens that a prompt may be made of.

A language model reads each token as a vector, its embedding. Looked up the other way round, any vector of that space
has its nearest tokens (`nearest_tokens`; a `TokenTable` searches them again and again).

Not every token is allowed in a prompt: one that makes " girl" likely by saying "Girl" tells nothing. Rules of
`allowed_tokens`:

    "target"       the target's tokens in every spelling: upper and lower case, with and without leading space
    "stem"         tokens that contain the target's word or are contained in it, if the shorter has over 3 letters
    "special"      the tokenizer's control tokens, such as the one that begins or ends a text
    "non-words"    tokens that are no whole word as it stands within a text: a leading space, then letters alone
    "unprintable"  tokens that are no readable text by themselves: control characters, white space, parts of characters
    "offensive"    slurs and vulgar words that a page should not show: `is_offensive` looks them up in a list of hashes,
                   so that nobody has to read it
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from course_utils.figures.style import render
from course_utils.models.language_model import LanguageModel
from course_utils.validation import check_known, unknown

Exclude = str | Sequence[str | int]
RULES = ("target", "stem", "special", "non-words", "unprintable", "offensive")
STEM = 3  # letters that a word must exceed to count as sharing a stem (ARCA's rule, Jones et al. 2023)

LIST = Path(__file__).parent / "data" / "offensive.txt"
DIGITS = 16  # of each hash
LETTERS = re.compile(r"[^\W\d_]+")

METRICS = ("cosine", "euclidean")
AT_ONCE = 2**23  # numbers in the largest table of nearnesses that is held at a time: 32 MiB
SHOWN = 20  # vectors in a table

_TEXTS: WeakKeyDictionary[object, list[str]] = WeakKeyDictionary()


def nearest_tokens(
    lm: LanguageModel,
    embeddings: Float[Tensor, "*shape width"],
    *,
    k: int = 5,
    metric: str = "cosine",
    exclude: Exclude = (),
) -> Neighbours:
    """The k tokens whose embeddings lie nearest to each vector.

    Works in chunks: for 50,000 tokens of width 1,600 it needs some 32 MiB beside the table.

    Args:
        lm: whose dictionary is searched.
        embeddings: vectors as they go into the model, of any leading shape.
        k: neighbours of each, at least 1.
        metric: `"cosine"` or `"euclidean"`.
        exclude: tokens that are not to be found: token ids, or rules of `allowed_tokens`.

    Raises:
        ValueError: vectors of another width than the model's embeddings, numbers that are not finite, k out of range,
            an unknown metric or rule.
    """
    table = lm.embeddings
    if embeddings.ndim < 1 or embeddings.shape[-1] != table.shape[1]:
        raise ValueError(f"vectors of shape {tuple(embeddings.shape)} given, expected (…, {table.shape[1]}).")
    if not embeddings.isfinite().all():
        raise ValueError("the vectors have NaN or infinity in them: nothing is near to those.")
    words = TokenTable(table, metric, allowed_tokens(lm, exclude))
    ids = words.nearest(embeddings, k)
    vectors = embeddings.detach().unsqueeze(-2).expand(*ids.shape, -1)
    pieces = [[lm.piece(token) for token in row] for row in ids.reshape(-1, k).tolist()]
    distance = words.distance(vectors, ids).clamp_min(0)  # rounding can leave it just below 0
    return Neighbours(ids, distance, pieces, metric)


@dataclass(frozen=True, eq=False, repr=False)
class Neighbours:
    """The nearest tokens of vectors, nearest first.

    Attributes:
        ids: of the tokens.
        distance: to each; 0 … 2 for the cosine, in the embeddings' own length for the Euclidean.
        pieces: the tokens as text, one row for each vector, in the order of `ids` flattened.
        metric: `"cosine"` or `"euclidean"`.
    """

    ids: Int[Tensor, "*shape k"]
    distance: Float[Tensor, "*shape k"]
    pieces: list[list[str]]
    metric: str

    def __len__(self) -> int:
        """Number of vectors that were looked up."""
        return len(self.pieces)

    def __repr__(self) -> str:
        first = self.distance[..., 0].flatten().tolist()
        rows = [f"{row[0]!r} at {d:.3g}" for row, d in zip(self.pieces[:5], first, strict=False)]
        return f"Neighbours of {len(self)} vectors ({self.metric}), nearest: {', '.join(rows)}{' …' * (len(self) > 5)}"

    def _repr_html_(self) -> str:
        far = self.distance.reshape(-1, self.ids.shape[-1]).tolist()
        rows = [list(zip(row, each, strict=True)) for row, each in zip(self.pieces, far, strict=True)]
        return render("neighbours.html", rows=rows[:SHOWN], left=max(0, len(rows) - SHOWN), metric=self.metric)


class TokenTable:
    """Embeddings by token, searched by nearness.

    Args:
        embeddings: one row a token.
        metric: `"cosine"`, 1 minus the cosine of the angle, 0 … 2, blind to lengths; or `"euclidean"`, the length of
            the difference.
        allowed: the tokens that may be found; all if None.

    Attributes:
        unit: what distances are divided by to mean the same for every model: 1 for the cosine, the mean norm of the
            allowed embeddings for the Euclidean distance.

    Raises:
        ValueError: an unknown metric, or no token allowed.
    """

    def __init__(
        self,
        embeddings: Float[Tensor, "vocabulary width"],
        metric: str = "cosine",
        allowed: Bool[Tensor, "vocabulary"] | None = None,
    ) -> None:
        check_known("metric", metric, METRICS)
        self.embeddings, self.metric = embeddings.detach().float(), metric
        every = torch.arange(len(embeddings), device=embeddings.device)
        self.tokens = every if allowed is None else every[allowed.to(embeddings.device)]
        if not len(self.tokens):
            raise ValueError("no token is allowed: exclude fewer.")
        self._rows = self.embeddings if allowed is None else self.embeddings[self.tokens]
        norms = self._rows.norm(dim=1)
        self.unit = norms.mean().item() if metric == "euclidean" else 1.0
        # Both metrics order tokens by `vector · row · scale − offset`, so that no normalised copy is held.
        self._scale, self._offset = 1 / norms.clamp_min(torch.finfo(torch.float32).tiny), norms.square() / 2

    @torch.no_grad()
    def nearest(self, vectors: Float[Tensor, "*shape width"], k: int = 1) -> Int[Tensor, "*shape k"]:
        """The ids of the k nearest tokens of each vector, nearest first.

        Raises:
            ValueError: k below 1, or more than there are tokens.
        """
        if not 1 <= k <= len(self.tokens):
            raise ValueError(f"k={k} given, expected 1 … {len(self.tokens)}, the number of tokens to choose from.")
        flat = vectors.reshape(-1, vectors.shape[-1]).to(self._rows)
        chunk = max(1, AT_ONCE // len(self.tokens))
        found = [self._nearness(part).topk(k, dim=1).indices for part in flat.split(chunk)]
        return self.tokens[torch.cat(found)].reshape(*vectors.shape[:-1], k)

    def distance(self, vectors: Float[Tensor, "*shape width"], ids: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """Distance of vectors from tokens, differentiable in the vectors."""
        towards = self.embeddings[ids]
        if self.metric == "cosine":
            return 1 - F.cosine_similarity(vectors.to(towards), towards, dim=-1)
        return (vectors.to(towards) - towards).norm(dim=-1)

    def _nearness(self, vectors: Float[Tensor, "vectors width"]) -> Float[Tensor, "vectors tokens"]:
        nearness = vectors @ self._rows.T
        return nearness.mul_(self._scale) if self.metric == "cosine" else nearness.sub_(self._offset)


def allowed_tokens(
    lm: LanguageModel, exclude: Exclude = ("target", "special"), *, target: str = ""
) -> Bool[Tensor, "vocabulary"]:
    """The tokens that are left when rules and token ids are applied, as a mask.

    Args:
        lm: whose vocabulary it is.
        exclude: a rule, or several rules and token ids; `()` excludes nothing.
        target: the text that the rules `"target"` and `"stem"` are about.

    Raises:
        ValueError: an unknown rule, a token id outside the vocabulary, or rules that leave no token.
    """
    chosen = [exclude] if isinstance(exclude, str) else list(exclude)
    allowed = lm.known.clone()
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


def _ruled_out(lm: LanguageModel, rule: str, target: str) -> list[int]:
    if lm.tokenizer not in _TEXTS:  # the text of each token alone is decoded once for each tokenizer
        _TEXTS[lm.tokenizer] = [lm.decode([token]) for token in range(lm.vocabulary)]
    texts = _TEXTS[lm.tokenizer]
    if rule == "special":
        marked = {token for token, added in lm.tokenizer.added_tokens_decoder.items() if added.special}
        return [token for token in marked.union(lm.tokenizer.all_special_ids) if token < lm.vocabulary]
    if rule == "non-words":
        pieces = [lm.piece(token) for token in range(lm.vocabulary)]
        space = " " if any(piece.startswith(" ") for piece in pieces) else ""  # or each token is a word
        return [i for i, each in enumerate(pieces) if not (each.startswith(space) and each[len(space) :].isalpha())]
    if rule == "unprintable":
        unreadable = "\N{REPLACEMENT CHARACTER}"
        return [i for i, t in enumerate(texts) if not t.strip() or not t.isprintable() or unreadable in t]
    if rule == "offensive":
        return [i for i, text in enumerate(texts) if is_offensive(text)]
    word, *words = (text.strip().casefold() for text in (target, *texts))
    if rule == "target":
        own = set(lm.continuation(target)) if target else set()
        return [i for i, each in enumerate(words) if i in own or (each and each == word)]
    return [i for i, each in enumerate(words) if one_contains_the_other(each, word)]


def one_contains_the_other(one: str, other: str) -> bool:
    """Whether one word contains the other, and the shorter has over 3 letters."""
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) > STEM and shorter in longer


def is_offensive(text: str) -> bool:
    """Whether a word of the text is on the list, in upper or lower case, singular or plural."""
    words = LETTERS.findall(text.casefold())
    return any(sha256(word.encode()).hexdigest()[:DIGITS] in _listed() for word in words)


def offensive_words(words: Iterable[str]) -> list[str]:
    """Those of some words (or tokens) that are on the list, in their order; `association_scores` can leave them out."""
    return [word for word in words if is_offensive(word)]


@cache
def _listed() -> frozenset[str]:
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return frozenset(line.split()[0] for line in lines if not line.startswith("#"))
