"""`load_classifier`: a name in, a classifier out."""

from __future__ import annotations

from pathlib import Path

import torch

from course_utils.messages import unknown
from course_utils.models.bundle import is_bundle, load_bundle
from course_utils.models.caches import mode
from course_utils.models.classifier import Classifier
from course_utils.models.nets import NETS
from course_utils.models.pretrained import load_pretrained, torchvision_names
from course_utils.models.store import WEIGHTS, available, load_weights, read_card


def load_classifier(name: str | Path = "pocket", *, download: bool | None = None) -> Classifier:
    """A classifier that comes with the course, or one of torchvision; in evaluation mode, on the CPU.

    `pocket` was trained the ordinary way, `pocket-robust` against an adversary, `pocket-judge` in a world without
    secrets. What was measured about each stands in `course_utils.models.read_card(name)`. Of torchvision every
    classifier goes (`"resnet50"`, `"vit_b_16"`, …), with the weights that torchvision recommends. A module of your own
    goes in through `Classifier(module, ...)`. The path of a bundle (`course_utils.models.bundle`) loads that.

    Args:
        download: whether weights of torchvision that are not on this computer may be fetched; None: only where the
            environment says COURSE_MODELS=pretrained.

    Raises:
        ValueError: an unknown name (offers close ones), or weights that are damaged or of another architecture.
        FileNotFoundError: the weights are not on this computer (says what to run).
        OSError: they cannot be fetched, or not be written.
    """
    if is_bundle(name):
        return load_bundle(name)
    name = str(name)
    if name in available("language"):
        raise ValueError(f"{name} is a language model, expected a classifier; load_language_model({name!r}) loads it.")
    if not (WEIGHTS / f"{name}.json").exists():  # with a card and no weights, `load_weights` says what to do
        if name not in torchvision_names():
            raise ValueError(unknown("classifier", name, [*available(), *torchvision_names()]))
        return load_pretrained(name, download=mode() == "pretrained" if download is None else download)
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
