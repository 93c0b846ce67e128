"""The scrubber is a plain page: its last frame is there without a script, its slider with one."""

import re
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.show import Scrubber, show_images
from pages import Page

CAPTIONS = ["ε = 0: goldfish", "ε = 4: <volcano>", "ε = 8: volcano & smoke"]


@pytest.fixture
def frames():
    return torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def page(frames):
    return Page(Scrubber(frames, CAPTIONS, alt="A goldfish under attack.", title="Under attack")._repr_html_())


def test_without_a_script_the_last_frame_and_its_caption_show_and_no_slider(page):
    hidden = ["hidden" in img and "display: none" in img["style"] for img in page.all("img")]
    assert hidden == [True, True, False]
    (slider,) = page.all("input")
    assert "hidden" in slider
    assert "display: none" in slider["style"]
    assert page.text("figcaption") == CAPTIONS[-1]


def test_every_frame_is_in_the_page_pixel_for_pixel_and_described(page, frames):
    for img, frame, caption in zip(page.all("img"), frames, CAPTIONS, strict=True):
        assert img["alt"] == f"A goldfish under attack. {caption}"
        pixels = np.asarray(Image.open(BytesIO(b64decode(img["src"].split(",")[1]))))
        assert np.abs(pixels / 255 - frame.permute(1, 2, 0).numpy()).max() <= 0.5 / 255 + 1e-6
        assert "pixelated" in img["style"]


def test_the_slider_is_the_browsers_own_and_says_what_it_is(page):
    (slider,) = page.all("input")
    assert (slider["type"], slider["min"], slider["max"], slider["value"]) == ("range", "0", "2", "2")
    assert slider["aria-label"] == "Under attack"
    assert slider["aria-valuetext"] == CAPTIONS[-1]


def test_nothing_is_asked_for_outside_the_page(frames):
    html = Scrubber(frames, CAPTIONS, alt="A goldfish under attack.")._repr_html_()
    assert not re.search(r"https?:|//cdn|require\(|import ", html)
    assert all(source.startswith("data:image/") for source in re.findall(r'src="([^"]*)"', html))


def test_two_scrubbers_have_nothing_in_common_that_could_interfere(frames):
    html = 2 * Scrubber(frames, CAPTIONS, alt="A goldfish under attack.")._repr_html_()
    assert not re.search(r'\bid="', html)
    assert "getElementById" not in html
    assert "window." not in html


def test_captions_cannot_end_the_script(frames):
    html = Scrubber(frames, ["a", "</script><b>", "c"], alt="Noise.")._repr_html_()
    assert html.count("</script>") == 1
    assert Page(html).all("b") == []


def test_frames_may_be_figures(frames):
    pictures = [show_images(frame[None], alt="A frame.") for frame in frames]
    page = Page(Scrubber(pictures, CAPTIONS, alt="Noise.")._repr_html_())
    assert len(page.all("img")) == 3
    assert all("pixelated" not in img["style"] for img in page.all("img"))
    figures = Page(Scrubber([p.figure for p in pictures], CAPTIONS, alt="Noise.")._repr_html_())
    assert [img["src"] for img in figures.all("img")] == [img["src"] for img in page.all("img")]


def test_the_last_axis_may_hold_the_colours(frames):
    one = Scrubber(frames, CAPTIONS, alt="Noise.").sources
    assert Scrubber(frames.permute(0, 2, 3, 1).numpy(), CAPTIONS, alt="Noise.").sources == one


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"captions": ["one"]}, "1 captions given for 3 frames"),
        ({"captions": ["a", " ", "c"]}, "a caption is empty"),
        ({"alt": ""}, "alt is empty"),
        ({"frames": torch.zeros(0, 3, 8, 8)}, "at least one image"),
        ({"frames": torch.randn(3, 3, 8, 8) * 9}, "expected \\[0, 1\\]"),
    ],
)
def test_what_cannot_be_shown_is_refused(frames, change, words):
    given = {"frames": frames, "captions": CAPTIONS, "alt": "Noise.", **change}
    with pytest.raises(ValueError, match=words):
        Scrubber(given["frames"], given["captions"], alt=given["alt"])


def test_words_are_demanded(frames):
    with pytest.raises(TypeError, match="alt"):
        Scrubber(frames, CAPTIONS)
