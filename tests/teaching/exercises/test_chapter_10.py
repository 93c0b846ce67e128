"""The checks of chapter 10 accept what is right and name the mistake in what is wrong."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from course_utils.learning import all_exercises, find
from course_utils.teaching.exercises.chapter_10 import ascent_step, snap
from course_utils.teaching.exercises.exercise import judge


def by_autograd(model, embeddings, target, lr):
    e = embeddings.clone().requires_grad_()
    gradient = torch.autograd.grad(model(e).log_softmax(1)[:, target].sum(), e)[0]
    return (e + lr * F.normalize(gradient.flatten(1), dim=1).view_as(e)).detach()


def by_backward(model, embeddings, target, lr):
    e = embeddings.clone().requires_grad_()
    loss = F.cross_entropy(model(e), torch.full((len(e),), target), reduction="sum")
    loss.backward()
    return (e - lr * e.grad / (e.grad.norm(dim=(1, 2), keepdim=True) + 1e-12)).detach()


def by_backward_in_numpy(model, embeddings, target, lr):
    e = embeddings.clone().requires_grad_()
    model(e).log_softmax(1)[:, target].sum().backward()
    gradient = e.grad.numpy()
    length = np.sqrt((gradient**2).sum((1, 2), keepdims=True))
    return embeddings + torch.from_numpy(lr * gradient / np.maximum(length, 1e-12))


def prompt_by_prompt(model, embeddings, target, lr):
    return torch.cat([ascent_step(model, one[None], target, lr) for one in embeddings])


def without_a_guard(model, embeddings, target, lr):
    e = embeddings.clone().requires_grad_()
    model(e).log_softmax(1)[:, target].sum().backward()
    return (e + lr * e.grad / e.grad.norm(dim=(1, 2), keepdim=True)).detach()


def gradient_of_probability(model, embeddings, target, lr):
    e = embeddings.clone().requires_grad_()
    gradient = torch.autograd.grad(model(e).softmax(1)[:, target].sum(), e)[0]
    return (e + lr * gradient / (3 * gradient.norm()).clamp_min(1e-12)).detach()


def with_a_graph(model, embeddings, target, lr):
    return ascent_step(model, embeddings, target, lr).requires_grad_()


def in_place(model, embeddings, target, lr):
    return embeddings.copy_(ascent_step(model, embeddings, target, lr))


def training_the_model(model, embeddings, target, lr):
    with torch.no_grad():
        next(model.parameters()).mul_(1.1)
    return ascent_step(model, embeddings, target, lr)


def by_loop(embeddings, table, allowed):
    ids = torch.empty(embeddings.shape[:2], dtype=torch.long)
    for row, prompt in enumerate(embeddings):
        for place, vector in enumerate(prompt):
            far = ((table - vector) ** 2).sum(1)
            ids[row, place] = min((i for i in range(len(table)) if allowed[i]), key=lambda i: far[i])
    return ids


def in_numpy(embeddings, table, allowed):
    far = ((embeddings.numpy()[:, :, None] - table.numpy()) ** 2).sum(-1)
    return torch.from_numpy(np.where(allowed.numpy(), far, np.inf).argmin(-1))


def by_ids_of_the_allowed(embeddings, table, allowed):
    ids = allowed.nonzero()[:, 0]
    return ids[torch.cdist(embeddings, table[ids]).argmin(2)]


RIGHT = {
    "10-ascent": [ascent_step, by_autograd, by_backward, by_backward_in_numpy, prompt_by_prompt],
    "10-snap": [by_loop, in_numpy, by_ids_of_the_allowed],
}
WRONG = {
    "10-ascent": [
        (without_a_guard, "NaN"),
        (in_place, "in place"),
        (with_a_graph, "detach"),
        (training_the_model, "changes the weights"),
        (gradient_of_probability, "prompt moves by"),
    ],
    "10-snap": [
        (lambda e, table, allowed: torch.zeros(6, 4, dtype=torch.long) + 1, "is nearest to token"),
        (lambda e, table, allowed: snap(e, table, allowed).float(), "expected torch.int64"),
        (lambda e, table, allowed: snap(e, table, allowed).tolist(), "is a list"),
        (lambda e, table, allowed: snap(e.mul_(2), table, allowed), "in place"),
    ],
}


@pytest.mark.parametrize("id", ["10-ascent", "10-snap"])
def test_an_empty_function_is_not_started(id):
    names = ("model, embeddings, target, lr", "embeddings, table, allowed")[id == "10-snap"]
    scope: dict = {}
    exec(f"def function({names}):\n    ...", scope)
    assert judge(find(id), scope["function"]).status == "not started"


def test_the_references_are_solutions_and_the_exercises_are_listed():
    ids = [exercise.id for exercise in all_exercises()]
    assert {"10-ascent", "10-snap"} <= set(ids)
    assert find("10-snap").reference is snap
