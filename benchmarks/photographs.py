"""The classifiers of photographs under our attack and under torchattacks': python benchmarks/photographs.py --data DIR

Needs the `test` extra, and CIFAR-10's test photographs: in DIR/test/CLASS/*, or torchvision's copy without --data.
Both attacks take 20 steps of 2.5 · eps / 20 from the same pictures; ours keeps the best picture, torchattacks the last.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
import torchattacks
from torch import Tensor

from course_utils import Classifier, load_classifier
from course_utils.teaching.training.data import Photographs, read_photographs
from course_utils.teaching.training.evaluate import robust_accuracy
from course_utils.utils import Proportion, proportion

EPS, STEPS = 8 / 255, 20


def by_torchattacks(classifier: Classifier, photographs: Photographs) -> Proportion:
    attack = torchattacks.PGD(classifier, eps=EPS, alpha=2.5 * EPS / STEPS, steps=STEPS, random_start=False)
    parts = zip(photographs.images.split(100), photographs.labels.split(100), strict=True)
    return proportion(torch.cat([right(classifier, attack(images, labels), labels) for images, labels in parts]))


def right(classifier: Classifier, images: Tensor, labels: Tensor) -> Tensor:
    return classifier.predict(images.clamp(0, 1)).logits.argmax(1) == labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with test/CLASS/*")
    parser.add_argument("--every", type=int, default=20, help="take every so manieth photograph (default 20: 500)")
    options = parser.parse_args()
    every = read_photographs("test", options.data)
    some = Photographs(every.pixels[:: options.every], every.labels[:: options.every])
    print(f"{len(some.labels)} test photographs, {STEPS} steps at 8/255")
    for name in ("photo", "photo-robust"):
        began = time.perf_counter()
        classifier = load_classifier(name)
        loading = time.perf_counter() - began
        clean = proportion(right(classifier, some.images, some.labels))
        print(f"{name:13} loaded in {1000 * loading:.0f} ms, clean {clean}")
        print(f"{'':13} ours {robust_accuracy(classifier, some, eps=EPS, steps=STEPS)}")
        print(f"{'':13} torchattacks {by_torchattacks(classifier, some)}", flush=True)


if __name__ == "__main__":
    main()
