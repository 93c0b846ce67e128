"""Two step rules for attacks, beside those of `torch.optim`: steps of one length, whatever the gradient's is.

They are optimisers like any other: `optimizer=partial(SignStep, lr=2/255)`. As all of `torch.optim` they go
down the gradient that they are given; the loop hands them the gradient of the negative score, so the score
goes up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor


class _FixedLengthStep(torch.optim.Optimizer):
    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        if not (math.isfinite(lr) and lr > 0):
            raise ValueError(f"lr={lr} given, expected a step size above 0, such as lr=2/255.")
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every parameter that has a gradient by one step."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.sub_(self.direction(parameter.grad), alpha=group["lr"])

    def direction(self, gradient: Tensor) -> Tensor:
        raise NotImplementedError


class SignStep(_FixedLengthStep):
    """Moves every number by `lr` along the sign of its gradient: steepest ascent in the Linf norm.

    Source: Goodfellow et al. 2015 (fast gradient sign method); Madry et al. 2018 (its iteration).
    """

    def direction(self, gradient: Tensor) -> Tensor:
        return gradient.sign()


class NormalizedStep(_FixedLengthStep):
    """Moves every sample by `lr` in the L2 norm along its gradient; a sample whose gradient is zero stays.

    The first axis is the samples'; each is normalised alone.

    Source: Madry et al. 2018, section 4 (steepest ascent in the L2 norm).
    """

    def direction(self, gradient: Tensor) -> Tensor:
        flat, tiny = gradient.reshape(len(gradient), -1), torch.finfo(gradient.dtype).tiny
        flat = flat / flat.abs().amax(dim=1, keepdim=True).clamp_min(tiny)  # or squares would under- or overflow
        return (flat / flat.norm(dim=1, keepdim=True).clamp_min(tiny)).reshape(gradient.shape)
