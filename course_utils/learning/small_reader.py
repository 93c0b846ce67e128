"""A reader of embeddings so small that a check with it takes milliseconds."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LENGTH, WIDTH, TOKENS = 3, 6, 9


class SmallReader(nn.Module):
    """Embeddings (batch, 3, 6) in, logits of 9 tokens out; curved, and not alike at all places."""

    def __init__(self) -> None:
        super().__init__()
        self.places, self.last = nn.Linear(LENGTH * WIDTH, 16), nn.Linear(16, TOKENS)

    def forward(self, embeddings: Tensor) -> Tensor:
        return self.last(self.places(embeddings.flatten(1)).tanh())


def a_small_reader() -> tuple[SmallReader, Tensor, int]:
    """An untrained reader, embeddings of four prompts (4, 3, 6), and a target token; always the same."""
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        reader = SmallReader()
    with torch.no_grad():
        for weight in reader.parameters():
            weight.normal_(0, 0.5, generator=generator)
    return reader, torch.randn(4, LENGTH, WIDTH, generator=generator), 4
