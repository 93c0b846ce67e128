"""Attributions by captum: they agree with what can be computed by hand, in the call style of isolation."""

import pytest
import torch
from torch import nn

from course_utils import Classifier, load_classifier, vision
from course_utils.vision import grad_cam, gradients, integrated_gradients, occlusion
from course_utils.world import PaintedWorld

METHODS = pytest.mark.parametrize("method", [gradients, integrated_gradients, grad_cam, occlusion])


class Weighted(nn.Module):
    """Three logits that are linear in the image: what counts is known exactly."""

    def __init__(self, size=8):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(3, 3, size, size, generator=generator))

    def forward(self, x):
        return torch.einsum("nchw,kchw->nk", x, self.weight)


class Flat(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(3 * 64, 3)

    def forward(self, x):
        return self.line(x.flatten(1))


@pytest.fixture(scope="module")
def linear():
    return Classifier(Weighted(), classes=("a", "b", "c"), size=8, name="linear")


@pytest.fixture(scope="module")
def pocket():
    return load_classifier("pocket")


@pytest.fixture(scope="module")
def scenes():
    return PaintedWorld().sample(2, seed=3, classes=["goldfish", "volcano"])


def pictures(batch=4):
    return torch.rand(batch, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def test_the_gradient_of_a_linear_model_is_its_weight(linear):
    weight = linear.module.weight.detach()
    found = gradients(linear, pictures(), ["a", "b", "c", "a"]).maps
    torch.testing.assert_close(found, weight[[0, 1, 2, 0]].sum(1).abs())
    torch.testing.assert_close(
        gradients(linear, pictures(), "a", versus="b", sign="positive").maps[2],
        (weight[0] - weight[1]).sum(0).clamp_min(0),
    )


def test_integrated_gradients_of_a_linear_model_are_weight_times_way(linear):
    images, baseline = pictures(), pictures(1)
    way = images - baseline
    found = integrated_gradients(linear, images, "b", baseline=baseline, steps=4, sign="absolute").maps
    torch.testing.assert_close(found, (linear.module.weight[1].detach() * way).sum(1).abs(), atol=1e-5, rtol=1e-4)


def test_occlusion_of_a_linear_model_is_what_the_covered_pixels_gave(linear):
    images = pictures()
    found = occlusion(linear, images, "c", baseline=torch.zeros(1, 3, 8, 8), window=2, stride=2).maps
    parts = nn.functional.avg_pool2d((linear.module.weight[2].detach() * images).sum(1, keepdim=True), 2) * 4
    torch.testing.assert_close(found, parts.repeat_interleave(2, 2).repeat_interleave(2, 3)[:, 0].clamp_min(0))


def test_grad_cam_is_the_weighted_sum_of_a_layers_channels(pocket, scenes):
    images = scenes.images
    maps = pocket.module.layer3(
        pocket.module.layer2(pocket.module.layer1(pocket.module.stem((images - pocket.mean) / pocket.std)))
    )
    maps = maps.detach().requires_grad_()
    logits = pocket.module.head(maps.flatten(1))
    [gradient] = torch.autograd.grad(logits.amax(1).sum(), maps)
    coarse = (maps * gradient.mean((2, 3), keepdim=True)).sum(1, keepdim=True).detach().relu()
    wanted = nn.functional.interpolate(coarse, size=64, mode="bilinear")[:, 0]
    torch.testing.assert_close(grad_cam(pocket, images).maps, wanted, atol=1e-4, rtol=1e-3)


@METHODS
def test_every_method_gives_maps_of_the_images_and_leaves_the_model_as_found(method, pocket, scenes):
    result = method(pocket, scenes.images, progress=False)
    assert result.maps.shape == (2, 64, 64) and (result.maps >= 0).all() and result.maps.isfinite().all()
    assert result.targets == result.answers == pocket.predict(scenes.images).classes
    assert all(weight.requires_grad and weight.grad is None for weight in pocket.parameters())
    assert not any(module._forward_hooks or module._backward_hooks for module in pocket.modules())
    assert f"by {result.method}, 2 images" in repr(result)


@METHODS
def test_maps_do_not_depend_on_the_batch(method, pocket, scenes):
    asked = {"target": "volcano", "versus": "goldfish", "smoothing": 1.0}
    together = method(pocket, scenes.images, **asked).maps
    apart = method(pocket, scenes.images, **asked, batch_size=1).maps
    torch.testing.assert_close(apart, together, atol=1e-5, rtol=1e-3)


def test_smoothing_keeps_a_maps_sum_and_lowers_its_peak(pocket, scenes):
    sharp, soft = (gradients(pocket, scenes.images, smoothing=sigma).maps for sigma in (0.0, 2.0))
    torch.testing.assert_close(soft.sum((1, 2)), sharp.sum((1, 2)), rtol=0.1, atol=0)
    assert (soft.amax((1, 2)) < sharp.amax((1, 2))).all()


def test_grad_cam_says_where_there_is_no_layer_with_maps(pocket, scenes):
    flat = Classifier(Flat(), classes=("a", "b", "c"), size=8, name="flat")
    with pytest.raises(ValueError, match="flat has no layer that gives maps"):
        grad_cam(flat, pictures())
    with pytest.raises(ValueError, match="did you mean 'layer3'"):
        grad_cam(pocket, scenes.images, layer="layer33")
    with pytest.raises(ValueError, match=r"'head' gives shape \(16,\)"):
        grad_cam(pocket, scenes.images, layer="head")


class Placed(nn.Module):
    """A net with a table of places: its layer `table` gives maps for each image and has seen none."""

    def __init__(self):
        super().__init__()
        self.conv, self.table, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Linear(2, 4 * 64), nn.Linear(4, 3)
        self.grid = nn.Unflatten(1, (4, 8, 8))
        nn.init.constant_(self.head.bias, -9.0)  # logits, to be seen at once

    def forward(self, x):
        places = self.grid(self.table(torch.ones(len(x), 2)))
        return self.head((self.conv(x) * places).mean((2, 3)))


def test_a_layer_that_never_sees_the_image_is_refused_wherever_layers_are_named():
    classifier, labelled = (
        Classifier(Placed().eval(), classes=("a", "b", "c"), size=8),
        (torch.rand(15, 3, 8, 8), "abc" * 5),
    )
    assert grad_cam(classifier, pictures(), layer="conv").maps.max() > 0
    for call in (
        lambda name: grad_cam(classifier, pictures(), layer=name),
        lambda name: vision.class_means(classifier, (labelled[0], list(labelled[1])), [name]),
        lambda name: vision.natural_statistics(classifier, labelled[0], layers=[name]),
        lambda name: vision.accentuate(classifier, pictures(), "logits:a", layer=name, steps=1),
        lambda name: vision.generate_prototypes(
            classifier, ["a"], reference=(labelled[0], list(labelled[1])), layers=[name], steps=1
        ),
    ):
        with pytest.raises(ValueError, match="layer 'grid' gives the same for every image, expected one that depends"):
            call("grid")


def test_bad_settings_are_refused(linear):
    with pytest.raises(ValueError, match="unknown sign"):
        gradients(linear, pictures(), sign="negative")
    with pytest.raises(ValueError, match="smoothing=-1"):
        gradients(linear, pictures(), smoothing=-1.0)
    with pytest.raises(ValueError, match="window=9"):
        occlusion(linear, pictures(), window=9)
    with pytest.raises(ValueError, match="steps=0"):
        integrated_gradients(linear, pictures(), steps=0)
    with pytest.raises(ValueError, match="versus is 'a', and so is the target"):
        gradients(linear, pictures(), "a", versus="a")
