"""Transforms: small random moves, another draw for each image, differentiable, and no blur that nobody asked for."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch.nn import functional as F
from torchvision.transforms import v2
from torchvision.transforms.v2 import InterpolationMode

from course_utils.transforms import Together, jitter, merged, mirrored, pad, rotate, scale, shift, standard, turned
from course_utils.utils import sample_generators

ALL = pytest.mark.parametrize(
    "transform", [jitter(3), rotate(30), scale(0.6, 1.7), pad(3), merged([rotate(20), scale(0.8, 1.2)])[0]], ids=str
)


def pictures(batch=6, height=16, width=16, seed=0):
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))


def smooth(height=32, width=32):
    """One image without fine detail, in which nothing is symmetric."""
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    return torch.stack([x, y * y, 0.5 + 0.4 * torch.sin(5 * x + 2 * y)])[None]


def draws(samples, seed=0):
    return sample_generators(seed, samples, "transforms")


def middle(images, margin):
    return images[..., margin:-margin, margin:-margin]


# What holds for all of them


@ALL
def test_a_image_moves_the_same_whatever_stands_beside_it(transform):
    images = pictures()
    together = transform(images, draws(range(6)))
    torch.testing.assert_close(transform(images[[4, 1]], draws([4, 1])), together[[4, 1]])
    assert torch.equal(transform(images, draws(range(6))), together)


@ALL
def test_a_transform_keeps_shape_precision_and_range(transform):
    for images in (pictures(height=12, width=17), pictures().double()):
        moved = transform(images, draws(range(6)))
        assert moved.shape == images.shape and moved.dtype == images.dtype
        assert moved.min() >= -1e-6 and moved.max() <= 1 + 1e-6


@ALL
def test_the_next_step_draws_anew(transform):
    images, generators = pictures(), draws(range(6))
    first, second = transform(images, generators), transform(images, generators)
    assert torch.equal(first, second) == (transform == pad(3))  # which draws nothing


@pytest.mark.parametrize("transform", [jitter(3), rotate(30), scale(0.6, 1.7)], ids=str)
def test_each_image_of_a_batch_has_a_draw_of_its_own(transform):
    moved = transform(pictures(1).expand(6, -1, -1, -1), draws(range(6)))
    assert len({round(picture[:, 4:9, 3:8].sum().item(), 4) for picture in moved}) >= 5


@ALL
def test_gradients_reach_every_pixel_that_is_still_in_the_image(transform):
    images = pictures().requires_grad_()
    (gradient,) = torch.autograd.grad(transform(images, draws(range(6))).sum(), images)
    lost = 3 if transform == jitter(3) else 5  # at the borders, what was moved out; mirrored pixels count twice
    assert (middle(gradient, lost) > 0).all() and gradient.isfinite().all()


def test_gradients_reach_every_pixel_over_a_few_steps():
    images, generators, total = pictures().requires_grad_(), draws(range(6)), 0
    for _ in range(20):
        moved = images
        for transform in merged(standard(16)):
            moved = transform(moved, generators)
        total = total + moved.sum()
    (gradient,) = torch.autograd.grad(total, images)
    assert (gradient > 0).all()


# Jitter


@given(pixels=st.integers(0, 5), seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_jitter_moves_by_whole_pixels_and_no_further_than_asked(pixels, seed):
    images = pictures()
    moved = jitter(pixels)(images, draws(range(6), seed))
    padded = F.pad(images, [pixels] * 4, mode="reflect")
    for before, after in zip(padded, moved, strict=True):
        windows = before.unfold(1, 16, 1).unfold(2, 16, 1)  # every place that the image can move to
        assert (windows == after[:, None, None]).all(-1).all(-1).all(0).any()


def test_jitter_uses_its_whole_range_both_ways():
    rows = torch.arange(16.0)[:, None].expand(16, 16)
    images = torch.stack([rows, rows.T, rows]).expand(200, -1, -1, -1)
    moved = jitter(2)(images, draws(range(200)))
    down, right = (8 - moved[:, channel, 8, 8] for channel in (0, 1))
    assert {*down.tolist()} == {*right.tolist()} == {-2, -1, 0, 1, 2}
    assert abs(torch.corrcoef(torch.stack([down, right]))[0, 1]) < 4 / math.sqrt(200)  # one does not tell the other


def test_a_shift_goes_down_and_right():
    images = torch.zeros(2, 1, 5, 6)
    images[:, :, 2, 2] = 1
    moved = shift(images, torch.tensor([[1, 3], [-2, 0]]))
    assert moved[0, 0, 3, 5] == 1 and moved[1, 0, 0, 2] == 1


@given(size=st.integers(2, 9), by=st.integers(1, 30))
@settings(deadline=None)
def test_what_lies_outside_is_mirrored_at_the_border_pixel(size, by):
    line = torch.arange(size, dtype=torch.float64).numpy()
    far = ndimage.map_coordinates(line, [range(-by, size + by)], order=0, mode="mirror")
    assert mirrored(torch.arange(-by, size + by), size).tolist() == far.tolist()


def test_a_image_of_one_pixel_stays_what_it_is():
    image = pictures(height=1, width=1)
    assert torch.equal(jitter(3)(image, draws(range(6))), image)


# Rotation and scaling


@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
@pytest.mark.parametrize(("degrees", "factor"), [(0, 1), (17, 1), (-25, 1), (0, 1.4), (0, 0.8), (12, 1.25), (90, 1)])
def test_turning_and_scaling_agree_with_torchvision(size, degrees, factor):
    image = smooth(*size)
    ours = turned(image, torch.tensor([math.radians(degrees)]), torch.tensor([float(factor)]))
    # torchvision's affine turns clockwise, as its rotate does not.
    theirs = v2.functional.affine(image, -degrees, [0, 0], factor, [0, 0], InterpolationMode.BILINEAR)
    torch.testing.assert_close(middle(ours, 10), middle(theirs, 10), atol=2e-3, rtol=0)


@pytest.mark.parametrize("degrees", [10, -35])
def test_a_positive_angle_turns_against_the_clock(degrees):
    ours = turned(smooth(), torch.tensor([math.radians(degrees)]), torch.ones(1))
    theirs = ndimage.rotate(smooth()[0].numpy(), degrees, axes=(2, 1), reshape=False, order=1)
    theirs_tv = v2.functional.rotate(smooth(), degrees, InterpolationMode.BILINEAR)
    torch.testing.assert_close(middle(ours, 8)[0], middle(torch.from_numpy(theirs), 8), atol=2e-3, rtol=0)
    torch.testing.assert_close(middle(ours, 8), middle(theirs_tv, 8), atol=2e-3, rtol=0)


@given(angle=st.floats(-3, 3), factor=st.floats(0.5, 2))
@settings(max_examples=25, deadline=None)
def test_a_turn_is_undone_by_the_opposite_turn(angle, factor):
    there = turned(smooth(), torch.tensor([angle]), torch.tensor([factor]))
    back = turned(there, -torch.tensor([angle]), 1 / torch.tensor([factor]))
    torch.testing.assert_close(middle(back, 13), middle(smooth(), 13), atol=0.02, rtol=0)


def test_a_factor_above_one_is_larger():
    dot = torch.zeros(1, 1, 40, 40)
    dot[..., 14:26, 14:26] = 1
    covered = [middle(turned(dot, torch.zeros(1), torch.tensor([f])), 10).sum().item() / 144 for f in (0.5, 1.0, 1.5)]
    assert covered == pytest.approx([0.25, 1, 2.25], rel=0.05)


def test_a_quarter_turn_moves_pixels_and_blurs_nothing():
    images = pictures()
    quarter = turned(images, torch.full((6,), math.pi / 2), torch.ones(6))
    torch.testing.assert_close(quarter, images.rot90(1, (2, 3)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("transform", [rotate(0), scale(1, 1), merged([rotate(0), scale(1, 1)])[0]], ids=str)
def test_no_turn_and_no_scaling_leave_the_image_alone(transform):
    torch.testing.assert_close(transform(pictures(), draws(range(6))), pictures(), atol=1e-5, rtol=0)


def test_draws_fill_their_range_evenly_and_twice_as_large_is_as_likely_as_half():
    angles, ones = rotate(30).draw(draws(range(1000)))
    assert (ones == 1).all() and angles.abs().max() <= math.radians(30)
    assert angles.min() < -0.95 * math.radians(30) and angles.max() > 0.95 * math.radians(30)
    assert abs(angles.mean()) < 4 * math.radians(30) / math.sqrt(3 * 1000)
    zeros, factors = scale(0.5, 2).draw(draws(range(1000)))
    assert not zeros.any() and 0.5 <= factors.min() < 0.53 and 1.9 < factors.max() <= 2
    assert (factors < 1).float().mean().item() == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(1000))


# Side by side


def test_turns_and_scalings_side_by_side_and_a_jitter_before_them_become_one_resampling():
    one = merged([jitter(2), rotate(10), scale(0.9, 1.1), rotate(5), pad(1), scale(1, 2), jitter(1)])
    assert one == [Together((jitter(2), rotate(10), scale(0.9, 1.1), rotate(5))), pad(1), scale(1, 2), jitter(1)]
    assert merged([]) == [] and merged(one) == one


def test_merged_transforms_move_as_far_as_one_after_the_other_and_blur_less():
    parts = [rotate(20), scale(0.8, 1.2), rotate(10)]
    (one,) = merged(parts)
    image = smooth().expand(6, -1, -1, -1)
    stepwise, generators = image, draws(range(6))
    for part in parts:
        stepwise = part(stepwise, generators)
    together = one(image, draws(range(6)))
    torch.testing.assert_close(middle(together, 8), middle(stepwise, 8), atol=0.01, rtol=0)
    noise, generators = pictures(), draws(range(6))
    sharp = one(noise, draws(range(6)))
    for part in parts:
        noise = part(noise, generators)
    assert middle(sharp, 3).var() > 1.3 * middle(noise, 3).var()


@given(rows=st.integers(-4, 4), columns=st.integers(-4, 4), angle=st.floats(-0.5, 0.5), factor=st.floats(0.8, 1.25))
@settings(max_examples=30, deadline=None)
def test_moving_and_turning_at_once_is_moving_first_and_turning_then(rows, columns, angle, factor):
    image, by = pictures(1, 48, 48), torch.tensor([[rows, columns]])
    angle, factor = torch.tensor([angle]), torch.tensor([factor])
    stepwise = turned(shift(image, by), angle, factor)
    torch.testing.assert_close(middle(turned(image, angle, factor, by), 14), middle(stepwise, 14), atol=1e-5, rtol=0)


def test_a_jitter_merged_with_a_turn_draws_what_both_draw_one_after_the_other():
    image, generators = smooth().expand(6, -1, -1, -1), draws(range(6))
    stepwise = rotate(20)(jitter(3)(image, generators), generators)
    (one,) = merged([jitter(3), rotate(20)])
    torch.testing.assert_close(middle(one(image, draws(range(6))), 10), middle(stepwise, 10), atol=1e-5, rtol=0)


def test_merged_is_the_one_resampling_by_the_sum_of_angles_and_the_product_of_factors():
    parts, generators = [rotate(20), scale(0.8, 1.2), rotate(10)], draws(range(6))
    angles, factors = zip(*(part.draw(generators) for part in parts), strict=True)
    expected = turned(pictures(), angles[0] + angles[1] + angles[2], factors[0] * factors[1] * factors[2])
    torch.testing.assert_close(merged(parts)[0](pictures(), draws(range(6))), expected, atol=1e-5, rtol=1e-4)


# Padding, and the standard set


def test_a_margin_is_grey_and_the_image_shrinks_to_make_room():
    white = pad(4)(torch.ones(1, 3, 24, 24), draws([0]))
    assert white[..., 0, :].mean().item() == pytest.approx(0.5, abs=0.01) and white[..., 12, 12].min() > 0.99
    inner = (white[0, 0] > 0.75).sum().item() / 24**2
    assert inner == pytest.approx((24 / 32) ** 2, abs=0.06)
    torch.testing.assert_close(pad(0)(pictures(), draws(range(6))), pictures())


def test_the_standard_set_goes_with_the_size_of_the_image():
    assert standard() == standard(64) == [jitter(4), rotate(10), scale(0.9, 1.1)]
    assert standard((224, 96))[0] == jitter(6) and standard(8)[0] == jitter(1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: jitter(-1), r"jitter\(-1\) given, expected at least 0 pixels"),
        (lambda: pad(-2), r"pad\(-2\) given"),
        (lambda: rotate(-5), r"rotate\(-5\) given, expected an angle of at least 0"),
        (lambda: rotate(math.nan), r"rotate\(nan\) given"),
        (lambda: rotate(math.inf), r"rotate\(inf\) given"),
        (lambda: scale(1.1, 0.9), r"scale\(1.1, 0.9\) given, expected 0 < low <= high"),
        (lambda: scale(0, 1), r"scale\(0, 1\) given"),
        (lambda: scale(-1, 1), r"scale\(-1, 1\) given"),
        (lambda: scale(1, math.inf), r"scale\(1, inf\) given"),
        (lambda: scale(math.nan, 1), r"scale\(nan, 1\) given"),
    ],
)
def test_impossible_moves_are_refused_when_they_are_made(make, words):
    with pytest.raises(ValueError, match=words):
        make()
