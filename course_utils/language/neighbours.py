"""Nearest neighbours in the embedding dictionary: how a vector that is no token can be read."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from course_utils.language.excluded import Exclude, allowed_tokens
from course_utils.language.token_table import TokenTable
from course_utils.models.language_model import LanguageModel

SHOWN = 20  # vectors in a table


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
        exclude: tokens that are not to be found: token ids, or rules (`course_utils.language.excluded`).

    Raises:
        ValueError: vectors of another width than the model's embeddings, numbers that are not finite, k out of range,
            an unknown metric or rule.
    """
    table = lm.embeddings
    if embeddings.ndim < 1 or embeddings.shape[-1] != table.shape[1]:
        raise ValueError(f"vectors of shape {tuple(embeddings.shape)} given, expected (…, {table.shape[1]}).")
    if not embeddings.isfinite().all():
        raise ValueError("the vectors have NaN or infinity in them: nothing is near to those.")
    words = TokenTable(table, metric, allowed_tokens(lm, exclude) if len(exclude) else None)
    ids = words.nearest(embeddings, k)
    vectors = embeddings.detach().unsqueeze(-2).expand(*ids.shape, -1)
    pieces = [[lm.piece(token) for token in row] for row in ids.reshape(-1, k).tolist()]
    distance = words.distance(vectors, ids).clamp_min(0)  # rounding leaves a word a hair nearer than near
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
        rows = [f"{row[0]!r} at {d:.3g}" for row, d in zip(self.pieces[:5], self._first(), strict=False)]
        return f"Neighbours of {len(self)} vectors ({self.metric}), nearest: {', '.join(rows)}{' …' * (len(self) > 5)}"

    def _repr_html_(self) -> str:
        from course_utils.show.html import render

        far = self.distance.reshape(-1, self.ids.shape[-1]).tolist()
        rows = [list(zip(row, each, strict=True)) for row, each in zip(self.pieces, far, strict=True)]
        return render("neighbours.html", rows=rows[:SHOWN], left=max(0, len(rows) - SHOWN), metric=self.metric)

    def _first(self) -> list[float]:
        return torch.as_tensor(self.distance)[..., 0].flatten().tolist()
