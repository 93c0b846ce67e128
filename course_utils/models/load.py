"""`load_classifier`: a name in, a classifier out."""

from __future__ import annotations

import torch

from course_utils.models.classifier import Classifier
from course_utils.models.nets import NETS
from course_utils.models.store import WEIGHTS, available, load_weights, read_card


def load_classifier(name: str = "pocket") -> Classifier:
    """The shipped classifier of that name, in evaluation mode, on the CPU.

    `pocket` was trained the ordinary way, `pocket-robust` against an adversary, `pocket-judge` in a world without
    secrets. What was measured about each stands in `course_utils.models.read_card(name)`. A module of your own goes
    in through `Classifier(module, ...)`.

    Raises:
        ValueError: an unknown name (offers close ones), or weights that are damaged or of another architecture.
        FileNotFoundError: the weights are missing.
    """
    if name in available("language"):
        raise ValueError(f"{name} is a language model, expected a classifier; load_language_model({name!r}) loads it.")
    architecture = read_card(name)["architecture"]
    with torch.random.fork_rng(devices=[]):  # the weights drawn here are overwritten; the reader's seed is left alone
        classifier = build(architecture, name)
    load_weights(classifier.module, WEIGHTS / f"{name}.safetensors")
    return classifier


def build(architecture: dict, name: str) -> Classifier:
    """The classifier that an architecture describes, with random weights.

    Args:
        architecture: `net` (a name in `NETS`), `width`, `dropout`, `classes`, `size` (pixels along a side), `mean`,
            `std` and `colours`.
    """
    classes, size = architecture["classes"], architecture["size"]
    net = NETS[architecture["net"]](
        len(classes), width=architecture["width"], size=size, dropout=architecture["dropout"]
    )
    mean, std, colours = architecture["mean"], architecture["std"], architecture.get("colours")
    return Classifier(net, classes=classes, size=size, mean=mean, std=std, name=name, colours=colours)
