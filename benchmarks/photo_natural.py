"""What natural photographs do in photo-robust, for chapter 7: python benchmarks/photo_natural.py --data DIR

Writes two files to notebooks/data: means over photographs of CIFAR-10's training half, which prototypes are made with,
and means over test photographs with their own closeness, which prototypes are held against. Takes about two minutes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from course_utils import load_classifier
from course_utils.teaching.training.data import Photographs, read_photographs
from course_utils.vision import natural_images

FOLDER = Path(__file__).parent.parent / "notebooks" / "data"
EVERY = {"train": 25, "test": 5}  # photographs: the classes stand one after the other, so 200 of each


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with train/CLASS/* and test/CLASS/* (default: torchvision's)")
    parser.add_argument("--out", type=Path, default=FOLDER)
    options = parser.parse_args()
    photo = load_classifier("photo-robust")
    for split, every in EVERY.items():
        photographs = read_photographs(split, options.data)
        some = Photographs(photographs.pixels[::every], photographs.labels[::every])
        natural = natural_images(photo, some)
        natural.save(options.out / f"photo_robust_{split}.safetensors")
        print(f"{split}: {natural}")


if __name__ == "__main__":
    main()
