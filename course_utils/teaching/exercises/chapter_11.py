"""The exercises of chapter 11, nearest neighbours: a penalty on the distance to tokens, and HotFlip's scores."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.teaching.exercises.checks import Compared, numbers_like, require_flow


def pull(embeddings, table):
    """Return, for each prompt, the mean over its positions of the Euclidean
    distance from the vector to the nearest row of `table`.

    Why: Subtracted from the score, it keeps the optimisation close to words. A gradient has to pass through it, or
    it would have no effect.

    Hint: `torch.cdist(a, b)` has the distances of all rows of `a` to all rows of `b`; prompts are (batch, length,
    width), so flatten the first two axes before, or let `cdist` work on the batch.

    Hint: The nearest row is the smallest distance: `.amin(1)`. Take no `argmin` and no `detach`: a gradient has to
    come through.

    Hint: One number a prompt: bring the distances back to (batch, length) and take the mean over dim 1.
    """
    distance = torch.cdist(embeddings.flatten(0, 1), table)
    return distance.amin(1).view(embeddings.shape[:2]).mean(1)


def swap_scores(gradient, embeddings, table):
    """Return, for each position of a prompt and each token, what putting the
    token there would add to the score, to first order: the gradient at that
    position times (the token's embedding minus the one that stands there now).

    Why: This is the score of HotFlip: one backward pass estimates what every swap of one word would add, and
    the prompt still consists of words.

    Hint: A function changes by about gradient · step. Here the step at a position is from the present vector to a
    token's embedding.

    Hint: `gradient @ table.T` is (length, vocabulary): gradient · embedding, for every position and token.

    Hint: From each row subtract gradient · embedding of what stands there now: `(gradient * embeddings).sum(1,
    keepdim=True)`.
    """
    now = (gradient * embeddings).sum(1, keepdim=True)
    return gradient @ table.T - now


def prompts_to_check() -> Iterator[tuple[Tensor, Tensor]]:
    """Arguments of a pull: five prompts of three vectors, and eleven tokens."""
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(11, 6, generator=generator)
    yield torch.randn(5, 3, 6, generator=generator), table


def swaps_to_check() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Arguments of swap scores: a prompt of three tokens, of a vocabulary of nine, and its gradient."""
    generator = torch.Generator().manual_seed(1)
    table = torch.randn(9, 6, generator=generator)
    yield torch.randn(3, 6, generator=generator), table[[4, 0, 7]], table


PULL = Compared(
    id="11-pull",
    title="The pull toward words",
    minutes=7,
    difficulty=2,
    reference=pull,
    cases=prompts_to_check,
    otherwise="the first prompt is {right[0]:.4f} from its nearest words, your function says {result[0]:.4f}.",
    form=numbers_like,
    extra=lambda function: require_flow(function, next(prompts_to_check()), "embeddings"),
    wrong={
        "this is the sum over the positions: take the mean.": {".mean(1)": ".sum(1)"},
        "only the nearest of the positions counts: take their mean.": {".mean(1)": ".amin(1)"},
        "the smallest distance is each word's to its nearest position: take each position's to its nearest word.": (
            lambda embeddings, table: torch.cdist(embeddings, table).amin(1).mean(1)
        ),
        "only the farthest of the positions counts: take their mean.": {".mean(1)": ".amax(1)"},
        "this is the distance to *all* words: take the nearest.": {"amin(1)": "mean(1)"},
        "this is the distance to the farthest word: take `amin`.": {"amin(1)": "amax(1)"},
        "these are squared distances, which hardly pull nearby vectors.": {"amin(1)": "amin(1).square()"},
        "this is the cosine distance: take the Euclidean distance.": (
            lambda e, t: (1 - F.cosine_similarity(e[:, :, None], t, dim=-1)).amin(2).mean(1)
        ),
        "this is one number for the whole batch, its mean: take the mean over dim 1.": {
            ".mean(1)": (".mean()", ".mean().expand(len(embeddings))")
        },
        "the sign is wrong: a distance is at least 0.": {"return ": "return -"},
        "these are ids: take `amin`, not `argmin`.": {"amin(1)": "argmin(1).float()"},
    },
)


SWAP = Compared(
    id="11-swap",
    title="A gradient that chooses among words",
    minutes=8,
    difficulty=2,
    reference=swap_scores,
    cases=swaps_to_check,
    otherwise="token 1 at the first position would add {right[0][1]:.3f}, your function says {result[0][1]:.3f}.",
    form=numbers_like,
    wrong={
        "what stands there now is not subtracted: the same token must add 0.": {" - now": ""},
        "what stands there now is added: subtract it, so that the same token adds 0.": {" - now": " + now"},
        "the sign is wrong: the token's embedding minus the present one.": lambda *given: -swap_scores(*given),
        "the gradient is missing: this compares words with words.": lambda g, e, t: e @ t.T,
        "this is a distance: the gradient is missing.": lambda g, e, t: torch.cdist(e, t),
        "subtract what stands at the *same position* only.": lambda g, e, t: g @ t.T - (g * e).sum(),
        "expected a row for each position and a column for each token.": lambda *given: swap_scores(*given).T,
        "this is a cosine: leave the lengths in.": lambda g, e, t: F.cosine_similarity(g[:, None], t, dim=-1),
    },
)
