"""Floating-point operations of a step: counted in what runs here, and layer by layer for what is too large to run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from growth_models import LENGTH, case
from torch.utils.flop_counter import FlopCounterMode

STEPS = 10  # evaluations come every few steps
XL = {"n_layer": 48, "n_embd": 1600, "n_head": 25}  # of GPT-2-xl
SMALL = {"n_layer": 12, "n_embd": 768, "n_head": 12}


def counted(axis: str, sizes: Sequence[int]) -> dict[int, float]:
    """Operations a step of the whole call, evaluations included; products of matrices and convolutions only.

    Classes and restarts are samples of a batch, and each has as many as the first.
    """
    if axis in ("classes", "restarts"):
        one = _counted(axis, 1)
        return {size: size * one for size in sizes}
    return {size: _counted(axis, size) for size in sizes}


def _counted(axis: str, size: int) -> float:
    run = case(axis, size)
    with FlopCounterMode(display=False) as counter:
        run(STEPS)
    return counter.get_total_flops() / STEPS


def too_large_to_run() -> dict[str, Any]:
    """GPT-2-xl: its bare passes, counted without weights, times what the whole call takes over them on GPT-2."""
    small, large = bare_passes(SMALL), bare_passes(XL)
    over = _counted("restarts", 1) / (small["operations"] + distances(SMALL))
    return {
        "gpt2": small,
        "gpt2-xl": large,
        "whole call over passes and distances": over,
        "GFLOP a step and restart of gpt2-xl": over * (large["operations"] + distances(XL)) / 1e9,
    }


def bare_passes(config: dict[str, int], vocabulary: int = 50257) -> dict[str, float]:
    """One prompt forward and backward, without memory for any weight; and the number of weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    with torch.device("meta"):
        model = GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary, **config)).eval().requires_grad_(False)
        vectors = torch.empty(1, LENGTH, config["n_embd"], requires_grad=True)
        with FlopCounterMode(display=False) as counter:
            model(inputs_embeds=vectors, logits_to_keep=1).logits[..., 0].sum().backward()
    return {
        "operations": float(counter.get_total_flops()),
        "weights": float(sum(weight.numel() for weight in model.parameters())),
    }


def distances(config: dict[str, int], vocabulary: int = 50257) -> float:
    """Each vector of a prompt against each word, once a step: a multiplication and an addition for each number."""
    return 2.0 * LENGTH * vocabulary * config["n_embd"]
