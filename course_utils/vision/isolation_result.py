"""What isolation and attribution give back: one map a picture, and what the classifier says of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True, eq=False, repr=False)
class Isolation:
    """Masks over the parts of pictures on which an answer hangs; one row a picture.

    Attributes:
        masks: in [0, 1], 1 where the picture matters.
        images: the pictures.
        targets: names of the classes that were asked about.
        versus: names of the classes that they were held against; None for all others together.
        answers: what the classifier says of the pictures. Where that is not the target, the mask shows what speaks for
            the target all the same.
        games: "deletion" (without what the mask covers, the answer falls) or "preservation" (what it covers is enough).
        before: the target's probability in [0, 1], for the picture as it is.
        kept: that of what the mask covers, the rest filled.
        removed: that of the rest, what the mask covers filled.
        filled: that of the filling alone. Where it is high, no deletion can make the answer fall: take another filling.
        area: the mask's mean, the share of the picture that it covers.
        interrupted: whether Ctrl-C or the notebook's stop button cut it short; pictures not reached are left out.
    """

    masks: Float[Tensor, "batch height width"]
    images: Float[Tensor, "batch channels height width"]
    targets: list[str]
    versus: list[str] | None
    answers: list[str]
    games: list[str]
    before: Float[Tensor, "batch"]
    kept: Float[Tensor, "batch"]
    removed: Float[Tensor, "batch"]
    filled: Float[Tensor, "batch"]
    area: Float[Tensor, "batch"]
    interrupted: bool

    name = "isolated part"  # how a figure that shows several methods calls this one

    @property
    def maps(self) -> Float[Tensor, "batch height width"]:
        """The masks, under the name that attributions have for theirs."""
        return self.masks

    @property
    def agrees(self) -> Bool[Tensor, "batch"]:
        """Whether the target is what the classifier says of the picture."""
        return _equal(self.targets, self.answers, self.masks)

    def plot(self, most: int = 4, *others: Attribution) -> Any:
        """The first `most` pictures: as they are, under the mask, and without it; then other methods' maps."""
        from course_utils.show.isolation import show_isolation  # here, because it imports matplotlib

        return show_isolation(self, *others, most=most)

    def __len__(self) -> int:
        return len(self.masks)

    def __repr__(self) -> str:
        other = int((~self.agrees).sum())
        unlike = f"; the classifier says something else of {other}" if other else ""
        alone = int((self.filled > 0.5).sum())
        vain = f"; of {alone} the filling alone is called the class: take another fill" if alone else ""
        cut = "; interrupted" if self.interrupted else ""
        return (
            f"Isolation of {_named(self.targets, self.versus)} in {_pictures(len(self))}: median area "
            f"{self.area.median():.1%}, median probability {self.before.median():.1%}, with the mask's part alone "
            f"{self.kept.median():.1%}, without it {self.removed.median():.1%}{unlike}{vain}{cut}"
        )

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.plot()._repr_html_()}"


@dataclass(frozen=True, eq=False, repr=False)
class Attribution:
    """How much each pixel counts by a method of the literature; one map a picture.

    Attributes:
        maps: at least 0, larger where the picture matters more; only comparisons within a picture mean something.
        images: the pictures.
        targets, versus, answers: as `Isolation`.
        method: its name.
    """

    maps: Float[Tensor, "batch height width"]
    images: Float[Tensor, "batch channels height width"]
    targets: list[str]
    versus: list[str] | None
    answers: list[str]
    method: str

    @property
    def name(self) -> str:
        """How a figure that shows several methods calls this one."""
        return self.method

    @property
    def agrees(self) -> Bool[Tensor, "batch"]:
        """Whether the target is what the classifier says of the picture."""
        return _equal(self.targets, self.answers, self.maps)

    def plot(self, most: int = 4, *others: Isolation | Attribution) -> Any:
        """The first `most` pictures beside their maps, and other methods' maps."""
        from course_utils.show.isolation import show_isolation  # here, because it imports matplotlib

        return show_isolation(self, *others, most=most)

    def __len__(self) -> int:
        return len(self.maps)

    def __repr__(self) -> str:
        other = int((~self.agrees).sum())
        unlike = f"; the classifier says something else of {other}" if other else ""
        return f"Attribution of {_named(self.targets, self.versus)} by {self.method}, {_pictures(len(self))}{unlike}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.plot()._repr_html_()}"


def _named(targets: list[str], versus: list[str] | None) -> str:
    against = "" if versus is None else f" and not {_one_or_many(versus)}"
    return _one_or_many(targets) + against


def _one_or_many(names: list[str]) -> str:
    different = sorted(set(names))
    return different[0] if len(different) == 1 else f"{len(different)} classes"


def _pictures(number: int) -> str:
    return f"{number} picture{'s' * (number != 1)}"


def _equal(one: list[str], other: list[str], like: Tensor) -> Tensor:
    return like.new_tensor([a == b for a, b in zip(one, other, strict=True)]).bool()
