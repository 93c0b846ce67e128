"""What a mask is asked to do to a classifier's answer, and under which noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from course_utils.activations import Outputs
from course_utils.objectives import Objective, Target

CLEARLY = 2.0  # log-odds, about 7 to 1: at even odds the least noise would turn the answer round again


class LogOdds(Objective):
    """How many times as probable a class is as all others together, or as the one in `versus`, as a logarithm.

    Args:
        target: one class for all samples, or one for each, by name or index.
        versus: the class that it is held against, likewise; all others if None.
    """

    def __init__(self, target: Target, versus: Target | None = None) -> None:
        self.target, self.versus = target, versus

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        target = outputs.targets(self.target)[:, None]
        logits = outputs.logits.to(torch.promote_types(outputs.logits.dtype, torch.float32))
        if self.versus is None:
            others = logits.scatter(1, target, -torch.inf).logsumexp(1)
        else:
            others = logits.gather(1, outputs.targets(self.versus)[:, None]).squeeze(1)
        return logits.gather(1, target).squeeze(1) - others

    def __repr__(self) -> str:
        against = "" if self.versus is None else ", versus=…"
        return f"{type(self).__name__}({self.target if isinstance(self.target, str | int) else '…'!r}{against})"


class Answer(LogOdds):
    """The log-probability that the answer clearly stays, or clearly falls; with `versus`, between the two alone.

    It levels off once the aim is reached, where a logit would go on paying for a larger and larger mask: what is left
    to gain is area.

    Args:
        target, versus: as `LogOdds`.
        falls: whether the answer shall fall instead of stay; one for all, or one for each sample.
    """

    def __init__(self, target: Target, versus: Target | None = None, *, falls: bool | Sequence[bool] = False) -> None:
        super().__init__(target, versus)
        self.signs = (1 - 2 * int(falls)) if isinstance(falls, bool) else [1 - 2 * int(each) for each in falls]

    def __call__(self, outputs: Outputs, /) -> Float[Tensor, "batch"]:
        return F.logsigmoid(outputs.each(self.signs) * super().__call__(outputs) - CLEARLY)


@dataclass(frozen=True)
class Grain:
    """A transform that adds normal noise of a standard deviation and cuts off at [0, 1].

    Where a net can be tricked by changes too faint to see, a mask could trick it too; what noise drowns does not count.
    """

    deviation: float

    def __call__(
        self, pictures: Float[Tensor, "batch c h w"], generators: list[torch.Generator]
    ) -> Float[Tensor, "batch c h w"]:
        shape = pictures.shape[1:]
        noise = torch.stack([torch.randn(shape, generator=each) for each in generators]).to(pictures)
        return (pictures + self.deviation * noise).clamp(0, 1)
