"""The exercises of chapter 11, nearest neighbours: the pull toward words, and a gradient that chooses among words."""

from __future__ import annotations

import torch

from course_utils.learning.checks_11 import check_pull, check_swap_scores
from course_utils.learning.exercises import Exercise


def pull(embeddings, table):
    """Return, for each prompt, the mean over its places of the Euclidean
    distance from the vector to the nearest row of `table`."""
    distance = torch.cdist(embeddings.flatten(0, 1), table)
    return distance.amin(1).view(embeddings.shape[:2]).mean(1)


def swap_scores(gradient, embeddings, table):
    """Return, for each place of a prompt and each token, what putting the token
    there would add to the score, to first order: the gradient at that place
    times (the token's embedding minus the one that stands there now)."""
    now = (gradient * embeddings).sum(1, keepdim=True)
    return gradient @ table.T - now


EXERCISES = (
    Exercise(
        id="11-pull",
        title="The pull toward words",
        why="Subtracted from the score, it makes a climb that minds where the words are. It has to pass a gradient, or "
        "it would pull at nothing.",
        minutes=7,
        difficulty=2,
        reference=pull,
        check=check_pull,
        hints=(
            "`torch.cdist(a, b)` has the distances of all rows of `a` to all rows of `b`; prompts are "
            "(batch, length, width), so flatten the first two axes before, or let `cdist` work on the batch.",
            "The nearest row is the smallest distance: `.amin(1)`. Take no `argmin` and no `detach`: a gradient has to "
            "come through.",
            "One number a prompt: bring the distances back to (batch, length) and take the mean over dim 1.",
        ),
    ),
    Exercise(
        id="11-swap",
        title="A gradient that chooses among words",
        why="This is the score of HotFlip: one backward pass guesses what every swap of one word would bring, without "
        "leaving the words.",
        minutes=8,
        difficulty=2,
        reference=swap_scores,
        check=check_swap_scores,
        hints=(
            "A function changes by about gradient · step. Here the step at a place is from the vector that stands "
            "there to a token's embedding.",
            "`gradient @ table.T` is (length, vocabulary): gradient · embedding, for every place and token.",
            "From each row subtract gradient · embedding of what stands there now: `(gradient * embeddings).sum(1, "
            "keepdim=True)`.",
        ),
    ),
)
