"""The checks of chapter 11 accept what is right and name the mistake in what is wrong."""

import torch

from course_utils.language import PullToTokens, TokenTable
from course_utils.teaching.exercises.chapter_11 import pull, swap_scores


def by_neighbour(embeddings, table):
    ids = torch.cdist(embeddings.detach(), table).argmin(2)
    return (embeddings - table[ids]).norm(dim=2).mean(1)


def pull_in_loops(embeddings, table):
    prompts = []
    for prompt in embeddings:
        distances = [torch.stack([(vector - token).norm() for token in table]).min() for vector in prompt]
        prompts.append(sum(distances) / len(distances))
    return torch.stack(prompts)


def one_by_one(gradient, embeddings, table):
    rows = [[g @ (token - e) for token in table] for g, e in zip(gradient, embeddings, strict=True)]
    return torch.tensor(rows)


def swaps_in_numpy(gradient, embeddings, table):
    g, e, t = (each.numpy().astype(float) for each in (gradient, embeddings, table))
    return torch.from_numpy(g @ t.T - (g * e).sum(1, keepdims=True))


def swaps_by_backward(gradient, embeddings, table):
    onehot = torch.cdist(embeddings, table).argmin(1)
    weights = torch.nn.functional.one_hot(onehot, len(table)).float().requires_grad_()
    (gradient * (weights @ table - embeddings)).sum().backward()
    return weights.grad - weights.grad.gather(1, onehot[:, None])


RIGHT = {
    "11-pull": [
        lambda embeddings, table: torch.cdist(embeddings, table).amin(2).mean(1),
        by_neighbour,
        pull_in_loops,
    ],
    "11-swap": [
        one_by_one,
        swaps_in_numpy,
        swaps_by_backward,
        lambda gradient, embeddings, table: ((table[None] - embeddings[:, None]) * gradient[:, None]).sum(2),
    ],
}
WRONG = {
    "11-pull": [
        (lambda embeddings, table: pull(embeddings, table).detach(), "no gradient reaches"),
        (lambda embeddings, table: torch.from_numpy(pull(embeddings, table).detach().numpy()), "no gradient reaches"),
        (lambda embeddings, table: 1.1 * pull(embeddings, table), "from its nearest words"),
        (lambda embeddings, table: pull(embeddings.mul_(2), table), "in place"),
        (lambda embeddings, table: pull(embeddings, table)[:, None], "expected (5,)"),
        (lambda embeddings, table: pull(embeddings, table) / 0, "NaN or infinity"),
    ],
    "11-swap": [
        (lambda gradient, embeddings, table: 2 * swap_scores(gradient, embeddings, table), "would add"),
        (lambda gradient, embeddings, table: swap_scores(gradient, embeddings, table).sum(1), "expected (3, 9)"),
        (lambda gradient, embeddings, table: swap_scores(gradient, embeddings, table).tolist(), "is a list"),
    ],
}


def test_the_exercise_s_pull_is_the_package_s():
    generator = torch.Generator().manual_seed(2)
    table, prompts = torch.randn(20, 8, generator=generator), torch.randn(4, 3, 8, generator=generator)
    words = TokenTable(table, "euclidean")
    assert torch.allclose(pull(prompts, table) / words.unit, PullToTokens(words, 1.0)(prompts), atol=1e-5)
