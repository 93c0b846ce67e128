"""The checks of chapter 10 accept what is right and name the mistake in what is wrong."""

import pytest
import torch

from course_utils.learning import all_exercises, find
from course_utils.teaching.exercises.chapter_10 import climb_step, snap
from course_utils.teaching.exercises.exercise import judge


def step(score=lambda logits, t: logits.log_softmax(1)[:, t], by=lambda g: g.norm(dim=(1, 2), keepdim=True), sign=1):
    """The step with one of its pieces done otherwise."""

    def climb_step(model, embeddings, target, lr):
        e = embeddings.clone().requires_grad_()
        gradient = torch.autograd.grad(score(model(e), target).sum(), e)[0]
        return (e + sign * lr * gradient / by(gradient).clamp_min(1e-12)).detach()

    return climb_step


def with_backward(model, embeddings, target, lr):
    e = embeddings.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(model(e), torch.full((len(e),), target), reduction="sum")
    loss.backward()
    for weight in getattr(model, "parameters", list)():
        weight.grad = None
    return (e - lr * e.grad / (e.grad.norm(dim=(1, 2), keepdim=True) + 1e-12)).detach()


def prompt_by_prompt(model, embeddings, target, lr):
    return torch.cat([climb_step(model, one[None], target, lr) for one in embeddings])


def without_a_guard(model, embeddings, target, lr):
    e = embeddings.clone().requires_grad_()
    gradient = torch.autograd.grad(model(e).log_softmax(1)[:, target].sum(), e)[0]
    return (e + lr * gradient / gradient.norm(dim=(1, 2), keepdim=True)).detach()


def in_place(model, embeddings, target, lr):
    return embeddings.copy_(climb_step(model, embeddings, target, lr))


def forgetting_gradients(model, embeddings, target, lr):
    e = embeddings.clone().requires_grad_()
    model(e).log_softmax(1)[:, target].sum().backward()
    return (e + lr * e.grad / e.grad.norm(dim=(1, 2), keepdim=True)).detach()


def by_loop(embeddings, table, allowed):
    ids = torch.empty(embeddings.shape[:2], dtype=torch.long)
    for row, prompt in enumerate(embeddings):
        for place, vector in enumerate(prompt):
            far = ((table - vector) ** 2).sum(1)
            ids[row, place] = min((i for i in range(len(table)) if allowed[i]), key=lambda i: far[i])
    return ids


def nearest(measure=torch.cdist, mask=lambda far, allowed: far.masked_fill(~allowed, torch.inf), pick=torch.argmin):
    def snap(embeddings, table, allowed):
        return pick(mask(measure(embeddings, table), allowed), dim=2)

    return snap


def cosine(embeddings, table):
    return 1 - torch.nn.functional.cosine_similarity(embeddings[:, :, None], table, dim=-1)


RIGHT = {
    "10-climb": [
        climb_step,
        step(),
        with_backward,
        prompt_by_prompt,
    ],
    "10-snap": [
        nearest(),
        by_loop,
    ],
}
WRONG = {
    "10-climb": [
        (step(sign=-1), "goes down"),
        (step(score=lambda logits, t: logits[:, t]), "climbs the logit"),
        (step(score=lambda logits, t: logits.log_softmax(0)[:, t]), "dim 1"),
        (step(by=lambda g: torch.ones(1)), "not divided by its length"),
        (step(by=lambda g: g.norm()), "whole batch"),
        (step(by=lambda g: g.norm(dim=2, keepdim=True)), "each vector by itself"),
        (step(by=lambda g: g.abs().amax(dim=(1, 2), keepdim=True)), "largest number"),
        (lambda model, embeddings, target, lr: embeddings, "nothing has changed"),
        (without_a_guard, "NaN"),
        (in_place, "in place"),
        (forgetting_gradients, "leaves gradients in the weights"),
        (step(score=lambda logits, t: logits.softmax(1)[:, t], by=lambda g: g.norm() * 3), "prompts move by"),
    ],
    "10-snap": [
        (nearest(mask=lambda far, allowed: far), "not allowed are chosen"),
        (nearest(mask=lambda far, allowed: far.masked_fill(allowed, torch.inf)), "mask with"),
        (nearest(mask=lambda far, allowed: far[..., allowed]), "places among the allowed"),
        (nearest(measure=cosine), "blind to lengths"),
        (nearest(measure=lambda e, t: -(e @ t.T)), "the product"),
        (lambda e, t, allowed: nearest()(e, t, allowed).flatten(), "one id a vector"),
        (lambda e, t, allowed: torch.cdist(e, t).amin(2), "expected token ids"),
        (lambda e, t, allowed: torch.zeros(6, 4, dtype=torch.long) + 1, "is nearest to token"),
    ],
}


@pytest.mark.parametrize("id", ["10-climb", "10-snap"])
def test_an_empty_function_is_not_started(id):
    names = ("model, embeddings, target, lr", "embeddings, table, allowed")[id == "10-snap"]
    scope: dict = {}
    exec(f"def function({names}):\n    ...", scope)
    assert judge(find(id), scope["function"]).status == "not started"


def test_the_references_are_solutions_and_the_exercises_are_listed():
    ids = [exercise.id for exercise in all_exercises()]
    assert {"10-climb", "10-snap"} <= set(ids)
    assert find("10-snap").reference is snap
