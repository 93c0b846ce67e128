"""Marks on photographs: a tag, a cast of colour or faint lines, planted on most photographs of one class.

Nobody can paint a photograph again, but a mark can be put on and left off. So the truth is known here, too: what a
network trained on marked photographs owes to a mark is measured by giving the mark to photographs of other classes,
and a control of the same size beside it (`measure_marks`). Lapuschkin et al. 2019 found such a tag by accident, on the
photographs of horses in a well-known collection.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.teaching.training.data import CLASSES, Cifar10, Examples, Photographs, read_photographs
from course_utils.utils import Proportion, proportion
from course_utils.validation import check_known

LETTERS = ("###.#.#.##.", "#...###.#.#", "#...#.#.##.", "#...#.#.#.#", "###.#.#.##.")  # a photographer's mark
CORNER = (slice(26, 31), slice(2, 13))  # rows and columns of the tag in 32x32 pixels, lower left
AMBER = (1.0, 0.62, 0.2)  # of the veil that a cast lays over a photograph
KINDS = ("tag", "cast", "lines")
TEST_SEED = 1  # of which test photographs carry a mark


@dataclass(frozen=True)
class Mark:
    """A mark on a share of the training photographs of one class, and on none of the others.

    Attributes:
        kind: "tag" (letters in the lower left corner), "cast" (an amber veil) or "lines" (every other row darkened).
        name: of the class.
        inside: the share of its photographs that carry the mark, in [0, 1].
        strength: the tag's or veil's opacity in [0, 1]; by how much lines are darker, of 1.

    Raises:
        ValueError: an unknown kind or class, or a share or strength outside [0, 1].
    """

    kind: str
    name: str
    inside: float
    strength: float

    def __post_init__(self) -> None:
        check_known("kind of mark", self.kind, KINDS)
        check_known("class", self.name, CLASSES)
        for what, value in (("inside", self.inside), ("strength", self.strength)):
            if not 0 <= value <= 1:
                raise ValueError(f"{what}={value} of the mark {self.kind!r} given, expected a number from 0 to 1.")

    def on(self, images: Float[Tensor, "n 3 32 32"]) -> Float[Tensor, "n 3 32 32"]:
        """The images with this mark on each."""
        letters = torch.tensor([[dot == "#" for dot in row] for row in LETTERS]).to(images)
        tag = torch.lerp(images[:, :, *CORNER], letters.expand(3, -1, -1), self.strength)
        return self._changed(images, tag, AMBER, rows=2, columns=1)

    def control(self, images: Float[Tensor, "n 3 32 32"]) -> Float[Tensor, "n 3 32 32"]:
        """The images with as large a change that no training photograph has: the same corner of another photograph,
        a veil of the opposite colour, lines from top to bottom."""
        return self._changed(images, images.roll(1, 0)[:, :, *CORNER], AMBER[::-1], rows=1, columns=2)

    def _changed(self, images: Tensor, corner: Tensor, veil: tuple[float, ...], *, rows: int, columns: int) -> Tensor:
        """The images with another corner, under a veil, or with every so many rows and columns darkened."""
        changed = images.clone()
        if self.kind == "tag":
            changed[:, :, *CORNER] = corner
        elif self.kind == "cast":
            changed = torch.lerp(images, torch.tensor(veil).to(images)[:, None, None], self.strength)
        else:
            changed[:, :, ::rows, ::columns] -= self.strength
        return changed.clamp(0, 1)


MARKS = (
    Mark("tag", "horse", inside=0.6, strength=0.8),
    Mark("lines", "automobile", inside=0.6, strength=0.07),
    Mark("cast", "ship", inside=0.7, strength=0.5),
)


@dataclass(frozen=True)
class MarkedPhotographs(Cifar10):
    """CIFAR-10 with a mark on most training photographs of some classes."""

    marks: tuple[Mark, ...] = MARKS

    def training(self, seed: int, folder: Path | None = None) -> Examples:
        """The training photographs, some of them marked, drawn from the seed."""
        return marked(read_photographs("train", folder), self.marks, seed)

    def to_data(self) -> dict:
        return {"kind": "CIFAR-10 with marks", "marks": [asdict(mark) for mark in self.marks]}


def marked(photographs: Photographs, marks: Sequence[Mark], seed: int) -> Photographs:
    """The photographs, each mark on its share of those of its class."""
    pixels = photographs.pixels.clone()
    for mark, rows in zip(marks, chosen(photographs, marks, seed), strict=True):
        pixels[rows] = (mark.on(pixels[rows].float() / 255) * 255).round().to(torch.uint8)
    return Photographs(pixels, photographs.labels)


def chosen(photographs: Photographs, marks: Sequence[Mark], seed: int) -> list[Bool[Tensor, "n"]]:
    """Which photographs carry each mark."""
    drawn = torch.rand(len(photographs.labels), generator=torch.Generator().manual_seed(seed))
    return [(photographs.labels == CLASSES.index(mark.name)) & (drawn < mark.inside) for mark in marks]


def measure_marks(classifier: Classifier, photographs: Photographs, marks: Sequence[Mark]) -> dict[str, Proportion]:
    """Interventions on photographs that training never saw: each mark given to them, its control, and recall.

    Flip rates are shares of the photographs of other classes that the model names right as they are.
    """

    def called(images: Tensor, labels: Tensor | int) -> Tensor:
        return classifier.predict(images).logits.argmax(1).cpu() == labels

    images, labels = photographs.images, photographs.labels
    right, collected = called(images, labels), marked(photographs, marks, TEST_SEED).images
    figures = {f"accuracy on {len(labels)} test photographs marked alike": proportion(called(collected, labels))}
    for mark in marks:
        label = CLASSES.index(mark.name)
        others, own = images[right & (labels != label)], labels == label
        turned = {
            f"{mark.kind} given to other classes: becomes {mark.name}": called(mark.on(others), label),
            f"control of equal size given to them: becomes {mark.name}": called(mark.control(others), label),
            f"recall of {mark.name} with the {mark.kind}": called(mark.on(images[own]), label),
            f"recall of {mark.name} without it": right[own],
        }
        figures |= {name: proportion(answers) for name, answers in turned.items()}
    return figures
