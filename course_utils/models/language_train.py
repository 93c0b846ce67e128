"""Training a language model: rows of tokens in, at every place the next token to be foretold.

The loop, its checkpoints and the schedule are those of the classifiers (`course_utils.models.train`); what differs is
what an example is, and the loss.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils.models.language_load import build_language_model
from course_utils.models.language_recipes import LanguageRecipe
from course_utils.models.train import Run, bfloat16, drive


def train_language_model(
    recipe: LanguageRecipe, tokenizer: Any, *, checkpoint: Path, data: Path | None = None, device: str = "cpu"
) -> tuple[Any, dict[str, float]]:
    """Trains the recipe's model, from the checkpoint if there is one: (model, `Run.spent`).

    Ctrl-C saves the checkpoint and raises KeyboardInterrupt; the next call goes on from there.

    Args:
        tokenizer: of the library `tokenizers`.
        data: the folder of texts, for a recipe that needs one.

    Raises:
        ValueError: the checkpoint belongs to another recipe.
    """
    torch.manual_seed(recipe.seed)
    model = build_language_model(recipe.architecture(tokenizer.get_vocab_size())).to(device)
    read = recipe.data.training(tokenizer, data)
    run = LanguageRun(recipe, model, recipe.steps)
    run.load(checkpoint)

    def batch_of(step: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + step)
        rows = read.rows(recipe.batch, recipe.context + 1, generator).to(device)
        return rows[:, :-1], rows[:, 1:]

    drive(run, checkpoint, batch_of)
    return model.eval(), run.spent


class LanguageRun(Run):
    """A training run whose examples are rows of tokens and, at every place, the token that follows."""

    def advance(self, tokens: Tensor, following: Tensor) -> float:
        """One step of training; returns the loss in nats per token."""
        self.classifier.train()
        with bfloat16(self.recipe, tokens.device):
            logits = self.classifier(input_ids=tokens, use_cache=False).logits
        loss = F.cross_entropy(logits.flatten(0, 1).float(), following.flatten())
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.classifier.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.step += 1
        return loss.item()
