"""The exercises of chapter 11, nearest neighbours: the pull toward words, and a gradient that chooses among words."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.teaching.exercises.checks import inputs_untouched, require_equal, require_flow, require_one_each
from course_utils.teaching.exercises.exercise import Exercise, Mistake


def pull(embeddings, table):
    """Return, for each prompt, the mean over its places of the Euclidean
    distance from the vector to the nearest row of `table`.

    Why: Subtracted from the score, it makes a climb that minds where the words are. It has to pass a gradient, or
    it would pull at nothing.

    Hint: `torch.cdist(a, b)` has the distances of all rows of `a` to all rows of `b`; prompts are (batch, length,
    width), so flatten the first two axes before, or let `cdist` work on the batch.

    Hint: The nearest row is the smallest distance: `.amin(1)`. Take no `argmin` and no `detach`: a gradient has to
    come through.

    Hint: One number a prompt: bring the distances back to (batch, length) and take the mean over dim 1.
    """
    distance = torch.cdist(embeddings.flatten(0, 1), table)
    return distance.amin(1).view(embeddings.shape[:2]).mean(1)


def swap_scores(gradient, embeddings, table):
    """Return, for each place of a prompt and each token, what putting the token
    there would add to the score, to first order: the gradient at that place
    times (the token's embedding minus the one that stands there now).

    Why: This is the score of HotFlip: one backward pass guesses what every swap of one word would bring, without
    leaving the words.

    Hint: A function changes by about gradient · step. Here the step at a place is from the vector that stands there
    to a token's embedding.

    Hint: `gradient @ table.T` is (length, vocabulary): gradient · embedding, for every place and token.

    Hint: From each row subtract gradient · embedding of what stands there now: `(gradient * embeddings).sum(1,
    keepdim=True)`.
    """
    now = (gradient * embeddings).sum(1, keepdim=True)
    return gradient @ table.T - now


def check_pull(function: Callable, exercise: Exercise) -> None:
    """Nearest, Euclidean, a mean over places, one number a prompt; and a gradient comes through."""
    reference = exercise.reference
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(11, 6, generator=generator)
    prompts = torch.randn(5, 3, 6, generator=generator)
    with inputs_untouched(embeddings=prompts, table=table):
        result = require_one_each(function(prompts, table), len(prompts))
    right, far = reference(prompts, table), torch.cdist(prompts, table)
    near = far.amin(2)
    cosine = 1 - torch.nn.functional.cosine_similarity(prompts[:, :, None], table, dim=-1)
    mistakes = [
        (near.sum(1), "this is the sum over the places: take the mean, so that long prompts are not pulled harder."),
        (near.amin(1), "only the nearest of the places counts: take the mean over them."),
        (near.amax(1), "only the farthest of the places counts: take the mean over them."),
        (far.mean((1, 2)), "this is the distance to *all* words: the nearest of them is meant, `.amin`."),
        (far.amax(2).mean(1), "this is the distance to the farthest word: `.amin`."),
        (near.square().mean(1), "these are squared distances: a vector near a word would hardly be pulled any more."),
        (cosine.amin(2).mean(1), "this is the cosine distance, expected the Euclidean."),
        (near.mean().expand(len(prompts)), "every prompt gets the mean of the batch: the mean is over dim 1."),
        (-near.mean(1), "the sign is turned round: a distance is at least 0, and is subtracted later."),
        (far.argmin(2).float().mean(1), "these are ids of tokens, not distances: `.amin`, not `.argmin`."),
    ]
    otherwise = f"the first prompt is {right[0]:.4f} from its nearest words, your function says {result[0]:.4f}."
    require_equal(result.float(), right, mistakes, otherwise)
    require_flow(lambda e: function(e, table), prompts, "embeddings")


def check_swap_scores(function: Callable, exercise: Exercise) -> None:
    """(length, vocabulary); 0 for the token that stands there already."""
    reference = exercise.reference
    generator = torch.Generator().manual_seed(1)
    table = torch.randn(9, 6, generator=generator)
    gradient, ids = torch.randn(3, 6, generator=generator), torch.tensor([4, 0, 7])
    prompt = table[ids]
    with inputs_untouched(gradient=gradient, embeddings=prompt, table=table):
        result = function(gradient, prompt, table)
    if not isinstance(result, Tensor) or result.shape != (3, 9):
        shape = f"the shape {tuple(result.shape)}" if isinstance(result, Tensor) else type(result).__name__
        raise Mistake(f"your function's result is {shape}, expected (3, 9): a row for each place, a column a token.")
    right, product = reference(gradient, prompt, table), gradient @ table.T
    mistakes = [
        (
            product,
            "what stands there now is not subtracted: the order is right, but a swap for the same token must add 0.",
        ),
        (-right, "the sign is turned round: the token's embedding minus the one that stands there."),
        (prompt @ table.T, "this is the likeness of words: the gradient is missing."),
        (product - (gradient * prompt).sum(), "subtract what stands at the *same place*, not at all places together."),
        (torch.cdist(prompt, table), "this is a distance: the gradient is missing."),
        (
            product / (gradient.norm(dim=1, keepdim=True) * table.norm(dim=1)),
            "this is a cosine: leave the lengths in, a long step changes more.",
        ),
    ]
    otherwise = (
        f"putting token 1 at the first place would add {right[0, 1]:.3f}, to first order; your function says "
        f"{result[0, 1]:.3f}."
    )
    require_equal(result, right, mistakes, otherwise)


EXERCISES = (
    Exercise(
        id="11-pull",
        title="The pull toward words",
        minutes=7,
        difficulty=2,
        reference=pull,
        check=check_pull,
    ),
    Exercise(
        id="11-swap",
        title="A gradient that chooses among words",
        minutes=8,
        difficulty=2,
        reference=swap_scores,
        check=check_swap_scores,
    ),
)
