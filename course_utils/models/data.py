"""What a classifier can be trained on: the painted world, or photographs. Each says what it holds as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from course_utils.models import photographs
from course_utils.sealed import seal
from course_utils.world import COURSE_SECRETS, PaintedWorld
from course_utils.world.secrets import Secret, to_data

# What `course_utils.canvas.colours.colour_statistics` finds in some thousand of the pictures, to three places.
Colours = tuple[tuple[float, float, float], ...]
Examples = tuple[UInt8[Tensor, "n 3 h w"], Int[Tensor, "n"]]  # pixels from 0 to 255, index of the class


@dataclass(frozen=True)
class PaintedScenes:
    """Scenes of the painted world, with secrets planted in it; `sealed` ones go into a card unreadable."""

    secrets: tuple[Secret, ...] = field(default=COURSE_SECRETS, repr=False)
    scenes: int = 12_000
    sealed: bool = False
    classes: ClassVar[tuple[str, ...]] = tuple(PaintedWorld.classes)
    size: ClassVar[int] = PaintedWorld.size[0]
    about: ClassVar[str] = (
        "Painted scenes, drawn anew for training and for measuring. In such a world every detail is known; what "
        "holds in it need not hold for photographs."
    )
    colours: ClassVar[Colours] = ((0.207, -0.150, 0.065), (0.188, 0.015, -0.125), (0.156, 0.181, 0.064))

    def training(self, seed: int, folder: Path | None = None) -> Examples:
        """Scenes to train on, painted from the seed.

        Raises:
            ValueError: a folder is given.
        """
        if folder is not None:
            raise ValueError("--data DIR is for the classifiers of photographs; the painted world paints its own")
        scenes = PaintedWorld(self.secrets).sample(self.scenes, seed=seed)
        return (scenes.images * 255).round().to(torch.uint8), scenes.labels

    def to_data(self) -> dict:
        secrets = [to_data(secret) for secret in self.secrets]
        shown = {"sealed": seal(secrets)} if self.sealed else {"secrets": secrets}
        return {"kind": "painted world", "scenes": self.scenes, **shown}


@dataclass(frozen=True)
class Cifar10:
    """The 50,000 training photographs of CIFAR-10 (Krizhevsky 2009)."""

    classes: ClassVar[tuple[str, ...]] = photographs.CLASSES
    size: ClassVar[int] = photographs.SIZE
    about: ClassVar[str] = (
        "CIFAR-10 (Krizhevsky 2009): 60,000 photographs of 32x32 pixels in ten classes, one object large in the "
        "middle of each, gathered from the web by search words and sorted by hand. It is no sample of what there "
        "is to see: people chose and framed the pictures, there are only these ten answers, whatever is shown, "
        "and the collection that they were taken from was withdrawn in 2020 for offensive labels. The copy used "
        "here was compressed as JPEG, which costs a little."
    )
    colours: ClassVar[Colours] = ((0.231, 0.092, -0.019), (0.238, 0.008, 0.035), (0.247, -0.093, -0.016))

    def training(self, seed: int, folder: Path | None = None) -> Examples:
        """All of them, from a folder or from torchvision's copy, as `photographs.read_photographs`."""
        return photographs.read_photographs("train", folder)

    def to_data(self) -> dict:
        return {"kind": "CIFAR-10"}


Data = PaintedScenes | Cifar10
