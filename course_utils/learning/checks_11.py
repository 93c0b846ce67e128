"""What the checks of chapter 11 look at: the distance to the nearest word, and the first-order score of a swap."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.learning.exercises import Mistake
from course_utils.learning.properties import inputs_untouched, require_equal, require_flow, require_one_each


def check_pull(function: Callable, reference: Callable) -> None:
    """Nearest, Euclidean, a mean over places, one number a prompt; and a gradient comes through."""
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


def check_swap_scores(function: Callable, reference: Callable) -> None:
    """(length, vocabulary); 0 for the token that stands there already."""
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
