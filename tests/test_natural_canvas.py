"""Canvases whose contrast and spectrum are held: whatever the numbers, the images keep to them."""

from __future__ import annotations

import pytest
import torch

from course_utils.canvas import NaturalCanvas, PhaseCanvas
from course_utils.loop import AnnealedAdam, optimize
from course_utils.transforms import crop, mirror
from course_utils.vision import high_frequency_share

SIZE = 64


def log_odds(canvas: NaturalCanvas | PhaseCanvas) -> torch.Tensor:
    return canvas.render().detach().logit()


@pytest.mark.parametrize("kind", [NaturalCanvas, PhaseCanvas])
def test_contrast_is_held_whatever_the_numbers(kind: type) -> None:
    canvas = kind(3, SIZE, contrast=0.9)
    for factor in (1.0, 30.0):
        with torch.no_grad():
            next(canvas.parameters()).mul_(factor)
        waves = log_odds(canvas)
        waves = waves - waves.mean((2, 3), keepdim=True)
        assert torch.allclose(waves.square().mean((1, 2, 3)).sqrt(), torch.tensor(0.9), atol=1e-2)


def test_rings_with_more_than_their_share_are_lowered_to_it() -> None:
    canvas, free = NaturalCanvas(2, SIZE), NaturalCanvas(2, SIZE)
    free.shares.fill_(1)  # nothing is lowered
    shares = []
    for each in (canvas, free):
        with torch.no_grad():
            each.spectrum[:, :, each.frequencies > 0.25] *= 10  # a hundred times the energy
        shares.append(high_frequency_share(each.render().detach()))
    assert (shares[0] < shares[1] / 2).all()


def test_magnitudes_stay_and_phases_move() -> None:
    canvas = PhaseCanvas(1, SIZE, colours=None)
    before = torch.fft.rfft2(log_odds(canvas))[0, 0].abs()
    with torch.no_grad():
        canvas.phases += torch.randn(canvas.phases.shape, generator=torch.Generator().manual_seed(3))
    after = torch.fft.rfft2(log_odds(canvas))[0, 0].abs()
    inner = (slice(1, SIZE // 2), slice(1, SIZE // 2))  # the edges of a real transform are mirrored
    ratio = after[inner] / before[inner]
    assert (ratio / ratio.median() - 1).abs().max() < 0.02


def test_a_run_goes_from_coarse_to_fine() -> None:
    canvas = NaturalCanvas(1, SIZE)
    shares = []
    for done in (0.0, 0.3, 1.0):
        canvas.advance(done)
        shares.append(high_frequency_share(canvas.render().detach()).item())
    assert shares[0] < shares[1] < shares[2]
    seen: list[float] = []

    def note(step: int, x: torch.Tensor, outputs: object, score: object) -> None:
        seen.append(high_frequency_share(x).item())

    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * SIZE * SIZE, 2))
    result = optimize(model, canvas, lambda outputs: outputs.logits[:, 0], steps=8, on_step=note)
    assert seen[0] < seen[-1]
    assert torch.equal(result.x, canvas.render())  # what is kept is the whole image


def test_image_i_starts_alike_whatever_stands_beside_it() -> None:
    third, alone = NaturalCanvas(3, 16, seed=4).render()[2:], NaturalCanvas(1, 16, seed=4, indices=[2]).render()
    assert torch.allclose(third, alone, atol=1e-6)


@pytest.mark.parametrize("given", [{"contrast": 0.0}, {"slope": -1.0}, {"coarsest": 0.0}])
def test_settings_out_of_range_are_refused(given: dict) -> None:
    with pytest.raises(ValueError, match="expected above 0"):
        NaturalCanvas(1, 16, **given)
    with pytest.raises(ValueError, match="magnitudes of shape"):
        PhaseCanvas(1, 16, magnitudes=torch.ones(3, 3))


def test_a_crop_is_a_part_of_the_image_enlarged() -> None:
    ramp = torch.linspace(0, 1, 33).expand(4, 3, 33, 33)
    generators = [torch.Generator().manual_seed(i) for i in range(4)]
    parts = crop(0.5, 0.5)(ramp, generators)
    spread = parts[..., -1] - parts[..., 0]
    assert torch.allclose(spread, torch.full_like(spread, 0.5), atol=0.03)
    assert parts.mean((1, 2, 3)).std() > 0.02  # another part of each
    with pytest.raises(ValueError, match="expected 0 < low <= high"):
        crop(1.0, 0.5)


def test_mirroring_turns_some_images_and_leaves_the_rest() -> None:
    images = torch.rand(40, 3, 5, 5)
    moved = mirror()(images, [torch.Generator().manual_seed(i) for i in range(40)])
    same = torch.tensor([torch.equal(a, b) for a, b in zip(moved, images, strict=True)])
    assert 10 < same.sum() < 30
    assert torch.equal(moved[~same], images[~same].flip(3))


def test_the_step_size_falls_to_a_twentieth() -> None:
    number = torch.nn.Parameter(torch.zeros(1))
    rule = AnnealedAdam([number], lr=1.0, steps=100)
    rates = []
    for _ in range(100):
        number.grad = torch.ones(1)
        rule.step()
        rates.append(rule.param_groups[0]["lr"])
    assert max(rates) < 1 and rates[0] == pytest.approx(0.1) and rates[-1] == pytest.approx(0.05, abs=0.01)
