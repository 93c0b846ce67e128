"""The exercises of chapter 10, optimising embeddings: a step of the climb, and the way back to tokens."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.teaching.exercises.checks import (
    a_small_reader,
    close,
    inputs_untouched,
    require_equal,
    require_tensor_like,
    weights_untouched,
)
from course_utils.teaching.exercises.exercise import Exercise, Mistake


def climb_step(model, embeddings, target, lr):
    """Return `embeddings` after one step up the log-probability of the token
    `target`: each prompt moves by `lr` along its own gradient, divided by the
    gradient's length over all of the prompt's numbers.

    Why: It is the step of chapter 4 with embeddings for pixels. Nothing has to be clamped, for no number is
    forbidden here, and that is where the trouble of this chapter comes from.

    Hint: What is climbed is one number a prompt: column `target` of `model(embeddings).log_softmax(1)`.

    Hint: `torch.autograd.grad(score.sum(), embeddings)` gives every prompt its own gradient, as prompts do not know
    of each other. `embeddings` needs `requires_grad_()` on a copy.

    Hint: A prompt's gradient has the shape (length, width): its length is `gradient.norm(dim=(1, 2),
    keepdim=True)`. Add `lr` times gradient over length, and detach.
    """
    embeddings = embeddings.detach().clone().requires_grad_()
    score = model(embeddings).log_softmax(1)[:, target]
    (gradient,) = torch.autograd.grad(score.sum(), embeddings)
    length = gradient.norm(dim=(1, 2), keepdim=True)
    return (embeddings + lr * gradient / length.clamp_min(1e-12)).detach()


def snap(embeddings, table, allowed):
    """Return, for each vector of each prompt, the id of the nearest allowed
    token, (batch, length), by Euclidean distance to its row of `table`.

    Why: Vectors cannot be typed. The nearest token is the plainest way to read one, and the measure of how much of
    a soft prompt is left when it has to be text.

    Hint: Compare every vector with every row of `table`. `torch.cdist(a, b)` is a table of distances, one row for
    each row of `a`.

    Hint: `embeddings.flatten(0, 1)` makes a list of all vectors; at the end, `.view(embeddings.shape[:2])` puts the
    answers back in their places.

    Hint: Tokens that are not allowed must not win: `distance.masked_fill(~allowed, float('inf'))` before the
    `argmin(1)`.
    """
    distance = torch.cdist(embeddings.flatten(0, 1), table)
    distance = distance.masked_fill(~allowed, float("inf"))
    return distance.argmin(1).view(embeddings.shape[:2])


LR = 0.25


def check_climb_step(function: Callable, exercise: Exercise) -> None:
    """Up, by `lr`, each prompt by its own gradient's length; and a prompt without a gradient stays."""
    reference = exercise.reference
    model, embeddings, target = a_small_reader()
    with inputs_untouched(embeddings=embeddings), weights_untouched(model, gradients=True):
        result = require_tensor_like(function(model, embeddings, target, LR), embeddings)
    moved = (result - embeddings).norm(dim=(1, 2))
    require_equal(
        result,
        reference(model, embeddings, target, LR),
        _step_mistakes(model, embeddings, target),
        f"the prompts move by {', '.join(f'{each:.3g}' for each in moved.tolist())}, expected {LR:g} each, along the "
        "gradient of `model(embeddings).log_softmax(1)[:, target]`.",
    )
    with inputs_untouched(embeddings=embeddings):
        still = require_tensor_like(function(lambda e: model(0 * e), embeddings, target, LR), embeddings)
    if not close(still, embeddings):
        raise Mistake("a prompt whose score has no gradient moves: it should stay.")


def _step_mistakes(model: torch.nn.Module, embeddings: Tensor, target: int) -> list[tuple[Tensor, str]]:
    def gradient(score: Callable[[Tensor], Tensor]) -> Tensor:
        at = embeddings.clone().requires_grad_()
        return torch.autograd.grad(score(model(at)).sum(), at)[0]

    def unit(gradient: Tensor, dim: tuple[int, ...] = (1, 2)) -> Tensor:
        return gradient / gradient.norm(dim=dim, keepdim=True)

    right = gradient(lambda logits: logits.log_softmax(1)[:, target])
    logit = gradient(lambda logits: logits[:, target])
    others = gradient(lambda logits: logits.log_softmax(0)[:, target])
    whole = "the gradient's length is taken"
    return [
        (embeddings, "nothing has changed: return the embeddings after the step."),
        (embeddings - LR * unit(right), "your step goes down the log-probability: add the gradient."),
        (
            embeddings + LR * unit(logit),
            "this climbs the logit, which may grow while others grow more: take `.log_softmax(1)` first.",
        ),
        (embeddings + LR * unit(others), "the softmax runs over the prompts: tokens compete, dim 1."),
        (embeddings + LR * right, "the gradient is not divided by its length."),
        (embeddings + LR * right / len(embeddings), "the gradient is not divided by its length."),
        (
            embeddings + LR * right / right.norm(),
            f"{whole} over the whole batch: each prompt has its own, `norm(dim=(1, 2), keepdim=True)`.",
        ),
        (
            embeddings + LR * unit(right, (2,)),
            f"{whole} for each vector by itself: take it over the whole prompt, `norm(dim=(1, 2), keepdim=True)`.",
        ),
        (embeddings + LR * right.sign(), "every number moves by all of `lr`: divide by the length, take no sign."),
        (
            embeddings + LR * right / right.abs().amax(dim=(1, 2), keepdim=True),
            "the gradient is divided by its largest number, expected its length, `norm(dim=(1, 2), keepdim=True)`.",
        ),
        (embeddings + unit(right), "`lr` is missing: a prompt moves by `lr`."),
        (LR * unit(right), "this is the step alone: add it to the embeddings."),
    ]


def check_snap(function: Callable, exercise: Exercise) -> None:
    """The nearest row, by Euclidean distance, among those that are allowed."""
    reference = exercise.reference
    generator = torch.Generator().manual_seed(1)
    table = torch.randn(12, 5, generator=generator) * torch.linspace(0.4, 2.5, 12)[:, None]
    vectors = 1.2 * torch.randn(6, 4, 5, generator=generator)
    allowed = torch.ones(12, dtype=torch.bool)
    allowed[[0, 2, 5]] = False
    vectors[0, 0] = table[2] + 0.01  # a token's neighbour, and the token is not allowed
    with inputs_untouched(embeddings=vectors, table=table):
        result = function(vectors, table, allowed)
    if not isinstance(result, Tensor):
        raise Mistake(f"your function's result is a {type(result).__name__}, expected a tensor of token ids.")
    if result.is_floating_point():
        raise Mistake("your function returns floating-point numbers, expected token ids: `argmin`, not `min`.")
    if result.shape != vectors.shape[:2]:
        raise Mistake(f"your function's result has the shape {tuple(result.shape)}, expected (6, 4): one id a vector.")
    distance = torch.cdist(vectors, table)
    cosine = torch.nn.functional.cosine_similarity(vectors[:, :, None], table, dim=-1)
    barred = distance.masked_fill(~allowed, torch.inf)
    others = [
        (distance.argmin(2), "tokens that are not allowed are chosen: set their distance to infinity first."),
        (
            distance.masked_fill(allowed, torch.inf).argmin(2),
            "only tokens that are *not* allowed are chosen: mask with `~allowed`.",
        ),
        (
            distance[..., allowed].argmin(2),
            "these are places among the allowed tokens: translate them into ids, or mask instead of picking.",
        ),
        (distance.masked_fill(~allowed, -torch.inf).argmax(2), "these are the farthest tokens: `argmin`."),
        (cosine.masked_fill(~allowed, -torch.inf).argmax(2), "this is the cosine, which is blind to lengths."),
        ((vectors @ table.T).masked_fill(~allowed, -torch.inf).argmax(2), "this is the product, not a distance."),
        (barred.argmin(2).T.reshape(6, 4), "prompts and places are mixed up: `.view(embeddings.shape[:2])`."),
    ]
    right = reference(vectors, table, allowed)
    if torch.equal(result.long(), right):
        return
    for wrong, message in others:
        if torch.equal(result.long(), wrong):
            raise Mistake(message)
    place = (result != right).nonzero()[0].tolist()
    raise Mistake(
        f"vector {place} is nearest to token {right[tuple(place)]}, your function says {result[tuple(place)]}: is it "
        "the smallest Euclidean distance among the allowed tokens?"
    )


EXERCISES = (
    Exercise(
        id="10-climb",
        title="A step in embedding space",
        minutes=8,
        difficulty=2,
        reference=climb_step,
        check=check_climb_step,
    ),
    Exercise(
        id="10-snap",
        title="Back to tokens",
        minutes=7,
        difficulty=1,
        reference=snap,
        check=check_snap,
    ),
)
