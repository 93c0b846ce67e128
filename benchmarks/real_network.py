"""What the methods take on a real network: python benchmarks/bench.py --only real_network --threads 2

`efficientnet-lite0` at 224 pixels, on the photographs that scikit-image and matplotlib carry, with the settings that
functions come with. Each method is a process of its own, so that the most memory that it has had is the method's.
"""

from __future__ import annotations

import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from measure import Row, run, spread
from memory import seconds_and_peak
from torch import Tensor

from course_utils import Classifier, load_classifier, load_images, photographs
from course_utils.vision import build_report, isolate_features, targeted_attack, visualize

CLASSES = ["goldfish", "volcano", "espresso", "tabby"]  # of the report
CHANNELS = ["blocks.2:10", "blocks.5:10"]  # an early one and a late one
Work = Callable[[], object]


def compare(given: Namespace) -> list[Row]:
    net = load_classifier("efficientnet-lite0")
    images = load_images(net, *photographs().values())
    ways = methods(net, images, quick=given.quick)
    return [measured(*ways[part]) for part in given.parts or ways]


def methods(net: Classifier, images: Tensor, *, quick: bool) -> dict[str, tuple[str, Work]]:
    """Each method by the name of its part: what it is given, in words, and the call."""
    attack, features, masks, prototypes = (3, 3, 3, 3) if quick else (20, 200, 100, 150)
    count, quiet = len(images), {"progress": False}

    def report() -> object:
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder, "report.html")
            return build_report(net, page, classes=CLASSES, copies=1, steps=prototypes, **quiet)

    return {
        "attack": (
            f"attack to volcano, 2/255: {count} photographs, {attack} steps",
            lambda: targeted_attack(net, images, "volcano", eps=2 / 255, steps=attack, **quiet),
        ),
        "visualisation": (
            f"feature visualisation: {len(CHANNELS)} channels, {features} steps",
            lambda: visualize(net, CHANNELS, steps=features, **quiet),
        ),
        "isolation": (
            f"isolation: {count} photographs, {masks} steps",
            lambda: isolate_features(net, images, steps=masks, **quiet),
        ),
        "report": (f"report on {len(CLASSES)} classes, without images, one prototype each", report),
    }


def measured(name: str, work: Work) -> Row:
    """One method's row: seconds on the wall and of the processor, and memory before it and at its peak."""
    (processor, before), begun = seconds_and_peak(), time.perf_counter()
    work()
    wall = time.perf_counter() - begun
    after, peak = seconds_and_peak()
    quality = {"processor seconds": after - processor, "GiB before": before / 2**30, "GiB at the peak": peak / 2**30}
    case = "efficientnet-lite0 at 224 pixels"
    return {"case": case, "way": name, "seconds": spread([wall]), "ratio": None, "quality": quality}


if __name__ == "__main__":
    run(compare, time="time")
