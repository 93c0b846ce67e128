"""Whatever a reader brings becomes what the classifier takes, or is refused in one sentence."""

import weakref

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils import Classifier, images, load_images, photographs


def classifier(channels: int = 3, size=32) -> Classifier:
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(2))
    return Classifier(flat, classes=["a", "b"], size=size, mean=[0.0] * channels, std=[1.0] * channels, name="net")


def noise(height: int, width: int, *channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, *channels), dtype=np.uint8)


def test_a_image_of_the_right_size_is_left_as_it_is(tmp_path, capsys):
    pixels = noise(32, 32, 3)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    for source in (pixels, Image.fromarray(pixels), tmp_path / "x.png", str(tmp_path / "x.png"), pixels / 255):
        images = load_images(classifier(), source)
        assert torch.equal((images[0] * 255).round().to(torch.uint8), torch.from_numpy(pixels).permute(2, 0, 1))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("shape", [(20, 90), (300, 40), (17, 17), (1, 500)])
def test_other_sizes_are_resized_and_cropped_and_that_is_said(shape, capsys):
    images = load_images(classifier(size=(32, 48)), noise(*shape, 3))
    assert images.shape == (1, 3, 32, 48) and images.min() >= 0 and images.max() <= 1
    assert f"{shape[1]}x{shape[0]} pixels, resized and its middle cut out to 48x32" in capsys.readouterr().out


def test_the_middle_is_kept():
    wide = np.zeros((32, 96, 3), np.uint8)
    wide[:, 32:64] = 255
    assert load_images(classifier(), wide).min() == 1


def test_greys_palettes_transparency_and_deep_greys_become_colours(tmp_path):
    grey = noise(32, 32)
    assert torch.equal(*load_images(classifier(), grey)[0, :2])
    Image.fromarray(grey).convert("P").save(tmp_path / "palette.gif")
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    images = load_images(classifier(), tmp_path / "palette.gif", deep, grey[..., None])
    for image in images:
        assert torch.equal((image[0] * 255).round().to(torch.uint8), torch.from_numpy(grey))
    clear = np.zeros((32, 32, 4), np.uint8)
    assert load_images(classifier(), clear).min() == 1  # transparent black is shown on white


def test_a_photograph_is_turned_upright_as_its_camera_noted(tmp_path):
    lying = Image.fromarray(noise(32, 32, 3))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    lying.save(tmp_path / "lying.png", exif=exif)
    upright = load_images(classifier(), lying.rotate(-90))
    assert torch.equal(load_images(classifier(), tmp_path / "lying.png"), upright)


def test_a_net_of_one_channel_gets_greys():
    assert load_images(classifier(channels=1), noise(32, 32, 3), noise(32, 32)).shape == (2, 1, 32, 32)


def test_what_is_no_image_is_refused_in_a_sentence(tmp_path, unchecked):
    (tmp_path / "words.png").write_text("not an image")
    Image.fromarray(noise(64, 64, 3)).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:500])
    for source, error, words in [
        (tmp_path / "words.png", ValueError, "words.png cannot be read as an image"),
        (tmp_path / "cut.png", ValueError, "cut.png cannot be read as an image"),
        (tmp_path / "none.png", FileNotFoundError, "there is no file"),
        (b"", ValueError, "image 0 cannot be read as an image .its format is unknown.; save it as JPEG or PNG"),
        (noise(4, 4, 2), ValueError, r"not as \(4, 4, 2\)"),
        (noise(4, 4, 3) * 1.0, ValueError, r"lie in \[0, 1\], this one runs from"),
        (np.full((4, 4, 3), np.nan), ValueError, r"lie in \[0, 1\]"),
        (noise(4, 4, 3).astype(int) * 2, ValueError, "run from 0 to 255"),
        (3, TypeError, "not int"),
    ]:
        with pytest.raises(error, match=words):
            load_images(classifier(), source)
    with pytest.raises(ValueError, match="at least one image"):
        load_images(classifier())


def test_a_folder_gives_its_images_sorted_and_one_line(tmp_path, capsys):
    wide = noise(20, 90, 3)
    for name, pixels in {"b.JPG": wide, "c.png": noise(32, 32, 3), "a.webp": wide, ".d.png": wide}.items():
        Image.fromarray(pixels).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "more.png").mkdir()
    loaded = load_images(classifier(), tmp_path, wide)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2 and said[1] == f"{tmp_path}: 3 images, 2 resized or otherwise fitted to 32x32"
    assert torch.equal(loaded, load_images(classifier(), *(tmp_path / f for f in ("a.webp", "b.JPG", "c.png")), wide))
    with pytest.raises(ValueError, match=r"more\.png holds no image"):
        load_images(classifier(), str(tmp_path / "more.png"))


def test_of_many_images_one_at_a_time_is_held_beside_the_batch(tmp_path, monkeypatch):
    for number in range(4):
        Image.fromarray(noise(32, 32, 3)).save(tmp_path / f"{number}.png")
    load, held = images.load_image, []

    def watched(*args, **settings):
        assert sum(each() is not None for each in held) <= 1
        loaded = load(*args, **settings)
        held.append(weakref.ref(loaded))
        return loaded

    monkeypatch.setattr(images, "load_image", watched)
    assert len(load_images(classifier(), tmp_path)) == len(held) == 4


def test_photographs_that_packages_carry_load_and_have_a_licence():
    found = photographs()
    assert load_images(classifier(), *found.values()).shape == (5, 3, 32, 32)
    assert list(found.licences) == list(found) == ["cat", "coffee", "cameraman", "rocket", "grace_hopper"]
    assert all("CC0" in licence or "public domain" in licence for licence in found.licences.values())
    assert all(licence.split(",")[0] in " ".join(photographs.__doc__.split()) for licence in found.licences.values())
