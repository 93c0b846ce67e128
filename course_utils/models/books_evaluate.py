"""What is measured about a language model of books, for its card: how well it foretells what it has not read."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch.nn import functional as F
from tqdm import tqdm

from course_utils.models.books import read_paragraphs
from course_utils.models.language_data import stream
from course_utils.models.language_model import LanguageModel

BEGINNINGS = ("The little girl", "The boy looked", "The science of")
SAMPLE_TOKENS, TEMPERATURE, SAMPLE_SEED = 50, 0.8, 5
ROWS = 32  # of held-out text, in one go


@torch.no_grad()
def measure_books(lm: LanguageModel, folder: Path | None) -> dict[str, float]:
    """The loss on the last fiftieth of every book, per token and per byte of text.

    Rows of the model's whole context overlap by half and only their second half counts, so that every token is
    foretold from at least half a context. The end of a paragraph is a token, and a byte (its line break).

    Raises:
        ValueError: the folder holds too little text to measure anything on.
    """
    paragraphs = read_paragraphs(folder, held_out=True)
    ids = stream(paragraphs, lm.tokenizer.backend_tokenizer).ids
    half = lm.context // 2
    if len(ids) <= 2 * half:
        raise ValueError(f"only {len(ids)} tokens are held out in {folder}, too few to measure a loss on")
    rows = ids.unfold(0, 2 * half + 1, half)
    losses = []
    for some in tqdm(rows.to(lm.device).split(ROWS), desc="held-out text", unit="batch"):
        logits = lm.model(input_ids=some[:, :-1]).logits[:, half:].float()
        losses.append(F.cross_entropy(logits.mT, some[:, half + 1 :], reduction="none"))
    nats = torch.cat(losses).double().mean().item()
    tokens_per_byte = len(ids) / sum(len(paragraph.encode()) + 1 for paragraph in paragraphs)
    return {
        "loss on held-out text, nats per token": nats,
        "bits per byte on held-out text": nats / math.log(2) * tokens_per_byte,
        "held-out tokens": float(len(ids)),
    }


def samples(lm: LanguageModel) -> list[str]:
    """How the model goes on from a few beginnings, drawn at temperature 0.8 with a fixed seed."""
    written = []
    for beginning in BEGINNINGS:
        ids = lm.encode(beginning)[None]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SAMPLE_SEED)
            end = lm.tokenizer.eos_token_id
            drawn = lm.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=min(SAMPLE_TOKENS, lm.context - ids.shape[1]),
                do_sample=True,
                temperature=TEMPERATURE,
                top_k=0,
                suppress_tokens=[end],  # a paragraph's end would make the sample short
                pad_token_id=end,
            )
        written.append(lm.decode(drawn[0].tolist()))
    return written
