"""Canvases: images that stay in their epsilon ball, and free images by pixels or by frequencies; all in [0, 1]."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.canvas import EpsilonBall, FourierCanvas, PixelCanvas, random_start
from course_utils.canvas.image import GAIN, IMAGENET, colour_matrix, colour_statistics, wave_frequencies
from course_utils.teaching.training.data import PaintedScenes
from course_utils.utils import sample_generators
from course_utils.world import PaintedWorld

ROUNDING = 1e-6  # of float32 numbers in [0, 1], and of their norms
NORMS = st.sampled_from(["linf", "l2"])
FREE = pytest.mark.parametrize("canvas", [PixelCanvas, FourierCanvas])
SIDES = st.integers(2, 9)


def pictures(seed, batch=3, size=4):
    return torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(seed))


def size_of(change, norm):
    return change.flatten(1).abs().amax(1) if norm == "linf" else change.flatten(1).norm(dim=1)


@given(norm=NORMS, eps=st.floats(0, 1), reach=st.floats(0, 100), seed=st.integers(0, 1000))
@settings(deadline=None)
def test_whatever_a_step_does_projection_leads_into_the_ball_and_into_the_unit_range(norm, eps, reach, seed):
    images = pictures(seed)
    canvas = EpsilonBall(images, eps, norm)
    with torch.no_grad():
        canvas.perturbed += reach * torch.randn(images.shape, generator=torch.Generator().manual_seed(seed + 1))
    canvas.project()
    assert canvas.render().min() >= 0 and canvas.render().max() <= 1
    assert size_of(canvas.render() - images, norm).max() <= eps + ROUNDING


@given(norm=NORMS, eps=st.floats(0.01, 1), seed=st.integers(0, 1000))
@settings(deadline=None)
def test_projection_leaves_alone_what_is_inside(norm, eps, seed):
    images = pictures(seed)
    nearby = images + 0.9 * (random_start(images, eps, norm, sample_generators(seed, range(3), "test")) - images)
    nearby = nearby.clamp(0, 1)
    torch.testing.assert_close(EpsilonBall(images, eps, norm, start=nearby).render(), nearby)


def test_an_l2_ball_may_be_larger_than_one_and_shortens_a_change_without_turning_it():
    images, change = torch.full((1, 3, 4, 4), 0.5), torch.linspace(-0.5, 0.5, 48).reshape(1, 3, 4, 4)
    canvas = EpsilonBall(images, 1.5, "l2", start=images + change)
    torch.testing.assert_close(canvas.variable(), change * 1.5 / change.norm())
    torch.testing.assert_close(EpsilonBall(images, 3.0, "l2", start=images + change).variable(), change)


def test_a_ball_of_radius_zero_holds_the_image_alone():
    images = pictures(0)
    for norm in ("linf", "l2"):
        assert torch.equal(EpsilonBall(images, 0, norm, start=pictures(1)).render(), images)


def test_the_variable_that_priors_see_is_the_perturbation():
    images = torch.full((2, 3, 4, 4), 0.5)
    assert torch.equal(EpsilonBall(images, 0.25).variable(), torch.zeros_like(images))
    torch.testing.assert_close(EpsilonBall(images, 0.25, start=images + 0.1).variable(), torch.full_like(images, 0.1))


def test_rendering_gives_no_access_to_the_canvas():
    canvas = EpsilonBall(pictures(0), 0.1)
    canvas.render().detach().zero_()
    assert torch.equal(canvas.render(), pictures(0))


def test_the_given_images_are_not_changed():
    images = pictures(0)
    canvas = EpsilonBall(images, 0.1)
    with torch.no_grad():
        canvas.perturbed += 1
    canvas.project()
    assert torch.equal(images, pictures(0))


@given(norm=NORMS, eps=st.floats(0, 1), seed=st.integers(0, 100))
@settings(deadline=None)
def test_random_starts_are_in_the_ball(norm, eps, seed):
    images = pictures(seed)
    start = random_start(images, eps, norm, sample_generators(seed, range(3), "start"))
    assert size_of(start - images, norm).max() <= eps + ROUNDING


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_image_starts_at_the_same_point_whatever_stands_beside_it(norm):
    images = pictures(0, batch=5)
    together = random_start(images, 0.5, norm, sample_generators(7, range(5), "start"))
    alone = random_start(images[3:4], 0.5, norm, sample_generators(7, [3], "start"))
    assert torch.equal(alone, together[3:4])
    assert not torch.equal(together[0] - images[0], together[1] - images[1])
    assert not torch.equal(random_start(images, 0.5, norm, sample_generators(8, range(5), "start")), together)


def test_random_starts_fill_the_l2_ball_evenly():
    images = torch.full((4000, 3, 1, 1), 0.5)  # three dimensions: half the radius holds an eighth of the ball
    change = random_start(images, 0.4, "l2", sample_generators(0, range(4000), "start")) - images
    inner = (size_of(change, "l2") < 0.2).float().mean().item()
    assert inner == pytest.approx(1 / 8, abs=4 * math.sqrt(1 / 8 * 7 / 8 / 4000))
    assert change.flatten(1).mean(0).abs().max() < 4 * 0.4 / math.sqrt(5 * 4000)  # no direction is preferred


def test_random_starts_fill_the_linf_ball_evenly():
    images = torch.full((1000, 3, 1, 1), 0.5)
    change = (random_start(images, 0.4, "linf", sample_generators(0, range(1000), "start")) - images).flatten()
    counts = torch.histc(change, bins=4, min=-0.4, max=0.4) / 3000
    assert counts.tolist() == pytest.approx([0.25] * 4, abs=4 * math.sqrt(0.25 * 0.75 / 3000))


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"eps": -0.1}, ValueError, "expected a radius of at least 0"),
        ({"eps": math.nan}, ValueError, "expected a radius of at least 0"),
        ({"eps": math.inf, "norm": "l2"}, ValueError, "expected a radius of at least 0"),
        ({"eps": 8}, ValueError, "eps=8/255, not eps=8"),
        ({"eps": 0.1, "norm": "l1"}, ValueError, "expected 'linf'"),
        ({"eps": 0.1, "images": 255 * pictures(0)}, ValueError, r"expected \[0, 1\]"),
        ({"eps": 0.1, "images": pictures(0) - 0.5}, ValueError, r"expected \[0, 1\]"),
        ({"eps": 0.1, "images": pictures(0) * math.nan}, ValueError, r"expected \[0, 1\]"),
        ({"eps": 0.1, "images": pictures(0)[:0]}, ValueError, "at least one image"),
        ({"eps": 0.1, "images": (255 * pictures(0)).byte()}, TypeError, r"images.float\(\) / 255"),
        ({"eps": 0.1, "start": pictures(0)[:2]}, ValueError, "expected that of images"),
    ],
)
def test_impossible_balls_are_refused_in_one_sentence(arguments, error, words, unchecked):
    with pytest.raises(error, match=words):
        EpsilonBall(**{"images": pictures(0), **arguments})


@pytest.mark.parametrize("seed", [-1, 0.5, None])
def test_an_impossible_seed_is_refused(seed, unchecked):
    with pytest.raises(ValueError, match="whole number of at least 0"):
        sample_generators(seed, range(3), "start")


# Free images


@FREE
def test_a_free_image_starts_alike_whatever_the_batch_and_differs_from_its_neighbours(canvas):
    together = canvas(5, 8, seed=3).render()
    assert torch.equal(canvas(2, 8, seed=3).render(), together[:2])
    assert torch.equal(canvas(2, 8, seed=3, indices=[4, 1]).render(), together[[4, 1]])
    assert torch.equal(canvas(5, 8, seed=3).render(), together)
    assert len({picture.sum().item() for picture in together}) == 5
    assert not torch.equal(canvas(5, 8, seed=4).render(), together)


@given(
    kind=st.sampled_from([PixelCanvas, FourierCanvas]), height=SIDES, width=SIDES, channels=st.integers(1, 4),
    contrast=st.floats(0, 50), reach=st.floats(0, 50), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=50, deadline=None)
def test_free_images_of_any_size_stay_in_the_unit_range_whatever_a_step_does(
    kind, height, width, channels, contrast, reach, seed
):
    canvas = kind(2, (height, width), channels=channels, contrast=contrast, seed=seed)
    assert canvas.render().shape == (2, channels, height, width) and len(canvas) == 2
    assert canvas.render().min() >= 0 and canvas.render().max() <= 1
    with torch.no_grad():
        for parameter in canvas.parameters():
            parameter += reach * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed))
    canvas.project()
    assert canvas.render().min() >= 0 and canvas.render().max() <= 1


@FREE
def test_rendering_is_differentiable_and_no_image_depends_on_another(canvas):
    made = canvas(3, (6, 7))
    weights = torch.rand(3, 6, 7, generator=torch.Generator().manual_seed(0))
    for parameter in made.parameters():
        (gradient,) = torch.autograd.grad((made.render()[1] * weights).sum(), parameter)
        assert gradient[1].abs().sum() > 0 and not gradient[[0, 2]].any()


@FREE
def test_free_images_start_around_grey_and_contrast_says_how_far(canvas):
    contrasts = [canvas(4, 16, contrast=c).render().sub(0.5).abs().mean().item() for c in (0.0, 0.01, 0.1)]
    assert contrasts[0] == pytest.approx(0, abs=ROUNDING) and contrasts == sorted(contrasts) and contrasts[1] > 1e-3
    default = canvas(4, 16, contrast=canvas.CONTRAST).render()
    assert torch.equal(canvas(4, 16).render(), default)


@FREE
def test_rendering_a_free_image_gives_no_access_to_it(canvas):
    made = canvas(2, 4)
    before = made.render().detach().clone()
    made.render().detach().zero_()
    assert torch.equal(made.render(), before)


@FREE
@pytest.mark.parametrize(
    "given",
    [{"batch": 0}, {"size": 0}, {"size": (4, 0)}, {"size": -4}, {"channels": 0}],
)
def test_impossible_free_images_are_refused_in_one_sentence(canvas, given):
    with pytest.raises(ValueError, match="expected at least 1 of each"):
        canvas(**{"batch": 2, "size": 4, **given})


def test_pixels_are_noise_of_the_contrast_asked_for():
    pixels = PixelCanvas(4, 32, contrast=0.1).render()
    assert pixels.mean().item() == pytest.approx(0.5, abs=0.005) and pixels.std().item() == pytest.approx(0.1, rel=0.05)


@given(height=SIDES, width=SIDES, seed=st.integers(0, 99))
@settings(deadline=None)
def test_waves_of_one_strength_in_plain_colours_are_the_inverse_fourier_transform(height, width, seed):
    canvas = FourierCanvas(2, (height, width), decay=0, colours=None, contrast=1, seed=seed)
    numbers = canvas.spectrum.detach().double().numpy()
    waves = np.fft.irfft2(GAIN * (numbers[..., 0] + 1j * numbers[..., 1]), s=(height, width), norm="ortho")
    torch.testing.assert_close(canvas.render(), torch.from_numpy(1 / (1 + np.exp(-waves))).float(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("decay", [0.5, 1.0, 2.0])
def test_amplitudes_fall_with_the_frequency_and_the_even_image_has_the_coarsest_ones(decay):
    amplitudes = FourierCanvas(1, (8, 11), decay=decay).amplitudes[..., 0].numpy()
    y, x = np.meshgrid(np.fft.fftfreq(8), np.fft.rfftfreq(11), indexing="ij")
    frequencies = np.hypot(y, x)
    np.testing.assert_allclose(wave_frequencies((8, 11)).numpy(), frequencies, rtol=1e-6)
    frequencies[0, 0] = 1 / 11
    np.testing.assert_allclose(amplitudes, GAIN * frequencies**-decay, rtol=1e-5)


def test_colours_mix_the_channels_before_they_are_squashed():
    mix = torch.tensor([[0.0, 0.0, 3.0], [0.0, 2.0, 0.0], [1.0, 0.0, 0.0]])
    plain, mixed = FourierCanvas(2, 6, colours=None), FourierCanvas(2, 6, colours=mix)
    swapped = plain.render().logit()[:, [2, 1, 0]] * torch.tensor([3.0, 2.0, 1.0]).reshape(3, 1, 1) / 3
    torch.testing.assert_close(mixed.render().logit(), swapped, atol=1e-5, rtol=1e-4)


def test_start_images_have_mostly_brightness_as_photographs_do():
    canvas = FourierCanvas(50, 16, contrast=0.1)
    values = torch.linalg.eigvalsh(torch.cov(canvas.render().detach().transpose(0, 1).flatten(1)))
    assert values[2] > 5 * values[1]


# Colours


def test_colours_are_scaled_to_a_longest_column_of_one():
    for colours in ("imagenet", IMAGENET, 7 * torch.tensor(IMAGENET)):
        torch.testing.assert_close(colour_matrix(colours), colour_matrix("imagenet"))
    assert colour_matrix("imagenet").norm(dim=0).max().item() == pytest.approx(1)
    assert torch.equal(colour_matrix(None), torch.eye(3))


@pytest.mark.parametrize(
    ("colours", "words"),
    [
        ("imagnet", "colours='imagnet' given, expected 'imagenet'"),
        (torch.eye(2), r"shape \(2, 2\) given, expected a 3x3 matrix"),
        (torch.ones(3), r"shape \(3,\) given"),
        (torch.zeros(3, 3), "expected a 3x3 matrix"),
        (torch.eye(3) * math.nan, "expected a 3x3 matrix of numbers"),
    ],
)
def test_impossible_colours_are_refused_in_one_sentence(colours, words):
    with pytest.raises(ValueError, match=words):
        colour_matrix(colours)
    with pytest.raises(ValueError, match=words):
        FourierCanvas(1, 4, colours=colours)


def test_colours_of_three_channels_do_not_mix_another_number():
    with pytest.raises(ValueError, match="images of 1 channels, expected None"):
        FourierCanvas(1, 4, channels=1, colours=torch.eye(3))
    plain = FourierCanvas(1, 4, channels=1, colours=None).render()
    assert torch.equal(FourierCanvas(1, 4, channels=1).render(), plain)


@given(seed=st.integers(0, 1000))
@settings(deadline=None)
def test_colour_statistics_are_a_root_of_the_covariance_strongest_direction_first(seed):
    generator = torch.Generator().manual_seed(seed)
    mix = torch.rand(3, 3, generator=generator)
    images = torch.einsum("dc,bchw->bdhw", mix / mix.sum(1, keepdim=True), torch.rand(3, 3, 8, 8, generator=generator))
    root = colour_statistics(images).double()
    covariance = np.cov(images.permute(1, 0, 2, 3).flatten(1).double().numpy())
    np.testing.assert_allclose((root @ root.T).numpy(), covariance, atol=1e-6)
    lengths = root.norm(dim=0).tolist()
    assert lengths == sorted(lengths, reverse=True) and (root.sum(0) >= -ROUNDING).all()


def test_a_direction_that_makes_nothing_brighter_is_kept():
    red = torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    root = colour_statistics(torch.cat([red, torch.full_like(red, 0.5), 1 - red], 1))  # red against blue
    spread = red.std().item()
    assert root[:, 0].abs().tolist() == pytest.approx([spread, 0, spread], rel=1e-4)
    assert root[0, 0] * root[2, 0] < 0


def test_the_painted_scenes_have_the_colours_that_their_classifiers_are_told():
    scenes = torch.cat([PaintedWorld().sample(250, seed=seed).images for seed in (901, 902, 903, 904)])
    torch.testing.assert_close(colour_statistics(scenes), torch.tensor(PaintedScenes.colours), atol=0.01, rtol=0)
