"""Slices and changes of real photographs, for chapter 1: python benchmarks/photo_slices.py --data DIR

Writes `notebooks/data/photo_slices.json`: recall of `photo` by class and by what is behind the object, and the share of
photographs that a change of the whole picture, or of a plain backdrop, makes it lose. Which slices there are was
decided on every third of CIFAR-10's test photographs; measured are the others. Takes about two minutes.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils import Classifier, load_classifier
from course_utils.teaching.training.data import Photographs, read_photographs

FILE = Path(__file__).parents[1] / "notebooks/data/photo_slices.json"
EDGE = 3  # pixels around the picture: what is there is taken for the backdrop
PLAIN = 0.08  # standard deviation of a backdrop that can be repainted
NEAR = 0.25  # distance in colour up to which a pixel counts as backdrop
FEWEST = 20  # photographs of a slice
BACKDROPS = {"blue": (0.35, 0.55, 0.85), "green": (0.30, 0.50, 0.20), "grey": (0.5, 0.5, 0.5)}
COLD = torch.tensor([0.6, 0.8, 1.3])[:, None, None]
CHANGES = {
    "upside down": lambda x: x.flip(2),
    "blue light": lambda x: (x * COLD).clamp(0, 1),
    "half the light": lambda x: x / 2,
    "control: mirrored": lambda x: x.flip(3),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with test/CLASS/* (default: torchvision's copy)")
    parser.add_argument("--out", type=Path, default=FILE)
    options = parser.parse_args()
    read, net = read_photographs("test", options.data), load_classifier("photo")
    measured = torch.arange(len(read.labels)) % 3 != 0
    some = Photographs(read.pixels[measured], read.labels[measured])
    right = answers(net, some.images) == some.labels
    data = {
        "settings": {"photographs": len(some.labels), "edge": EDGE, "plain": PLAIN, "fewest": FEWEST},
        "accuracy": figure(right),
        "recall": recall(net, some, right),
        "changes": changes(net, some, right),
        "backdrops": backdrops(net, some, right),
    }
    options.out.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    print(f"{options.out}: {len(some.labels)} photographs")


def recall(net: Classifier, some: Photographs, right: Tensor) -> dict:
    """By class, and within it by backdrop."""
    kinds, table = by_backdrop(some.images), {}
    for label, name in enumerate(net.classes):
        rows = some.labels == label
        parts = {kind: rows & inside for kind, inside in kinds.items() if (rows & inside).sum() >= FEWEST}
        table[name] = {part: figure(right[in_it]) for part, in_it in {"all": rows, **parts}.items()}
    return table


def changes(net: Classifier, some: Photographs, right: Tensor) -> dict:
    """The share of photographs that are named right, and not after a change of the whole picture."""
    return {
        words: figure(right & (answers(net, change(some.images)) != some.labels)) for words, change in CHANGES.items()
    }


def backdrops(net: Classifier, some: Photographs, right: Tensor) -> dict:
    """The same for photographs with a plain backdrop, which is painted in another colour."""
    plain = edge(some.images).std(2).mean(1) < PLAIN
    images, labels, named = some.images[plain], some.labels[plain], right[plain]
    table = {}
    for words, picture in {
        **{f"{name} backdrop": repainted(images, colour) for name, colour in BACKDROPS.items()},
        "control: mirrored": images.flip(3),
    }.items():
        said = answers(net, picture)
        lost = named & (said != labels)
        into = Counter(net.classes[each] for each in said[lost].tolist()).most_common(2)
        table[words] = {**figure(lost), "into": dict(into)}
    return table


def repainted(images: Float[Tensor, "n 3 h w"], colour: tuple[float, float, float]) -> Float[Tensor, "n 3 h w"]:
    """As in a film studio: what has the backdrop's colour is moved to another one, softly, and keeps its grain."""
    own = edge(images).mean(2)[:, :, None, None]
    share = torch.exp(-(((images - own).norm(dim=1, keepdim=True) / NEAR) ** 4))
    return (images + share * (torch.tensor(colour)[:, None, None] - own)).clamp(0, 1)


def by_backdrop(images: Tensor) -> dict[str, Tensor]:
    """What the edge of a photograph looks like on average."""
    red, green, blue = (mean := edge(images).mean(2)).T
    cold, light = blue - red > 0.1, mean.mean(1)
    bright, dark = ~cold & (light > 0.7), ~cold & (light < 0.3)
    leafy = ~cold & ~bright & ~dark & (green > red + 0.02) & (green > blue + 0.05)
    return {"blue": cold, "bright": bright, "dark": dark, "green": leafy, "other": ~(cold | bright | dark | leafy)}


def edge(images: Tensor) -> Float[Tensor, "n 3 pixels"]:
    """The pixels around the picture."""
    outer = torch.ones(images.shape[2:], dtype=torch.bool)
    outer[EDGE:-EDGE, EDGE:-EDGE] = False
    return images[:, :, outer]


def answers(net: Classifier, images: Tensor) -> Tensor:
    return net.predict(images).logits.argmax(1)


def figure(yes: Tensor) -> dict[str, int]:
    """What `course_utils.utils.proportion` takes."""
    return {"successes": int(yes.sum()), "total": len(yes)}


if __name__ == "__main__":
    main()
