"""Natural statistics: what batch norms have stored, what is measured, and images that keep to them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from course_utils.activations import record
from course_utils.canvas import PixelCanvas
from course_utils.models import Classifier
from course_utils.validation import as_found
from course_utils.vision import (
    LayerStatistics,
    StatisticsMatch,
    generate_prototypes,
    natural_statistics,
    statistics_distance,
)


class Net(nn.Module):
    def __init__(self, *, norm: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, padding=1)
        self.bn = nn.BatchNorm2d(6) if norm else nn.Identity()
        self.head = nn.Linear(6, 3)
        self.unused = nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.bn(self.conv(x)).relu().mean((2, 3)))


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(40, 3, 12, 12, generator=torch.Generator().manual_seed(1))


def named(net: nn.Module) -> Classifier:
    return Classifier(net, classes=["a", "b", "c"], mean=0.0, std=1.0, size=12)


@pytest.fixture
def trained(images: torch.Tensor) -> Classifier:
    """A net whose batch norm has seen exactly these images."""
    torch.manual_seed(0)
    net = Net()
    net.bn.momentum = None  # the plain mean over batches
    net.train()
    with torch.no_grad():
        net(images)
    return named(net.eval())


def test_stored_statistics_are_those_of_the_training_images(trained: Classifier, images: torch.Tensor) -> None:
    stored = natural_statistics(trained)
    assert stored.layers == ["bn.input"]  # the norm that no image passes is left out
    with torch.no_grad():
        values = trained.module.conv(images)
    assert torch.allclose(stored.means["bn.input"], values.mean((0, 2, 3)), atol=1e-5)
    assert torch.allclose(stored.variances["bn.input"], values.var((0, 2, 3)), atol=1e-4)


def test_measured_statistics_agree_with_stored_ones(trained: Classifier, images: torch.Tensor) -> None:
    measured = natural_statistics(trained, images, layers=["bn.input"], batch_size=7)
    stored = natural_statistics(trained)
    for kind in ("means", "variances"):
        assert torch.allclose(getattr(measured, kind)["bn.input"], getattr(stored, kind)["bn.input"], atol=1e-3)


def test_the_distance_is_the_formula_and_each_image_its_own(trained: Classifier, images: torch.Tensor) -> None:
    stored = natural_statistics(trained)
    distance = statistics_distance(trained, images[:5], batch_size=2)
    with torch.no_grad():
        values = trained.module.conv(images[:5]).flatten(2)
    mean, variance = stored.means["bn.input"], stored.variances["bn.input"]
    shift = (values.mean(2) - mean) ** 2 / variance
    ratio = (values.var(2, correction=0) / variance + 1e-4).sqrt() - 1
    assert torch.allclose(distance, (shift + ratio**2).mean(1), rtol=1e-3)
    assert torch.allclose(statistics_distance(trained, images[3:4]), distance[3:4], rtol=1e-5)


def test_noise_of_another_contrast_is_farther_than_what_the_net_has_seen(
    trained: Classifier, images: torch.Tensor
) -> None:
    faint = 0.5 + 0.05 * (images - 0.5)
    assert statistics_distance(trained, images).max() < statistics_distance(trained, faint).min()


def test_the_match_has_a_gradient_also_for_a_channel_without_any_variance(trained: Classifier) -> None:
    flat = torch.full((1, 3, 12, 12), 0.5, requires_grad=True)
    match = StatisticsMatch(natural_statistics(trained))
    with as_found(trained):
        match(record(trained, match.layers)(flat)).sum().backward()
    assert flat.grad is not None and flat.grad.isfinite().all() and flat.grad.any()


def test_a_network_without_batch_norm_needs_images(images: torch.Tensor) -> None:
    plain = named(Net(norm=False))
    with pytest.raises(ValueError, match="no batch norm that stores statistics: give some hundred natural images"):
        natural_statistics(plain)
    assert natural_statistics(plain, images, layers=["conv"]).layers == ["conv"]
    with pytest.raises(ValueError, match="1 image given, expected some hundreds"):
        natural_statistics(plain, images[:1], layers=["conv"])


def test_layers_go_with_images_alone(trained: Classifier) -> None:
    with pytest.raises(ValueError, match="layers= goes with images"):
        natural_statistics(trained, layers=["conv"])


def test_saved_statistics_come_back_and_other_files_are_refused(trained: Classifier, tmp_path: Path) -> None:
    stored = natural_statistics(trained)
    stored.save(tmp_path / "some.safetensors")
    again = LayerStatistics.load(tmp_path / "some.safetensors")
    assert again.layers == stored.layers and again.name == stored.name
    assert torch.equal(again.means["bn.input"], stored.means["bn.input"])
    (tmp_path / "other").write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="not written by"):
        LayerStatistics.load(tmp_path / "other")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        LayerStatistics.load(tmp_path / "none")


def test_prototypes_that_keep_to_statistics_are_nearer_to_them(trained: Classifier) -> None:
    kept, free = (
        generate_prototypes(trained, canvas="natural", natural=weight, steps=30, transforms=()).images
        for weight in (300.0, 0.0)
    )
    assert statistics_distance(trained, kept).mean() < statistics_distance(trained, free).mean()


def test_a_made_canvas_is_refused_before_any_work(trained: Classifier) -> None:
    with pytest.raises(TypeError, match="canvas=PixelCanvas given, expected str"):
        generate_prototypes(trained, "a", canvas=PixelCanvas(1, 12), steps=1)


@pytest.mark.parametrize(("size", "expected"), [(128, True), (64, False)])
def test_large_images_are_held_and_keep_to_what_the_network_remembers(size: int, expected: bool) -> None:
    torch.manual_seed(0)
    net = Classifier(Net().eval(), classes=["a", "b", "c"], mean=0.0, std=1.0, size=size)
    default, held = (generate_prototypes(net, "a", steps=2, **given).images for given in ({}, {"canvas": "natural"}))
    assert torch.equal(default, held) == expected


@pytest.mark.parametrize("given", [{"statistics": "none"}, {"natural": -1.0}, {"canvas": "oil"}])
def test_settings_out_of_range_are_refused(trained: Classifier, given: dict) -> None:
    with pytest.raises(ValueError, match="given, expected"):
        generate_prototypes(trained, "a", steps=1, **given)
