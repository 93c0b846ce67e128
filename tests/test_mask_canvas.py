"""A mask over images: what it keeps, what stands in for the rest, and what priors see of it."""

import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch.nn import functional as F

from course_utils.canvas import MaskCanvas, filling
from course_utils.priors import mask_area


def pictures(batch=3, size=16, seed=0):
    return torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(seed))


def set_mask(canvas, logits):
    with torch.no_grad():
        canvas.logits.copy_(torch.as_tensor(logits).expand_as(canvas.logits))


def test_an_open_mask_shows_the_image_and_a_shut_one_the_filling():
    images, fill = pictures(), pictures(seed=1)
    canvas = MaskCanvas(images, fill, cells=4)
    set_mask(canvas, 30.0)
    torch.testing.assert_close(canvas.render(), images)
    set_mask(canvas, -30.0)
    torch.testing.assert_close(canvas.render(), fill)


def test_kept_and_removed_parts_add_up_to_image_and_filling():
    images, fill = pictures(), pictures(seed=1)
    kept, removed = MaskCanvas(images, fill, cells=4), MaskCanvas(images, fill, cells=4, removed=True)
    logits = torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(2))
    for canvas in (kept, removed):
        set_mask(canvas, logits)
    torch.testing.assert_close(kept.render() + removed.render(), images + fill)
    torch.testing.assert_close(kept.variable(), removed.variable())


def test_each_image_may_play_its_own_game():
    images, fill = torch.ones(2, 3, 8, 8), torch.zeros(1, 3, 8, 8)
    canvas = MaskCanvas(images, fill, cells=2, removed=[False, True])
    set_mask(canvas, 30.0)
    assert canvas.render().mean((1, 2, 3)).tolist() == pytest.approx([1, 0])


def test_the_mask_starts_half_open_everywhere_and_its_area_is_its_mean():
    canvas = MaskCanvas(pictures(), "mean", cells=4)
    assert canvas.variable().shape == (3, 1, 16, 16)
    assert mask_area(canvas.variable()).tolist() == [0.5] * 3
    set_mask(canvas, torch.tensor([30.0, 30.0, -30.0, -30.0]))  # the left half
    assert mask_area(canvas.variable()).tolist() == pytest.approx([0.5] * 3, abs=0.01)
    assert canvas.variable()[0, 0, :, 0].min() > 0.99 and canvas.variable()[0, 0, :, -1].max() < 0.01


@pytest.mark.parametrize(("size", "cells"), [((20, 33), 7), ((64, 64), 32), ((9, 9), 9)])
def test_between_its_cells_the_mask_is_interpolated_bicubically(size, cells):
    canvas = MaskCanvas(torch.rand(2, 3, *size), cells=cells)
    with torch.no_grad():
        canvas.logits.normal_(generator=torch.Generator().manual_seed(0))
    logits = F.interpolate(canvas.logits, size=size, mode="bicubic", align_corners=False)
    torch.testing.assert_close(canvas.variable(), logits.sigmoid(), rtol=0, atol=1e-5)


def test_gradients_reach_every_cell():
    canvas = MaskCanvas(pictures(), "mean", cells=4)
    canvas.render().square().sum().backward()
    assert (canvas.logits.grad != 0).all()


def test_a_blurred_filling_is_a_gaussian_blur_of_the_image():
    image = pictures(1, 64)
    blurred = torch.from_numpy(gaussian_filter(image.numpy(), (0, 0, 8, 8), mode="mirror", truncate=2.5))
    torch.testing.assert_close(filling(image, "blur"), blurred, atol=2e-3, rtol=0)


def test_a_mean_filling_is_one_colour_and_noise_is_each_images_own():
    images = pictures()
    mean = filling(images, "mean")
    torch.testing.assert_close(mean[1, :, 3, 5], images[1].mean((1, 2)))
    assert torch.equal(mean[..., :1, :1].expand_as(mean), mean)
    noise = filling(images, "noise", seed=3)
    assert not torch.equal(noise[0], noise[1])
    assert torch.equal(filling(images[1:2], "noise", seed=3, indices=[1])[0], noise[1])
    assert not torch.equal(filling(images, "noise", seed=4), noise)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 40)])
def test_images_of_any_size_can_be_blurred(size):
    image = torch.full((1, 3, *size), 0.25)
    torch.testing.assert_close(filling(image, "blur"), image)


def test_what_is_no_image_no_filling_or_no_mask_is_refused():
    images = pictures()
    with pytest.raises(ValueError, match="did you mean 'blur'"):
        MaskCanvas(images, "blurr")
    with pytest.raises(ValueError, match=r"expected \(3, 3, 16, 16\), or one image for all"):
        MaskCanvas(images, pictures(2))
    with pytest.raises(ValueError, match=r"fill from 0 to 255"):
        MaskCanvas(images, 255 * torch.eye(16).expand(1, 3, 16, 16))
    with pytest.raises(ValueError, match="cells=0"):
        MaskCanvas(images, cells=0)
    with pytest.raises(ValueError, match="2 values for 3 images"):
        MaskCanvas(images, removed=[True, False])
    with pytest.raises(ValueError, match="expected \\[0, 1\\]"):
        MaskCanvas(images * torch.nan)
