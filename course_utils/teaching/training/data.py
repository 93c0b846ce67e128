"""Data for training classifiers: scenes of the painted world, or photographs (CIFAR-10, or a folder of images).

Each kind says what it holds as plain data, for the model's card. Photographs are read from a folder with a subfolder a
class, or from torchvision's copy of CIFAR-10.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NamedTuple

import torch
import yaml
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from tqdm import tqdm

from course_utils.images import open_image, to_pixels
from course_utils.teaching.training.save import seal
from course_utils.teaching.training.secrets import to_data
from course_utils.world import COURSE_SECRETS, PaintedWorld
from course_utils.world.factors import Secret

ABOUT = yaml.safe_load(Path(__file__).with_name("about.yml").read_text(encoding="utf-8"))

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
LISTED = ", ".join(CLASSES)
SIZE = 32  # pixels along a side
# What `course_utils.canvas.image.colour_statistics` finds in some thousand of the images, to three places.
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
    about: ClassVar[str] = ABOUT["painted world"]
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

    classes: ClassVar[tuple[str, ...]] = CLASSES
    size: ClassVar[int] = SIZE
    about: ClassVar[str] = ABOUT["CIFAR-10"]
    colours: ClassVar[Colours] = ((0.231, 0.092, -0.019), (0.238, 0.008, 0.035), (0.247, -0.093, -0.016))

    def training(self, seed: int, folder: Path | None = None) -> Examples:
        """All of them, from a folder or from torchvision's copy, as `read_photographs`."""
        return read_photographs("train", folder)

    def to_data(self) -> dict:
        return {"kind": "CIFAR-10"}


Data = PaintedScenes | Cifar10


class Photographs(NamedTuple):
    """Images with their classes; `pixels` are 0 to 255, `labels` index `CLASSES`."""

    pixels: UInt8[Tensor, "n 3 height width"]
    labels: Int[Tensor, "n"]

    @property
    def images(self) -> Float[Tensor, "n 3 height width"]:
        """What a classifier takes: the pixels in [0, 1]."""
        return self.pixels.float() / 255


def read_photographs(split: str, folder: Path | None = None) -> Photographs:
    """The photographs of one split, `"train"` or `"test"`.

    Args:
        folder: holds `train/CLASS/*` and `test/CLASS/*`, images of any kind that Pillow reads. Without it
            torchvision's copy of CIFAR-10 is used, and fetched when it is not there.

    Raises:
        ValueError: a class without a folder or without images, or a file that is no image.
        FileNotFoundError: no such folder.
        ConnectionError: no folder given, no copy at hand, and none to be had over the network.
    """
    if folder is None:
        return _from_torchvision(train=split == "train")
    _files_in(folder / "test")  # what is measured in the end is looked for before training
    files, pixels, cut = _files_in(folder / split), [], 0
    for path, _ in tqdm(files, desc=f"reading {split}", unit="image"):  # only small ones are kept
        image = open_image(path)[0]
        cut += image.size != (SIZE, SIZE)
        pixels.append(to_pixels(image, (SIZE, SIZE)))
    if cut:
        print(f"{cut} of {len(files)} images are not {SIZE}x{SIZE} pixels: resized, and their middle cut out")
    return Photographs(torch.stack(pixels), torch.tensor([label for _, label in files]))


def _files_in(folder: Path) -> list[tuple[Path, int]]:
    from torchvision.datasets.folder import IMG_EXTENSIONS

    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; it should hold one folder for each of {LISTED}")
    files = []
    for label, name in enumerate(CLASSES):
        own = sorted(path for path in (folder / name).glob("*") if path.suffix.lower() in IMG_EXTENSIONS)
        if not own:
            state = "is empty" if (folder / name).is_dir() else "is missing"
            raise ValueError(f"the folder {folder / name} {state}; every class needs images: {LISTED}")
        files += [(path, label) for path in own]
    return files


def _from_torchvision(*, train: bool) -> Photographs:
    from torchvision.datasets import CIFAR10

    root = Path(torch.hub.get_dir()).parent / "datasets"
    there = (root / CIFAR10.base_folder).is_dir()
    if not there:
        print(f"fetching CIFAR-10, 170 MB, from {CIFAR10.url} into {root}")
    try:
        dataset = CIFAR10(root, train=train, download=not there)
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ConnectionError(
            f"CIFAR-10 is not in {root} and could not be fetched ({reason}); name a folder that holds "
            "train/CLASS/*.jpg and test/CLASS/*.jpg with --data DIR"
        ) from None
    return Photographs(torch.from_numpy(dataset.data).permute(0, 3, 1, 2), torch.tensor(dataset.targets))
