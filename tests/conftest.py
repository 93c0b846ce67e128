"""Fixtures of all tests."""

from collections import OrderedDict

import pytest
import torch
from hypothesis import settings
from jaxtyping import config
from torch import nn

from course_utils.models.classifier import Classifier
from course_utils.world import PaintedWorld

# The same examples on every machine and in every run, however busy it is.
settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")


@pytest.fixture
def unchecked():
    """Without the tests' run-time type checks: a reader who passes the wrong type sees our own message."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


@pytest.fixture(scope="session")
def scenes():
    return PaintedWorld().sample(6, seed=1)


@pytest.fixture(scope="session")
def classifier(scenes):
    """Right about the six scenes by 4 logits, and sees much in what none of them shows: easy to trick."""
    classes = PaintedWorld().classes
    pixels = scenes.images.flatten(1)
    answers = 4 * torch.nn.functional.one_hot(scenes.labels, len(classes)).float()
    noise = 0.005 * torch.randn(pixels.shape[1], len(classes), generator=torch.Generator().manual_seed(0))
    inverse = torch.linalg.pinv(pixels)
    net = nn.Sequential(OrderedDict(flat=nn.Flatten(), logits=nn.Linear(pixels.shape[1], len(classes), bias=False)))
    net.logits.weight.data = (inverse @ answers + noise - inverse @ (pixels @ noise)).T.contiguous()
    return Classifier(net, classes=classes, size=(64, 64), name="by heart")
