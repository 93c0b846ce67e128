"""What an attack gives back."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor

from course_utils.models.classifier import Prediction


@dataclass(frozen=True, eq=False, repr=False)
class AttackResult:
    """The attacked pictures, what the classifier says of them, and what it took; one row a picture.

    Attributes:
        images: the best of each picture, in [0, 1]; a picture that no step improved is as it was.
        success: whether the classifier says the target now or, untargeted, anything but the label.
        linf: largest change of a number, in [0, 1].
        l2: length of the whole change.
        iterations: gradient steps spent.
        interrupted: whether the attack was cut short by Ctrl-C or the notebook's stop button.
        originals: the pictures before.
        before: what the classifier said of `originals`, with all logits and probabilities.
        after: what it says of `images`.
        already: whether it was a success before the attack.
        wanted: names of the targets or, untargeted, of the labels.
        targeted: whether `wanted` are targets.
        eps: radius of the epsilon ball.
        norm: `"linf"` or `"l2"`.
    """

    images: Float[Tensor, "batch channels height width"]
    success: Bool[Tensor, "batch"]
    linf: Float[Tensor, "batch"]
    l2: Float[Tensor, "batch"]
    iterations: Int[Tensor, "batch"]
    interrupted: bool
    originals: Float[Tensor, "batch channels height width"]
    before: Prediction
    after: Prediction
    already: Bool[Tensor, "batch"]
    wanted: list[str]
    targeted: bool
    eps: float
    norm: str

    @property
    def predicted(self) -> list[str]:
        """What the classifier calls each picture now."""
        return self.after.classes

    @property
    def confidence(self) -> Float[Tensor, "batch"]:
        """The probability of what the classifier says now, in [0, 1]."""
        return self.after.confidence

    def plot(self, most: int = 4) -> Any:
        """A figure of the first `most` pictures: before, the magnified change, after."""
        from course_utils.show.attack import plot_attack  # here, because it imports matplotlib

        return plot_attack(
            self.after.known_classes,
            self.originals[:most],
            self.images[:most],
            self.before.probabilities[:most],
            self.after.probabilities[:most],
        )

    def __len__(self) -> int:
        return len(self.success)

    def __repr__(self) -> str:
        kind, toward = ("targeted", "to") if self.targeted else ("untargeted", "away from")
        names = sorted(set(self.wanted))
        aim = names[0] if len(names) == 1 else f"{len(names)} classes"
        already = f", {int(self.already.sum())} of them before" if self.already.any() else ""
        sure = self.confidence[self.success]
        median = f", median confidence {sure.median():.1%}" if len(sure) else ""
        cut = "; interrupted" if self.interrupted else ""
        return (
            f"{kind} attack {toward} {aim}, {self.norm} eps {_readable(self.eps, self.norm)}: "
            f"{len(sure)} of {len(self)} pictures tricked{already}{median}, "
            f"up to {int(self.iterations.max())} gradient steps each{cut}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.plot()._repr_html_()}"


def _readable(eps: float, norm: str) -> str:
    levels = eps * 255
    whole = norm == "linf" and abs(levels - round(levels)) < 1e-6
    return f"{round(levels)}/255" if whole else f"{eps:g}"
