"""The search of `backwards` (Rumbelow & Watkins 2023) as it was published, for comparison with ours."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

from course_utils.canvas import PromptCanvas
from course_utils.language.prompt_results import PromptResults
from course_utils.language.targets import as_target
from course_utils.language.vocabulary import allowed_tokens
from course_utils.models.language_model import LanguageModel

BATCH = 100  # 20 there; larger here, to use as many passes as the others


def original_settings(lm: LanguageModel) -> dict:
    """Its settings as arguments of `optimize_prompts`, whose vectors are on the scale of words."""
    unit = lm.embeddings.norm(dim=1).mean().item()
    return {
        "metric": "cosine",
        "distance_weight": 0.1,
        "learning_rate": 0.1 * math.sqrt(lm.width) / unit,  # Adam's 0.1 for each number
        "start": "centroids",
    }


@torch.enable_grad()
def as_published(lm: LanguageModel, target: str, exclude: list, seed: int, *, steps: int = 100) -> PromptResults:
    """The loop of `backwards` (Rumbelow & Watkins 2023) with its settings: Adam 0.1, distance weight 0.1, 100 steps.

    Its vectors are scaled to length 1 before they go into the model, and tokens are tried unscaled; the loss is the
    mean of three terms, the third of which is off; a prompt whose greedy continuation is the target is kept, and its
    place begins anew.
    """
    wanted, allowed = as_target(lm, target), allowed_tokens(lm, exclude, target=target)
    tokens, table = allowed.nonzero().squeeze(1), F.normalize(lm.embeddings, dim=1)
    starts = iter(PromptCanvas(40 * BATCH, 3, table, start="centroids", allowed=allowed, seed=seed).render().detach())
    prompts = torch.stack([next(starts) for _ in range(BATCH)]).requires_grad_()
    adam, kept, passes = torch.optim.Adam([prompts], lr=0.1, eps=1e-4), {}, 0
    for _ in range(steps):
        unit = F.normalize(prompts, dim=2)
        nearness, place = (unit @ table[tokens].T).max(2)
        chance = lm.logits_from(unit).log_softmax(1)[:, wanted.ids[0]]
        loss = (0.1 * (1 - nearness).mean() - chance.mean()) / 3
        adam.zero_grad()
        loss.backward()
        adam.step()
        ids = tokens[place]
        logits = lm.logits(ids)
        passes += 2 * BATCH
        with torch.no_grad():
            for row in (logits.argmax(1) == wanted.ids[0]).nonzero().flatten().tolist():
                kept[tuple(ids[row].tolist())] = logits[row].log_softmax(0)[wanted.ids[0]].item()
                prompts[row] = next(starts)
    found = kept or {tuple(ids[0].tolist()): logits[0].log_softmax(0)[wanted.ids[0]].item()}
    return PromptResults.of_tokens(
        lm, torch.tensor(list(found)), torch.tensor(list(found.values())), wanted,
        forward_passes=passes, backward_passes=steps * BATCH, interrupted=False,
    )  # fmt: skip
