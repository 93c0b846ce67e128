"""Prompts as free vectors in embedding space: what an optimisation changes when the input is text.

Tokens are discrete: there is no half a word, and no gradient leads from one to the next. Their embeddings are
vectors, and vectors can be moved. This canvas holds vectors where a prompt has tokens; nothing keeps them on
tokens but a prior.
"""

import math
import warnings
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from course_utils.canvas.image import Canvas
from course_utils.utils import sample_generators
from course_utils.validation import check_known, check_settings

STARTS = ("random", "centroids", "noise")
CENTROIDS = 128  # clusters of the vocabulary, however many restarts draw from them
CLUSTERED = 8192  # tokens that are clustered: more make the start slower and no better


class PromptCanvas(Canvas):
    """Vectors in embedding space, one prompt a sample.

    Args:
        restarts: number of prompts, at least 1.
        length: tokens in each, at least 1.
        table: the embeddings of the vocabulary.
        start: where prompts begin: at `"random"` tokens; at `"centroids"` of k-means clusters of the embeddings; at
            `"noise"`, normal numbers with each coordinate's mean and deviation over the vocabulary; or at token ids,
            (restarts, length).
        allowed: the tokens that starts are made of; all if None.
        seed: of the start; prompt i starts alike whatever the number of restarts.
        indices: the prompts' numbers where they are part of something larger; 0 … restarts - 1 if None.
        projection: from vectors to those that the model is to see in their place, such as the nearest tokens; the
            gradient there moves the vectors (a straight-through estimator). None: the vectors themselves.

    Attributes:
        embeddings: the vectors, (restarts, length, width), float32, the canvas's only parameter.
        unit: mean norm of the allowed tokens' embeddings: the length in which steps and distances are given.

    Raises:
        ValueError: restarts or length below 1, an unknown start, start ids of another shape or outside the vocabulary.
    """

    def __init__(
        self,
        restarts: int,
        length: int,
        table: Float[Tensor, "vocabulary width"],
        *,
        start: str | Int[Tensor, "restarts length"] = "random",
        allowed: Bool[Tensor, "vocabulary"] | None = None,
        seed: int = 0,
        indices: Sequence[int] | None = None,
        projection: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        check_settings(restarts=restarts, length=length)
        table = table.detach().float()
        words = table if allowed is None else table[allowed]
        self.unit = words.norm(dim=1).mean().item()
        if isinstance(start, Tensor):
            if start.shape != (restarts, length):
                expected = f"token ids of shape {(restarts, length)}"
                raise ValueError(f"start of shape {tuple(start.shape)} given, expected {expected}.")
            low, high = start.aminmax()
            if low < 0 or high >= len(table):
                raise ValueError(f"start has token ids from {low} to {high}, expected 0 … {len(table) - 1}.")
            vectors = table[start]
        else:
            generators = sample_generators(seed, range(restarts) if indices is None else indices, "prompts")
            vectors = _start(start, words, length, generators, seed)
        self.embeddings, self.projection = nn.Parameter(vectors), projection

    def render(self) -> Float[Tensor, "restarts length width"]:
        if self.projection is None:
            return self.embeddings.clone()
        return self.embeddings + (self.projection(self.embeddings) - self.embeddings).detach()

    def learning_rate(self, share: float) -> float:
        """The rate at which Adam's first step moves each token's vector by `share` of the mean embedding norm."""
        return share * self.unit / math.sqrt(self.embeddings.shape[2])


def _start(
    start: str, words: Tensor, length: int, generators: Sequence[torch.Generator], seed: int
) -> Float[Tensor, "restarts length width"]:
    check_known("start", start, STARTS)
    if start == "noise":
        noise = [torch.randn(length, words.shape[1], generator=each) for each in generators]
        return words.mean(0) + words.std(0, correction=0) * torch.stack(noise).to(words)
    places = _centroids(words, seed) if start == "centroids" else words
    drawn = [torch.randint(len(places), (length,), generator=each) for each in generators]
    return places[torch.stack(drawn).to(places.device)]


def _centroids(words: Float[Tensor, "words width"], seed: int) -> Float[Tensor, "centroids width"]:
    from scipy.cluster.vq import kmeans2  # here, because it is slow to import and seldom needed

    picked = torch.randperm(len(words), generator=torch.Generator().manual_seed(seed))[:CLUSTERED]
    points = words.cpu()[picked].double().numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a cluster that nobody is nearest to stays where it was
        centres, _ = kmeans2(points, min(CENTROIDS, len(points)), minit="++", seed=seed)
    return torch.from_numpy(centres).to(words)
