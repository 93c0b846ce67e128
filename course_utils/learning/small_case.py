"""Classifiers so small that a check with them takes milliseconds."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from course_utils.models.classifier import Classifier

DEAD = 4  # the channel of `a_case_with_maps` that no image wakes


def a_small_case() -> tuple[Classifier, Tensor, Tensor]:
    """An untrained classifier of 8 × 8 pixels, four images (4, 3, 8, 8), their targets (4,); always the same.

    The logits are curved, so that the gradient changes along the way. The images have black and white pixels.
    The targets are never what the classifier says already, and differ from sample to sample.
    """
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(
        OrderedDict(flatten=nn.Flatten(), hidden=nn.Linear(3 * 8 * 8, 24), bend=nn.Tanh(), logits=nn.Linear(24, 3))
    )
    with torch.no_grad():
        for name, weight in net.named_parameters():
            weight.normal_(0, {"hidden.weight": 0.25, "logits.weight": 0.3}.get(name, 0.5), generator=generator)
    classifier = Classifier(net, classes=("goldfish", "volcano", "waffle"), size=(8, 8), name="a small case")
    images = (1.4 * torch.rand(4, 3, 8, 8, generator=generator) - 0.2).clamp(0, 1)
    with torch.no_grad():
        targets = (classifier(images).argmax(dim=1) + torch.tensor([1, 2, 1, 2])) % 3
    return classifier, images, targets


def a_case_with_maps() -> tuple[Classifier, Tensor]:
    """An untrained convolutional classifier of 8 × 6 pixels, and four images (4, 3, 8, 6); always the same.

    Its layer "late" gives maps (batch, 6, 8, 6), at least 0. Channel 2 answers to every image, channel `DEAD` to none.
    The images have black and white pixels.
    """
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(
        OrderedDict(
            first=nn.Conv2d(3, 5, 3, padding=1),
            bend=nn.Tanh(),
            second=nn.Conv2d(5, 6, 3, padding=1),
            late=nn.ReLU(),
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            logits=nn.Linear(6, 3),
        )
    )
    with torch.no_grad():
        for weight in net.parameters():
            weight.normal_(0, 0.5, generator=generator)
        net.get_submodule("second").bias[DEAD] = -100.0  # type: ignore[operator]
    classifier = Classifier(net, classes=("goldfish", "volcano", "waffle"), size=(8, 6), name="a small case")
    return classifier, (1.4 * torch.rand(4, 3, 8, 6, generator=generator) - 0.2).clamp(0, 1)
