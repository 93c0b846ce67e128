"""The exercises of chapter 10, optimising embeddings: a gradient step on embeddings, and the way back to tokens."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from course_utils.teaching.exercises.checks import Compared, a_small_reader


def ascent_step(model, embeddings, target, lr):
    """Return `embeddings` after one step up the log-probability of the token
    `target`: each prompt moves by `lr` along its own gradient, divided by the
    gradient's length over all of the prompt's numbers.

    Why: This is the step of chapter 4 with embeddings instead of pixels. Nothing has to be clamped, as every number
    is allowed here, and that causes the problems of this chapter.

    Hint: The score is one number a prompt: column `target` of `model(embeddings).log_softmax(1)`.

    Hint: `torch.autograd.grad(score.sum(), embeddings)` gives every prompt its own gradient, as the prompts'
    scores do not depend on each other. `embeddings` needs `requires_grad_()` on a copy.

    Hint: A prompt's gradient has the shape (length, width): its length is `gradient.norm(dim=(1, 2),
    keepdim=True)`. Add `lr` times gradient over length, and detach. A gradient of 0 has no direction: divide by
    `length.clamp_min(1e-12)`.
    """
    embeddings = embeddings.detach().clone().requires_grad_()
    score = model(embeddings).log_softmax(1)[:, target]
    (gradient,) = torch.autograd.grad(score.sum(), embeddings)
    length = gradient.norm(dim=(1, 2), keepdim=True)
    return (embeddings + lr * gradient / length.clamp_min(1e-12)).detach()


def snap(embeddings, table, allowed):
    """Return, for each vector of each prompt, the id of the nearest allowed
    token, (batch, length), by Euclidean distance to its row of `table`.

    Why: Vectors cannot be typed. The nearest token is the simplest way to read one, and shows how much of a soft
    prompt is left when it has to be text.

    Hint: Compare every vector with every row of `table`. `torch.cdist(a, b)` is a table of distances, one row for
    each row of `a`.

    Hint: `embeddings.flatten(0, 1)` makes a list of all vectors; at the end, `.view(embeddings.shape[:2])` brings the
    ids back to (batch, length).

    Hint: Tokens that are not allowed must not win: `distance.masked_fill(~allowed, float('inf'))` before the
    `argmin(1)`.
    """
    distance = torch.cdist(embeddings.flatten(0, 1), table)
    distance = distance.masked_fill(~allowed, float("inf"))
    return distance.argmin(1).view(embeddings.shape[:2])


def steps_to_check() -> Iterator[tuple[nn.Module, Tensor, int, float]]:
    """Arguments of a step: a model, and one whose scores are constant, so that there is no gradient."""
    for weight in (1.0, 0.0):
        model, embeddings, target = a_small_reader()
        model[-1].weight.data *= weight  # type: ignore[operator, assignment]
        yield model, embeddings, target, 0.25


def vectors_to_check() -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Arguments of a search: six prompts of four vectors, twelve tokens; the nearest is not always allowed."""
    generator = torch.Generator().manual_seed(1)
    table = torch.randn(12, 5, generator=generator) * torch.linspace(0.4, 2.5, 12)[:, None]
    vectors = 1.2 * torch.randn(6, 4, 5, generator=generator)
    vectors[0, 0] = table[2] + 0.01
    yield vectors, table, ~torch.isin(torch.arange(12), torch.tensor([0, 2, 5]))


def first_wrong_id(result: Tensor, right: Tensor, *given: object) -> str:
    """The message for ids that are none of the table's."""
    at, allowed = tuple((result != right).nonzero()[0].tolist()), given[-1]
    if (result >= 0).all() and not allowed[result.long()].all():  # type: ignore[index]
        return "some tokens that are not allowed are chosen: set their distances to infinity, then `argmin`."
    return f"vector {at} is nearest to token {right[at]} of the allowed ones, your function says {result[at]}."


ASCENT = Compared(
    id="10-ascent",
    title="A step in embedding space",
    minutes=8,
    difficulty=2,
    reference=ascent_step,
    cases=steps_to_check,
    otherwise=lambda result, right, model, embeddings, target, lr: (
        f"the first prompt moves by {(result - embeddings)[0].norm():.3g}, expected "
        f"{(right - embeddings)[0].norm():.3g}, along the gradient of the target's log-probability."
    ),
    wrong={
        "a gradient of 0 is divided by its length, which gives NaN: divide by at least 1e-12, `clamp_min`.": {
            ".clamp_min(1e-12)": ""
        },
        "your step goes down the log-probability: add the gradient.": {"+ lr": "- lr"},
        "this is the logit's gradient: take `.log_softmax(1)` first.": {".log_softmax(1)": ""},
        "the softmax runs over the prompts: take dim 1.": {"softmax(1)": "softmax(0)"},
        "the gradient is not divided by its length.": {" / length.clamp_min(1e-12)": ""},
        "the length is that of the whole batch: take each prompt's.": {"dim=(1, 2), keepdim=True": ""},
        "the length is each vector's: take the prompt's.": {"(1, 2)": "2"},
        "this is the gradient's sign: divide by its length instead.": {"norm(dim=(1, 2), keepdim=True)": "abs()"},
        "this divides by the largest number, not the length.": {"norm(": "abs().amax("},
        "`lr` is missing: a prompt moves by `lr`.": {"lr * ": ""},
        "this is the step alone: add it to the embeddings.": {"embeddings + lr": "lr"},
        "nothing has changed: return the embeddings after the step.": lambda m, e, t, lr: e,
    },
)


SNAP = Compared(
    id="10-snap",
    title="Back to tokens",
    minutes=7,
    difficulty=1,
    reference=snap,
    cases=vectors_to_check,
    otherwise=first_wrong_id,
    wrong={
        "tokens that are not allowed are chosen: mask them.": lambda e, t, a: torch.cdist(e, t).argmin(2),
        "only tokens that are *not* allowed are chosen: mask with `~allowed`.": {"~": ""},
        "these are indices among the allowed tokens, not ids.": lambda e, t, a: torch.cdist(e, t[a]).argmin(2),
        "these are distances: return token ids, `argmin` instead of `min`.": (
            lambda e, t, a: torch.cdist(e, t).amin(2),
            lambda e, t, a: torch.cdist(e, t[a]).amin(2),
        ),
        "expected one id a vector, (batch, length): `.view(embeddings.shape[:2])`.": {
            ".view(embeddings.shape[:2])": ("", ".view(embeddings.shape[:2]).T.reshape(embeddings.shape[:2])")
        },
        "these are the farthest tokens: `argmin`.": {"= torch": "= -torch"},
        "this is the cosine, which ignores lengths: take the Euclidean distance.": {
            "table)": "table / table.norm(dim=1, keepdim=True))"
        },
        "this is the product, not a distance.": {"torch.cdist(": "-(", ", table)": " @ table.T)"},
    },
)
