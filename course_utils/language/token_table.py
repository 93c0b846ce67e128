"""The dictionary in which a vector is looked up: the embeddings of a vocabulary, ready to be searched."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from course_utils.messages import unknown

METRICS = ("cosine", "euclidean")
AT_ONCE = 2**23  # numbers in the largest table of nearnesses that is held at a time: 32 MiB


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
        if metric not in METRICS:
            raise ValueError(unknown("metric", metric, METRICS))
        self.embeddings, self.metric = embeddings.detach().float(), metric
        every = torch.arange(len(embeddings), device=embeddings.device)
        self.tokens = every if allowed is None else every[allowed.to(embeddings.device)]
        if not len(self.tokens):
            raise ValueError("no token is allowed: exclude fewer.")
        self._rows = self.embeddings if allowed is None else self.embeddings[self.tokens]
        norms = self._rows.norm(dim=1)
        self.unit = norms.mean().item() if metric == "euclidean" else 1.0
        # Both metrics order tokens by `vector · row · scale − offset`, so that no normalised copy is held.
        self._scale = 1 / norms.clamp_min(torch.finfo(torch.float32).tiny) if metric == "cosine" else None
        self._offset = norms.square() / 2 if metric == "euclidean" else None

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
        """How far vectors are from tokens, differentiable in the vectors."""
        towards = self.embeddings[ids]
        if self.metric == "cosine":
            return 1 - F.cosine_similarity(vectors.to(towards), towards, dim=-1)
        return (vectors.to(towards) - towards).norm(dim=-1)

    def _nearness(self, vectors: Float[Tensor, "vectors width"]) -> Float[Tensor, "vectors tokens"]:
        nearness = vectors @ self._rows.T
        if self._scale is not None:
            nearness *= self._scale
        if self._offset is not None:
            nearness -= self._offset
        return nearness
