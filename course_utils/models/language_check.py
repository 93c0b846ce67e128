"""Is this a causal language model? Asked of the model itself, not of its class's name."""

from __future__ import annotations

from typing import Any

import torch


@torch.no_grad()
def check_causal(model: Any, name: str) -> None:
    """Refuses what does not predict a next token from the tokens before it alone.

    Raises:
        TypeError: as said.
    """
    expected = "LanguageModel takes a causal language model such as GPT2LMHeadModel"
    config = getattr(model, "config", None)
    if config is None or not hasattr(model, "get_input_embeddings") or getattr(config, "is_encoder_decoder", False):
        raise TypeError(f"{expected}, not {type(model).__name__} ({name}).")
    table = model.get_input_embeddings()
    ids = torch.tensor([[1, 1, 1], [1, 2, 2]], device=table.weight.device)
    logits = getattr(model(input_ids=ids, attention_mask=torch.ones_like(ids)), "logits", None)
    if logits is None or logits.shape[:2] != ids.shape:
        raise TypeError(f"{expected}; {type(model).__name__} ({name}) gives no logits for a next token.")
    first, change = logits[:, 0].float(), (logits[0, 1] - logits[1, 1]).abs().max().float()
    if (first[0] - first[1]).abs().max() > 1e-3 * change:
        raise TypeError(f"{expected}; what {type(model).__name__} ({name}) says about a token depends on later ones.")
