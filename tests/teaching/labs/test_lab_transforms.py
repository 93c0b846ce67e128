"""The lab of chapter 6 lets the reader choose what an image must survive, and tests it by what it never saw."""

import pytest
import torch
from units import OFF, image_in, known, numbers

from course_utils.models import load_classifier
from course_utils.objectives import Logit
from course_utils.show import transform_lab
from course_utils.teaching.labs import features as lab_transforms
from course_utils.teaching.labs import lab as lab_images
from course_utils.teaching.labs.features import moved_copies
from course_utils.transforms import jitter, rotate, scale, standard
from course_utils.vision import activation_under, visualize
from course_utils.vision.feature_visualization import measure
from pages import Page

SWITCHES = ("jitter_on", "rotation_on", "scaling_on")


@pytest.fixture
def lab():
    return transform_lab(known(), objective="eye:3", steps=20)


def said(**options):
    """Activation, activation under held-out transforms and the share in per cent, by the same calls."""
    made = visualize(known(), "eye:3", steps=20, progress=False, **{"priors": (), **options})
    kept = activation_under(known(), made.images, "eye:3")
    return [made.activation.item(), kept.item(), 100 * (kept / made.activation).item()]


def test_the_numbers_are_those_of_the_same_calls(lab):
    panel = lab.panel()
    assert numbers(panel.line.value)[-3:] == pytest.approx(said(transforms=standard((16, 24))), rel=0.02)
    panel.controls["rotation"].value = 45
    panel.controls["scaling"].value = (0.5, 1.5)
    wanted = [jitter(1), rotate(45), scale(0.5, 1.5)]
    assert numbers(panel.line.value)[-3:] == pytest.approx(said(transforms=wanted), rel=0.02)
    assert "jitter(1), rotate(45), scale(0.5, 1.5)" in panel.line.value
    for switch in SWITCHES:
        panel.controls[switch].value = False
    assert numbers(panel.line.value)[-3:] == pytest.approx(said(transforms=()), rel=0.02)
    assert "no transforms" in panel.line.value


def test_the_penalty_is_switched_on_and_off(lab):
    panel = lab.panel()
    panel.controls["penalty"].value = True
    expected = said(transforms=standard((16, 24)), priors="standard")
    assert numbers(panel.line.value)[-3:] == pytest.approx(expected, rel=0.02)
    assert "with the penalty" in panel.line.value


def test_what_must_survive_transforms_keeps_more_of_its_activation():
    """On the shipped model, about a class."""
    panel = transform_lab(load_classifier("pocket"), objective="logits:volcano", steps=30).panel()
    _, _, survived = numbers(panel.line.value)[-3:]
    for switch in SWITCHES:
        panel.controls[switch].value = False
    activation, under, kept = numbers(panel.line.value)[-3:]
    assert kept < survived - 10
    assert kept == pytest.approx(100 * under / activation, abs=1)


@pytest.mark.filterwarnings("ignore:all .* values that known returns lie in")
def test_the_copies_are_the_first_that_the_measure_makes(lab):
    made = visualize(known(), "logits:red", steps=3, progress=False)
    copies = moved_copies(made.images, 3)
    by_hand = measure(known(), Logit("red"), copies).mean()
    torch.testing.assert_close(activation_under(known(), made.images, "logits:red", draws=3)[0], by_hand)
    picture, _ = lab.draw(**lab.first, progress=lambda step, steps: None)
    drawn = [
        torch.as_tensor(axes.images[0].get_array()).permute(2, 0, 1) for axes in picture.figure.axes if axes.images
    ]
    assert len(drawn) == 4
    torch.testing.assert_close(torch.stack(drawn[1:]), moved_copies(drawn[0][None], 3), atol=1e-5, rtol=0)


def test_what_is_switched_off_cannot_be_moved(lab):
    controls = lab.panel().controls
    for name in ("jitter", "rotation", "scaling"):
        assert not controls[name].disabled
        controls[f"{name}_on"].value = False
        assert controls[name].disabled


def test_every_switch_and_range_makes_another_image(lab):
    panel = lab.panel()
    seen = {image_in(panel)}
    changes = {
        "jitter": 3, "rotation": 90, "scaling": (0.8, 1.3), "jitter_on": False, "rotation_on": False,
        "scaling_on": False, "penalty": True, "channel": 0, "layer": "logits", "cls": "green",
    }  # fmt: skip
    for name, value in changes.items():
        panel.controls[name].value = value
        if name == "layer":  # logits:red is the mean of the channel eye:0
            continue
        assert image_in(panel) not in seen, name
        seen.add(image_in(panel))


def test_sliders_wait_until_they_are_released(lab):
    controls = lab.panel().controls
    for name in ("channel", "jitter", "rotation", "scaling"):
        assert not controls[name].continuous_update


def test_there_is_no_share_of_what_is_not_above_0(lab, monkeypatch):
    panel = lab.panel()
    panel.controls["channel"].value = OFF
    assert "dead ReLU" in panel.line.value

    def negative(*args, **options):
        made = lab_images.visualized(*args, **options)
        made.activation.neg_()
        return made

    monkeypatch.setattr(lab_transforms, "visualized", negative)
    panel.controls["channel"].value = 0
    assert "not above 0" in panel.line.value


def test_an_error_is_a_sentence_in_the_panel(lab, monkeypatch):
    panel = lab.panel()
    monkeypatch.setattr("course_utils.vision.visualize", lambda *args, **options: 1 / 0)
    panel.controls["penalty"].value = True
    assert "Not possible" in panel.line.value


def test_in_the_book_it_is_a_image_that_says_what_the_lab_would_show(lab, monkeypatch):
    monkeypatch.setenv("COURSE_BOOK", "1")
    bundle = lab._repr_mimebundle_()
    assert not any("widget" in kind for kind in bundle)
    page = Page(bundle["text/html"])
    (img,) = page.all("img")
    assert "three copies of it" in img["alt"]
    assert "you switch jitter, rotation, scaling and the penalty" in page.text("div")


def test_where_to_begin_is_checked():
    with pytest.raises(ValueError, match="steps=999"):
        transform_lab(known(), steps=999)
    with pytest.raises(ValueError, match="did you mean 'red'"):
        transform_lab(known(), objective="logits:reed")
