"""What `generate_prototypes` gives back."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False, repr=False)
class Prototypes:
    """What classes look like to a classifier; one row a picture, the copies of a class side by side.

    Attributes:
        images: in [0, 1].
        classes: the name of each picture's class.
        probability: that the classifier gives to it, without transforms, in [0, 1].
        logit: likewise.
        spearman: rank correlation with the reference's class mean, a column for each of `layers`; None without one.
            Other scenes than the reference's give an honest figure: `similarity`.
        layers: at which activations were matched; the columns of `spearman`.
        name: of the classifier.
        frames: pictures on the way, (frames, batch, channels, height, width); empty unless asked for.
        frame_steps: the steps before which the frames were taken.
        interrupted: whether Ctrl-C or the notebook's stop button cut it short.
    """

    images: Float[Tensor, "batch channels height width"]
    classes: list[str]
    probability: Float[Tensor, "batch"]
    logit: Float[Tensor, "batch"]
    spearman: Float[Tensor, "batch layers"] | None
    layers: list[str]
    name: str
    frames: Tensor
    frame_steps: list[int]
    interrupted: bool

    def of(self, name: str) -> Float[Tensor, "copies channels height width"]:
        """The pictures of one class."""
        return self.images[[i for i, each in enumerate(self.classes) if each == name]]

    def plot(self, *, columns: int | None = None) -> Any:
        """A contact sheet, each picture under its class and the probability that the classifier gives to it."""
        from course_utils.show.figures import percent, show_images  # here, because it imports matplotlib

        titles = [f"{n}\n{percent(p)}" for n, p in zip(self.classes, self.probability.tolist(), strict=True)]
        named = ", ".join(dict.fromkeys(self.classes))
        return show_images(self.images, titles, columns=columns, alt=f"What {named} look like to {self.name}.")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        count = len(dict.fromkeys(self.classes))
        low, median = self.probability.min().item(), self.probability.median().item()
        close = "" if self.spearman is None else f", mean rank correlation {self.spearman.mean():.2f}"
        cut = "; interrupted" if self.interrupted else ""
        return (
            f"{len(self)} prototype{'s' * (len(self) != 1)} of {count} class{'es' * (count != 1)} of {self.name}: "
            f"probability {median:.1%} in the middle, {low:.1%} at least{close}{cut}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.plot()._repr_html_()}"
