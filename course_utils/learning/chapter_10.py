"""The exercises of chapter 10, optimising embeddings: a step of the climb, and the way back to tokens."""

from __future__ import annotations

import torch

from course_utils.learning.checks_10 import check_climb_step, check_snap
from course_utils.learning.exercises import Exercise


def climb_step(model, embeddings, target, lr):
    """Return `embeddings` after one step up the log-probability of the token
    `target`: each prompt moves by `lr` along its own gradient, divided by the
    gradient's length over all of the prompt's numbers."""
    embeddings = embeddings.detach().clone().requires_grad_()
    score = model(embeddings).log_softmax(1)[:, target]
    (gradient,) = torch.autograd.grad(score.sum(), embeddings)
    length = gradient.norm(dim=(1, 2), keepdim=True)
    return (embeddings + lr * gradient / length.clamp_min(1e-12)).detach()


def snap(embeddings, table, allowed):
    """Return, for each vector of each prompt, the id of the nearest allowed
    token, (batch, length), by Euclidean distance to its row of `table`."""
    distance = torch.cdist(embeddings.flatten(0, 1), table)
    distance = distance.masked_fill(~allowed, float("inf"))
    return distance.argmin(1).view(embeddings.shape[:2])


EXERCISES = (
    Exercise(
        id="10-climb",
        title="A step in embedding space",
        why="It is the step of chapter 4 with embeddings for pixels. Nothing has to be clamped, for no number is "
        "forbidden here, and that is where the trouble of this chapter comes from.",
        minutes=8,
        difficulty=2,
        reference=climb_step,
        check=check_climb_step,
        hints=(
            "What is climbed is one number a prompt: column `target` of `model(embeddings).log_softmax(1)`.",
            "`torch.autograd.grad(score.sum(), embeddings)` gives every prompt its own gradient, as prompts do not "
            "know of each other. `embeddings` needs `requires_grad_()` on a copy.",
            "A prompt's gradient has the shape (length, width): its length is `gradient.norm(dim=(1, 2), "
            "keepdim=True)`. Add `lr` times gradient over length, and detach.",
        ),
    ),
    Exercise(
        id="10-snap",
        title="Back to tokens",
        why="Vectors cannot be typed. The nearest token is the plainest way to read one, and the measure of how much "
        "of a soft prompt is left when it has to be text.",
        minutes=7,
        difficulty=1,
        reference=snap,
        check=check_snap,
        hints=(
            "Compare every vector with every row of `table`. `torch.cdist(a, b)` is a table of distances, one row for "
            "each row of `a`.",
            "`embeddings.flatten(0, 1)` makes a list of all vectors; at the end, `.view(embeddings.shape[:2])` puts "
            "the answers back in their places.",
            "Tokens that are not allowed must not win: `distance.masked_fill(~allowed, float('inf'))` before the "
            "`argmin(1)`.",
        ),
    ),
)
