"""What a search for shortcuts found: each hypothesis with its evidence on held-out images, and which of them hold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.figures.images import show_images
from course_utils.figures.style import DescribedFigure
from course_utils.utils import Proportion

NEEDED = 0.25  # of the carrier's own images must be lost when a change of the whole image is made the other way,
ANYWHERE = 0.5  # or of the images of all other classes turn with it


@dataclass(frozen=True, eq=False, repr=False)
class Shortcut:
    """A hypothesis with what its test on held-out images showed.

    Attributes:
        carrier: the class whose part it is, or whose images have what was changed.
        onto: the class that it was given to.
        kind: "part", "region" (a part of over 15 % of the image), "colour", "brightness", "sharpness", "grain",
            "layout" or "pattern".
        words: what was pasted or changed.
        effect: the share of held-out images of `onto`, named right before by every network, that become the carrier in
            this network, and neither in the second one nor with the control.
        turned, by_reference, by_control: the shares that become the carrier in this network, in the second one, and in
            this one with the control; a part counts as turning an image where most of its group's pieces do.
        opposite: how many images turn the other way round: not here, but in the second network or with the control.
        taken: the share of the carrier's own images that this network no longer names when the part is taken off
            (filled in three ways), or the change made the other way round, while the second network still does.
        falls: the same, whatever the second network says.
        moved: the share that turns with the parts at random places; None for changes of the whole image.
        elsewhere: of images of all other classes, the share that a change of the whole image turns here, and neither in
            the second network nor with the control; None for parts.
        pieces: how many parts the group holds.
        before, after, control: some held-out images as they are, with the first part or the change, and with the
            control.
    """

    carrier: str
    onto: str
    kind: str
    words: str
    effect: Proportion
    turned: Proportion
    by_control: Proportion
    by_reference: Proportion | None
    opposite: int
    taken: Proportion
    falls: Proportion
    moved: Proportion | None
    elsewhere: Proportion | None
    pieces: int
    before: Float[Tensor, "some channels height width"]
    after: Float[Tensor, "some channels height width"]
    control: Float[Tensor, "some channels height width"]

    @property
    def interval(self) -> tuple[float, float]:
        """The effect's 95 % interval."""
        return self.effect.low, self.effect.high

    @property
    def p(self) -> float:
        """The chance of so many turning here and nowhere else if either were as likely (McNemar's exact test)."""
        count = self.effect.successes + self.opposite
        return sum(math.comb(count, k) for k in range(self.effect.successes, count + 1)) / 2**count

    @property
    def whole(self) -> bool:
        """Whether it fills the image: no part that could be cut out."""
        return self.kind != "part"

    @property
    def verdict(self) -> str:
        """What an effect that holds means: without a second network not more than that it is causal."""
        if self.by_reference is not None:
            return "suspect shortcut"
        return "causal change" if self.whole else "causal part"

    def __str__(self) -> str:
        beside = "" if self.by_reference is None else f", {100 * self.by_reference.value:.0f} % in the second network"
        return (
            f"{self.carrier}: {self.words}, given to {self.onto}, turns {100 * self.turned.value:.0f} %{beside} and "
            f"{100 * self.by_control.value:.0f} % with the control; effect {self.effect} of {self.effect.total}"
        )


@dataclass(eq=False, repr=False)
class Shortcuts:
    """What a search found.

    Attributes:
        name, reference: of the networks.
        classes: that the classifier knows.
        least, alpha: as they were asked for.
        tested: every hypothesis that was tested, also those that did not hold.
        notes: what could not be done, and why.
        seconds: that the search took.
        interrupted: whether Ctrl-C cut it short.
    """

    name: str
    reference: str | None
    classes: tuple[str, ...]
    least: float
    alpha: float
    tested: list[Shortcut] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    interrupted: bool = False

    @property
    def confirmed(self) -> list[Shortcut]:
        """Every test that holds: an effect of at least `least`, and rejected by Holm's procedure at `alpha`.

        A change of the whole image must also be needed by the carrier's own images (`taken`), or turn images of any
        class (`elsewhere`): with enough of another class's colours every network can be led astray somewhere.
        """
        kept = []
        for rank, each in enumerate(sorted(self.tested, key=lambda test: test.p)):
            if each.p > self.alpha / (len(self.tested) - rank):
                break
            kept.append(each)
        kept = [each for each in kept if each.effect.value >= self.least]
        part_or_cue = [
            each for each in kept
            if each.elsewhere is None or each.taken.value >= NEEDED or each.elsewhere.value >= ANYWHERE
        ]  # fmt: skip
        return sorted(part_or_cue, key=lambda each: -each.effect.value)

    @property
    def shortcuts(self) -> list[Shortcut]:
        """The strongest confirmed finding of each carrier, local and whole-image ones apart; strongest first."""
        first: dict[tuple[str, bool], Shortcut] = {}
        for each in self.confirmed:
            first.setdefault((each.carrier, each.whole), each)
        return list(first.values())

    def __len__(self) -> int:
        return len(self.shortcuts)

    def __iter__(self) -> Iterator[Shortcut]:
        return iter(self.shortcuts)

    def plot(self, most: int = 4) -> DescribedFigure:
        """The evidence of the first findings: held-out images before, with what was found, and with its control.

        Raises:
            ValueError: nothing was found.
        """
        shown = self.shortcuts[:most]
        if not shown:
            raise ValueError(f"no shortcuts to draw: none of {len(self.tested)} tests held.")
        images = torch.stack([image for each in shown for image in (each.before[0], each.after[0], each.control[0])])
        titles = []
        for each in shown:
            titles += [each.onto, f"{each.kind} of {each.carrier}: {100 * each.turned.value:.0f} % turn", "control"]
        told = "; ".join(str(each) for each in shown)
        alt = f"Held-out images before, with what {self.name} takes for another class, and with a control. {told}."
        return show_images(images, titles, columns=3, alt=alt)

    def _repr_html_(self) -> str:
        lines = "".join(f"<li><strong>{each.verdict}</strong>: {escape(str(each))}</li>" for each in self.shortcuts)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        drawn = self.plot()._repr_html_() if self.shortcuts else ""
        return f"<p>{escape(repr(self))}</p><ol>{lines}</ol>{notes}{drawn}"

    def __repr__(self) -> str:
        beside = f" beside {self.reference}" if self.reference else ", without a second network"
        first = f"; first: {self.shortcuts[0]}" if self.shortcuts else ""
        found = f"{len(self)} found in {len(self.tested)} tests"
        return f"Shortcuts of {self.name}{beside}: {found}{first}{'; interrupted' * self.interrupted}"
