"""A file of any kind becomes an image, and what was done for that is said, or it is refused in one sentence."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from course_utils import load_image
from course_utils.images import LoadedImage


def saved(picture: Image.Image, kind: str, **options) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def smooth(height: int = 40, width: int = 40) -> Image.Image:
    """Red grows to the right, green downwards: what JPEG leaves nearly as it is."""
    down, right = np.mgrid[:height, :width] / (max(height, width) - 1)
    return Image.fromarray((255 * np.stack([right, down, 0 * right], 2)).astype(np.uint8))


def bytes_of(loaded: LoadedImage) -> torch.Tensor:
    return (loaded.images[0] * 255).round().to(torch.uint8).permute(1, 2, 0)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "GIF", "JPEG", "WEBP", "JPEG2000"])
def test_every_common_format_goes_as_a_files_content(kind):
    loaded = load_image(saved(smooth(), kind), 40)
    assert loaded.images.shape == (1, 3, 40, 40) and loaded.notes == ()
    difference = (bytes_of(loaded).int() - torch.from_numpy(np.array(smooth())).int()).abs()
    assert difference.float().mean() < (0 if kind in ("PNG", "BMP", "TIFF", "PPM") else 12) + 1e-6


def test_cmyk_becomes_colours():
    plain, printed = (load_image(saved(picture, "JPEG"), 40) for picture in (smooth(), smooth().convert("CMYK")))
    assert (plain.images - printed.images).abs().mean() < 0.03


def test_sixteen_bits_keep_their_brightness():
    deep = Image.fromarray(np.linspace(0, 65535, 1600).reshape(40, 40).astype(np.uint16))
    images = load_image(saved(deep, "PNG"), 40).images
    assert images.mean() == pytest.approx(0.5, abs=0.01) and images.max() == 1 and images.min() == 0
    wide = Image.fromarray(np.asarray(deep).astype(np.int32))
    assert torch.equal(load_image(wide, 40).images, images)
    assert torch.equal(load_image(saved(wide, "TIFF"), 40).images, images)


def test_floating_point_files_lie_between_0_and_1_or_are_refused():
    numbers = Image.fromarray(np.linspace(0, 1, 1600).reshape(40, 40).astype(np.float32))
    assert load_image(saved(numbers, "TIFF"), 40).images.mean() == pytest.approx(0.5, abs=0.01)
    bright = saved(Image.fromarray(np.asarray(numbers) * 9), "TIFF")
    with pytest.raises(ValueError, match=r"sky.tif cannot be read as an image \(its numbers run from 0 to 9, exp"):
        load_image(bright, 40, name="sky.tif")


def test_what_is_transparent_lies_on_white_and_that_is_said():
    half = smooth().convert("RGBA")
    half.putalpha(Image.fromarray(np.tile(np.repeat(np.uint8([0, 255]), 20), (40, 1))))
    see_through = half.convert("RGB").quantize(4)
    for content in (saved(half, "PNG"), saved(half, "WEBP", lossless=True), saved(half.convert("LA"), "PNG")):
        loaded = load_image(content, 40)
        assert loaded.notes == ("what is transparent lies on white",)
        assert loaded.images[..., :20].min() == 1 and loaded.images[..., 20:].min() < 0.6
    palette = load_image(saved(see_through, "GIF", transparency=see_through.getpixel((0, 0))), 40)
    assert "what is transparent lies on white" in palette.notes and palette.images[0, :, 0, 0].min() == 1
    half.putalpha(255)
    assert load_image(saved(half, "PNG"), 40).notes == ()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_moving_images_the_first_frame_is_taken_and_that_is_said(kind):
    first, *others = [Image.new("RGB", (40, 40), colour) for colour in ("red", "lime", "blue")]
    loaded = load_image(saved(first, kind, save_all=True, append_images=others), 40)
    assert loaded.notes == ("the first of its 3 frames",)
    assert (loaded.images[0].mean((1, 2)) - torch.tensor([1.0, 0, 0])).abs().max() < 0.02


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_eight_ways_to_hold_a_camera(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # transposes that undo how it lay
    lying = smooth() if turned is None else smooth().transpose(Image.Transpose(turned))
    loaded = load_image(saved(lying, "PNG", exif=exif), 40)
    assert torch.equal(bytes_of(loaded), torch.from_numpy(np.array(smooth())))
    assert loaded.notes == (("turned upright as its camera noted",) if orientation > 1 else ())


def claims(width: int, height: int) -> bytes:
    """A small PNG that says of itself to be large."""
    content = bytearray(saved(smooth(), "PNG"))
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


@pytest.mark.parametrize(("width", "height"), [(9_000, 9_000), (12_000, 12_000), (100_000, 100_000)])
def test_a_small_file_that_unpacks_into_a_huge_image_is_refused_unread(width, height):
    with pytest.raises(ValueError, match=r"bomb.png cannot be .*too large: .*at most 64 million pixels"):
        load_image(claims(width, height), 64, name="bomb.png")


def test_a_strip_does_not_grow_without_bound():
    strip = Image.fromarray(np.zeros((1, 1_000_000, 3), np.uint8))  # whole, 50 thousand million pixels
    assert load_image(saved(strip, "PNG"), 224).images.shape == (1, 3, 224, 224)


def test_nothing_that_starts_another_program_is_opened(monkeypatch):
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    assert Image.open(BytesIO(script)).format == "EPS"
    with pytest.raises(ValueError, match="its format is unknown"):
        load_image(script, 64)


WHOLE = {kind: saved(smooth(), kind) for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP")}


@given(kind=st.sampled_from(sorted(WHOLE)), cut=st.floats(0, 1), where=st.floats(0, 1), byte=st.integers(0, 255))
def test_a_damaged_file_is_a_image_or_a_sentence(kind, cut, where, byte):
    content = bytearray(WHOLE[kind])
    content[int(where * (len(content) - 1))] = byte
    del content[max(1, int(2 * cut * len(content))) :]  # in half of the cases nothing is cut off
    try:
        images = load_image(bytes(content), 16).images
    except ValueError as error:
        assert str(error).startswith("the file cannot be read as an image") and "\n" not in str(error)
    else:
        assert images.shape == (1, 3, 16, 16) and images.min() >= 0 and images.max() <= 1
