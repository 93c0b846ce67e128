"""A lab takes an image of the reader's own, says what it did to it, and survives what is none."""

import datetime
import json
import re
from io import BytesIO
from pathlib import Path

import pytest
import torch
from PIL import Image

from course_utils import load_classifier, load_image
from course_utils.show import attack_lab, isolation_lab
from course_utils.teaching.labs.lab import OWN
from course_utils.world import PaintedWorld
from pages import Page

ROOT = Path(__file__).resolve().parents[3]


def attack(classifier, scenes):
    return attack_lab(classifier, scenes, target="pizza", steps=3)


def isolation(classifier, scenes):
    return isolation_lab(classifier, scenes, steps=3)


@pytest.fixture(params=[attack, isolation])
def panel(request, classifier, scenes):
    return request.param(classifier, scenes).panel()


def upload(panel, name: str, content: bytes) -> None:
    """What the browser sends when a reader has chosen a file."""
    when = datetime.datetime(2020, 1, 9, tzinfo=datetime.UTC)
    file = {"name": name, "type": "", "size": len(content), "last_modified": when, "content": memoryview(content)}
    panel.controls["upload"].value = (file,)


def photograph(colour: str = "orange", size=(120, 90), kind: str = "JPEG", **options) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, kind, **options)
    return file.getvalue()


def image_in(panel) -> str:
    (img,) = Page(panel.view.value).all("img")
    return img["src"]


def test_an_uploaded_image_is_selected_and_drawn_and_the_line_says_what_was_done_to_it(panel):
    before = image_in(panel)
    upload(panel, "my <cat>.jpg", photograph())
    assert panel.controls["image"].value == OWN and image_in(panel) != before
    assert "my &lt;cat&gt;.jpg: 120x90 pixels, resized and its middle cut out to 64x64." in panel.line.value
    assert "Not possible" not in panel.line.value
    panel.controls["image"].value = 0
    assert image_in(panel) == before and "cat" not in panel.line.value
    panel.controls["image"].value = OWN
    assert image_in(panel) != before


def test_another_upload_replaces_the_first(panel):
    upload(panel, "a.jpg", photograph("orange"))
    first = image_in(panel)
    upload(panel, "b.jpg", photograph("blue"))
    assert image_in(panel) != first and "b.jpg" in panel.line.value


BAD = {
    "words.jpg": b"not an image",
    "empty.png": b"",
    "cut.jpg": photograph()[:300],
    "page.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_image_is_a_sentence_and_the_lab_goes_on(panel, name):
    shown = image_in(panel)
    upload(panel, name, BAD[name])
    assert f"Not possible:</strong> {name} cannot be read as an image" in panel.line.value
    assert image_in(panel) == shown, "the last image stays"
    panel.controls["image"].value = 1
    assert "Not possible" not in panel.line.value and image_in(panel) != shown
    upload(panel, "good.jpg", photograph())
    assert "Not possible" not in panel.line.value and "good.jpg" in panel.line.value


def test_to_choose_ones_own_before_there_is_one_says_what_to_press(panel):
    panel.controls["image"].value = OWN
    assert "press the button &#34;An image of yours&#34;" in panel.line.value


def test_a_removed_upload_is_not_drawn_any_more(panel):
    upload(panel, "a.jpg", photograph())
    panel.controls["upload"].value = ()
    assert "press the button" in panel.line.value


def test_the_lab_attacks_just_what_load_image_makes(classifier, scenes):
    lab = attack(classifier, scenes)
    content = photograph("orange", kind="PNG")
    file = {"name": "x.png", "content": memoryview(content)}
    picture, line = lab.draw(**{**lab.first, "image": OWN, "upload": (file,), "eps": 0}, progress=lambda *_: None)
    drawn = torch.as_tensor(picture.figure.axes[0].images[0].get_array()).permute(2, 0, 1)
    assert torch.allclose(drawn, load_image(content, 64).images[0], atol=1e-6)
    said = classifier.predict(load_image(content, 64).images).classes[0]
    assert said in line and picture.alt.startswith("An image of yours before the attack")


def test_it_works_on_pocket_with_a_photograph_that_lies_on_its_side(scenes):
    pocket = load_classifier("pocket")
    exif = Image.Exif()
    exif[0x0112] = 6
    panel = attack(pocket, PaintedWorld().sample(2, seed=3)).panel()
    upload(panel, "phone.jpg", photograph(size=(1200, 900), exif=exif))
    assert "phone.jpg: 900x1200 pixels, resized" in panel.line.value
    assert "turned upright as its camera noted" in panel.line.value


def test_the_button_says_how_large_a_file_may_be(panel):
    button = panel.controls["upload"]
    assert button.accept == "image/*" and not button.multiple and "at most 100 MB where `make lab`" in button.tooltip


def test_make_lab_lets_that_much_through():
    """Otherwise tornado's own limit of 10 MB ends the connection, and the lab with it."""
    given = re.search(r"--ServerApp.tornado_settings='(.*)'", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert json.loads(given[1])["websocket_max_message_size"] > 100e6
