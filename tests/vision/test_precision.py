"""Half precision and autocast: canvases, penalties, scores and results stay in float32."""

from contextlib import nullcontext

import pytest
import torch
from torch import nn

from course_utils import Classifier
from course_utils.canvas import FourierCanvas, MaskCanvas
from course_utils.priors import high_frequency
from course_utils.transforms import turned
from course_utils.vision import gradients, isolate_features, targeted_attack, visualize

CLASSES = ["cat", "dog", "bird"]
IMAGES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def net(dtype: torch.dtype = torch.float32) -> Classifier:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Tanh(), nn.AdaptiveAvgPool2d(4), nn.Flatten())
    return Classifier(nn.Sequential(body, nn.Linear(128, 3)).to(dtype), classes=CLASSES, size=16)


def autocast() -> torch.autocast:
    return torch.autocast("cpu", dtype=torch.bfloat16)


@pytest.mark.parametrize(
    ("dtype", "around"),
    [(torch.bfloat16, nullcontext), (torch.float16, nullcontext), (torch.float32, autocast)],
    ids=["bfloat16", "float16", "autocast"],
)
def test_results_of_half_precision_are_finite_float32_and_near_those_of_single_precision(dtype, around):
    def results(model):
        shown = visualize(model, ["logits:dog", "0.0:3"], steps=20, progress=False)
        tricked = targeted_attack(model, IMAGES, "bird", eps=0.1, steps=5, progress=False)
        isolated = isolate_features(model, IMAGES, "dog", steps=10, progress=False)
        slopes = gradients(model, IMAGES, "dog", progress=False)
        return {
            "activation": shown.activation,
            "image": shown.images,
            "attacked": tricked.images,
            "confidence": tricked.confidence,
            "l2": tricked.l2,
            "masks": isolated.masks,
            "kept": isolated.kept,
            "gradients": slopes.maps,
            "predicted": model.predict(IMAGES).logits,
        }

    expected = results(net())
    with around():
        found = results(net(dtype))
    for name, values in found.items():
        assert values.dtype == torch.float32, name
        assert values.isfinite().all(), name
        assert (values - expected[name]).abs().mean() < 0.05, name


def test_canvases_penalties_and_resampling_do_not_follow_an_outer_autocast():
    images, angle = torch.rand(2, 3, 16, 16), torch.tensor([0.1, 0.3])
    canvases = [FourierCanvas(2, 16), MaskCanvas(images)]

    def computed():
        rendered = [canvas.render() for canvas in canvases]
        return [*rendered, canvases[1].variable(), high_frequency(images), turned(images, angle, torch.ones(2))]

    expected = computed()
    with autocast():
        found = computed()
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_images_of_half_precision_are_resampled_in_single_precision(dtype):
    images, angle, factor = torch.rand(20, 3, 64, 64), torch.linspace(-0.2, 0.2, 20), torch.linspace(0.5, 1.1, 20)
    found = turned(images.to(dtype), angle, factor)
    assert found.dtype == dtype and found.isfinite().all()
    assert torch.allclose(found.float(), turned(images, angle, factor), atol=0.01)


def test_a_float16_model_whose_gradients_vanish_or_overflow_is_said():
    class Scaled(nn.Module):
        def __init__(self, factor):
            super().__init__()
            self.factors = nn.ParameterList(nn.Parameter(torch.tensor(factor)) for _ in range(3))

        def forward(self, x):
            for each in self.factors:
                x = x * each
            return x.mean((2, 3))

    vanishing, overflowing = (Classifier(Scaled(each).half(), classes=CLASSES, size=16) for each in (1e-4, 1e4))
    with pytest.raises(FloatingPointError, match=r"in float16.*model.to\(torch.bfloat16\)"):
        visualize(overflowing, "logits:dog", steps=2, progress=False)
    with pytest.raises(FloatingPointError, match=r"in float16.*model.to\(torch.bfloat16\)"):
        visualize(vanishing, "logits:dog", steps=2, priors=(), progress=False)
    with pytest.warns(RuntimeWarning, match=r"float16 rounds their gradients to zero \(try model.to\(torch.bfloat16"):
        visualize(vanishing, "logits:dog", steps=2, progress=False)
