"""The checks of chapter 11 accept what is right and name the mistake in what is wrong."""

import torch

from course_utils.language import PullToTokens, TokenTable
from course_utils.teaching.exercises.chapter_11 import pull, swap_scores


def near(embeddings, table):
    return torch.cdist(embeddings, table).amin(2)


def by_neighbour(embeddings, table):
    ids = torch.cdist(embeddings.detach(), table).argmin(2)
    return (embeddings - table[ids]).norm(dim=2).mean(1)


def one_by_one(gradient, embeddings, table):
    rows = [[g @ (token - e) for token in table] for g, e in zip(gradient, embeddings, strict=True)]
    return torch.tensor(rows)


RIGHT = {
    "11-pull": [
        lambda embeddings, table: near(embeddings, table).mean(1),
        lambda embeddings, table: by_neighbour(embeddings, table),
    ],
    "11-swap": [
        one_by_one,
        lambda gradient, embeddings, table: ((table[None] - embeddings[:, None]) * gradient[:, None]).sum(2),
    ],
}
WRONG = {
    "11-pull": [
        (lambda embeddings, table: near(embeddings, table).sum(1), "the sum over the places"),
        (lambda embeddings, table: near(embeddings, table).amin(1), "only the nearest of the places"),
        (lambda embeddings, table: torch.cdist(embeddings, table).mean((1, 2)), "*all* words"),
        (lambda embeddings, table: near(embeddings, table).square().mean(1), "squared"),
        (lambda embeddings, table: near(embeddings, table).mean(), "one number for the whole batch"),
        (lambda embeddings, table: near(embeddings, table).mean().expand(5), "mean of the batch"),
        (lambda embeddings, table: -near(embeddings, table).mean(1), "sign is turned round"),
        (lambda embeddings, table: near(embeddings, table).mean(1).detach(), "no gradient reaches"),
        (lambda embeddings, table: 1.1 * near(embeddings, table).mean(1), "from its nearest words"),
    ],
    "11-swap": [
        (lambda gradient, embeddings, table: gradient @ table.T, "not subtracted"),
        (lambda gradient, embeddings, table: -swap_scores(gradient, embeddings, table), "sign is turned"),
        (lambda gradient, embeddings, table: embeddings @ table.T, "the gradient is missing"),
        (lambda gradient, embeddings, table: swap_scores(gradient, embeddings, table).T, "a row for each place"),
        (lambda gradient, embeddings, table: gradient @ table.T - (gradient * embeddings).sum(), "*same place*"),
        (lambda gradient, embeddings, table: 2 * swap_scores(gradient, embeddings, table), "would add"),
    ],
}


def test_the_exercise_s_pull_is_the_package_s():
    generator = torch.Generator().manual_seed(2)
    table, prompts = torch.randn(20, 8, generator=generator), torch.randn(4, 3, 8, generator=generator)
    words = TokenTable(table, "euclidean")
    assert torch.allclose(pull(prompts, table) / words.unit, PullToTokens(words, 1.0)(prompts), atol=1e-5)
