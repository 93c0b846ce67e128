"""The lab of chapter 0 repaints the scene for every knob and says what the classifier thinks of it."""

import pytest

from course_utils.show import world_lab
from pages import Page


@pytest.fixture
def panel(classifier):
    return world_lab(classifier, name="donut").panel()


def test_every_knob_repaints_the_scene(panel):
    seen = {panel.view.value}
    changes = {
        "number": 3,
        "cls": "volcano",
        "size": 0.8,
        "rotation": 0.25,
        "light": 1.14,
        "defocus": 0.35,
        "noise": 0.006,
    }
    for name, value in changes.items():
        panel.controls[name].value = value
        assert panel.view.value not in seen, name
        seen.add(panel.view.value)


def test_background_and_occluder_change_the_image(panel):
    for name in ("background", "occluder"):
        control = panel.controls[name]
        before = panel.view.value
        control.value = not control.value if name == "occluder" else {"checks": "dots"}.get(control.value, "checks")
        assert panel.view.value != before


def test_the_line_says_whether_the_answer_is_right(panel, classifier):
    line = panel.line.value
    assert classifier.name in line
    assert ("right" in line) != ("wrong, it is donut" in line)


def test_in_the_book_it_is_a_image(classifier, monkeypatch):
    monkeypatch.setenv("COURSE_BOOK", "1")
    (img,) = Page(world_lab(classifier)._repr_mimebundle_()["text/html"]).all("img")
    assert img["alt"]


def test_an_unknown_class_offers_close_names(classifier):
    with pytest.raises(ValueError, match="did you mean 'volcano'"):
        world_lab(classifier, name="vulcano")
