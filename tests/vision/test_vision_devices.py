"""On another device than the processor, images and networks meet, and the answers are the same."""

import copy
import re
import sys

import pytest
import torch

from course_utils import Classifier, vision
from course_utils.vision import measures
from tests.elsewhere import DEVICE, Elsewhere, machine
from tests.vision import test_batches
from tests.vision.test_batches import CALLS, LABELS, QUIET, counted, images  # noqa: F401

PART = torch.zeros(7, test_batches.SIZE, test_batches.SIZE)
PART[:, 4:9, 4:9] = 1


def prototypes(c):
    return vision.generate_prototypes(c, copies=2, diversity=1.0, frames=2, steps=2, **QUIET)


def reference():
    return images(15), LABELS


MORE = {
    "activation_under": lambda c: measures.activation_under(c, images(7), "logits:a", draws=2),
    "pointing_game": lambda c: measures.pointing_game(
        vision.isolate_features(c, images(7), steps=2, **QUIET).maps, PART
    ),
    "relevance_mass": lambda c: measures.relevance_mass(vision.gradients(c, images(7), **QUIET).maps, PART),
    "similarity": lambda c: vision.similarity(c, images(3), LABELS[:3], reference(), **QUIET),
    "entanglement_matrix": lambda c: vision.entanglement_matrix(c, prototypes(c), images=reference(), draws=1, **QUIET),
    "shared_features": lambda c: vision.shared_features(c, prototypes(c), "a", "b", steps=2, **QUIET),
    "find_shortcuts": lambda c: vision.find_shortcuts(
        c, images(90), c.predict(images(90)).classes, classes=["a"], **QUIET
    ),
}


@pytest.fixture
def elsewhere(monkeypatch):
    """The stand-in, which Adam knows as a device that it has a fused step for."""
    for module in ("optimizer", "adam"):
        there = sys.modules[f"torch.optim.{module}"]
        monkeypatch.setattr(there, "_get_fused_kernels_supported_devices", lambda: ["cpu", DEVICE.type], raising=False)
    with machine():
        yield


def said(result):
    """What a result says, without where it lies and without the time it took."""
    if isinstance(result, tuple | list) and not hasattr(result, "names"):
        return [said(each) for each in result]
    if isinstance(result, torch.Tensor):
        return result.detach().cpu().double().round(decimals=3).tolist()
    return re.sub(r"[\d.]+ s\b", "", repr(result))


@pytest.mark.parametrize("moved", [False, True])
@pytest.mark.parametrize("name", [*CALLS, *MORE])
def test_functions_say_the_same_on_another_device(name, moved, counted, elsewhere, monkeypatch):  # noqa: F811
    classifier, _ = counted
    call = MORE[name] if name in MORE else (lambda c: CALLS[name](c, 3))
    before = said(call(classifier))
    classifier.to(DEVICE)
    if moved:  # images that lie there, too, as `load_images` brings them
        for module in (test_batches, sys.modules[__name__]):
            monkeypatch.setattr(module, "images", lambda count: images_here(count).to(DEVICE))
    assert said(call(classifier)) == before


images_here = images


def test_a_module_that_lies_elsewhere_takes_images_from_anywhere(counted, elsewhere):  # noqa: F811
    module = counted[0].module.to(DEVICE)
    classifier = Classifier(module, classes=list("abc"), size=test_batches.SIZE, mean=0.5, std=0.5)
    assert classifier.device == DEVICE and isinstance(classifier.grey_image, Elsewhere)
    assert classifier.predict(images(3)).classes == classifier.predict(images(3).to(DEVICE)).classes


def test_a_second_network_may_lie_elsewhere(counted, elsewhere):  # noqa: F811
    here = Classifier(counted[0].module, classes=list("abc"), size=test_batches.SIZE, mean=0, std=1)
    there = Classifier(counted[0].module, classes=list("abc"), size=test_batches.SIZE, mean=0, std=1)
    named = here.predict(images(90)).classes
    there.module = copy.deepcopy(here.module)
    found = vision.find_shortcuts(here, images(90), named, reference=there.to(DEVICE), classes=["a"], **QUIET)
    assert not len(found)  # what turns one of two that are alike turns the other
