"""The lab of chapter 7 makes prototypes with more or less of natural images in them."""

import pytest
import torch
from units import image_in, known

from course_utils.show import prototype_lab
from course_utils.teaching.labs import prototypes as lab_prototypes
from course_utils.vision import class_means, generate_prototypes, similarity
from pages import Page

LAYERS = ["eye", "eye.relu"]


def some(seed):
    """Sixteen noisy images of each class, in its colour or with stripes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(64) % 4
    images = 0.4 * torch.rand(64, 3, 16, 24, generator=generator)
    for row, label in enumerate(labels.tolist()):
        if label < 3:
            images[row, label] += 0.5
        else:
            images[row, :, :, ::2] += 0.5
    return images, labels


@pytest.fixture(autouse=True)
def two_layers(monkeypatch):
    """The net of these tests has one size of map, and no stages to find."""
    measured = lambda *args, **options: similarity(*args, layers=LAYERS, **options)  # noqa: E731
    monkeypatch.setattr(lab_prototypes, "similarity", measured)


@pytest.fixture
def means():
    return class_means(known(), some(0), LAYERS, progress=False)


@pytest.fixture
def lab(means):
    return prototype_lab(known(), means, some(1), cls="green", steps=10)


def test_the_numbers_are_those_of_the_same_calls(lab, means):
    panel = lab.panel()
    panel.controls["match"].value = 0
    panel.controls["cls"].value = "blue"
    run = generate_prototypes(known(), "blue", reference=means, match=0, steps=10, progress=False)
    found = similarity(known(), run.images, "blue", some(1), layers=LAYERS, progress=False)
    for words in (f"logit {run.logit.item():.1f}", *(f"{100 * x:.0f} %" for x in found.above[0].tolist())):
        assert words in panel.line.value
    assert "blue, match 0, 10 steps" in panel.line.value


def test_every_control_makes_another_image(lab):
    panel = lab.panel()
    seen = {image_in(panel)}
    for name, value in {"match": 60, "steps": 25, "cls": "red"}.items():
        panel.controls[name].value = value
        assert image_in(panel) not in seen, name
        seen.add(image_in(panel))


def test_going_back_costs_no_second_climb(lab, monkeypatch):
    panel = lab.panel()
    before = panel.line.value
    panel.controls["match"].value = 0
    monkeypatch.setattr(lab_prototypes, "generate_prototypes", lambda *args, **options: pytest.fail("made again"))
    panel.controls["match"].value = 20
    assert panel.line.value == before


def test_sliders_wait_until_they_are_released(lab):
    controls = lab.panel().controls
    assert not controls["match"].continuous_update
    assert not controls["steps"].continuous_update


def test_the_book_shows_the_first_state(lab):
    page = Page(lab.still())
    (img,) = page.all("img")
    assert "green, match 20, 10 steps: logit" in img["alt"]


def test_both_baselines_have_images():
    labels = some(1)[1]
    rows = lab_prototypes._own_and_others(labels, 2)
    assert (labels[rows] == 2).sum() == 16
    assert [(labels[rows] == other).sum().item() for other in (0, 1, 3)] == [5, 5, 5]


def test_settings_out_of_range_are_refused(means):
    for options, words in (
        ({"match": 70}, "expected 0 … 60"),
        ({"match": -1}, "expected 0 … 60"),
        ({"steps": 500}, "expected 1 … 150"),
        ({"cls": "gren"}, "green"),
    ):
        with pytest.raises(ValueError, match=words):
            prototype_lab(known(), means, some(1), **options)
