"""Photographs by class, from a folder or from torchvision's own download of CIFAR-10.

CIFAR-10 (Krizhevsky 2009): 50,000 photographs to train on and 10,000 to test with, 32x32 pixels, ten classes. The
course ships classifiers that were trained on them, not the photographs.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor
from tqdm import tqdm

from course_utils.pictures import open_picture, to_pixels

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIZE = 32  # pixels along a side


class Photographs(NamedTuple):
    """Pictures with their classes; `pixels` are 0 to 255, `labels` index `CLASSES`."""

    pixels: UInt8[Tensor, "n 3 height width"]
    labels: Int[Tensor, "n"]

    @property
    def images(self) -> Float[Tensor, "n 3 height width"]:
        """What a classifier takes: the pixels in [0, 1]."""
        return self.pixels.float() / 255


def read_photographs(split: str, folder: Path | None = None) -> Photographs:
    """The photographs of one split, `"train"` or `"test"`.

    Args:
        folder: holds `train/CLASS/*` and `test/CLASS/*`, pictures of any kind that Pillow reads. Without it
            torchvision's copy of CIFAR-10 is used, and fetched when it is not there.

    Raises:
        ValueError: a class without a folder or without pictures, or a file that is no picture.
        FileNotFoundError: no such folder.
        ConnectionError: no folder given, no copy at hand, and none to be had over the network.
    """
    return _from_folder(folder / split) if folder else _from_torchvision(train=split == "train")


def _from_folder(folder: Path) -> Photographs:
    from torchvision.datasets.folder import IMG_EXTENSIONS

    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; it should hold one folder for each of {_listed()}")
    files = []
    for label, name in enumerate(CLASSES):
        own = sorted(path for path in (folder / name).glob("*") if path.suffix.lower() in IMG_EXTENSIONS)
        if not own:
            state = "is empty" if (folder / name).is_dir() else "is missing"
            raise ValueError(f"the folder {folder / name} {state}; every class needs pictures: {_listed()}")
        files += [(path, label) for path in own]
    pictures = [open_picture(path).picture for path, _ in tqdm(files, desc=f"reading {folder.name}", unit="picture")]
    cut = sum(picture.size != (SIZE, SIZE) for picture in pictures)
    if cut:
        print(f"{cut} of {len(files)} pictures are not {SIZE}x{SIZE} pixels: resized, and their middle cut out")
    return Photographs(
        torch.stack([to_pixels(picture, (SIZE, SIZE)) for picture in pictures]),
        torch.tensor([label for _, label in files]),
    )


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


def _listed() -> str:
    return ", ".join(CLASSES)
