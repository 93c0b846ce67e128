"""The lab of chapter 5 weighs penalties against the score and says what each costs."""

import pytest
import torch
from units import OFF, image_in, known, numbers

from course_utils.priors import high_frequency
from course_utils.show import penalty_lab
from course_utils.teaching.labs import features as lab_penalties
from course_utils.teaching.labs import lab as lab_images
from course_utils.vision import high_frequency_share, visualize
from pages import Page

PENALTIES = ("l1", "total_variation", "high_frequency")


@pytest.fixture
def panel():
    return penalty_lab(known(), objective="eye:3", steps=30, high_frequency=0).panel()


def pictures(lab, **changes):
    picture, _ = lab.draw(**{**lab.first, **changes}, progress=lambda step, steps: None)
    return [torch.as_tensor(axes.images[0].get_array()) for axes in picture.figure.axes]


def test_without_penalties_it_is_plain_visualisation(panel):
    made = visualize(known(), "eye:3", canvas="pixel", priors=(), transforms=(), steps=30, progress=False)
    activation, share, *_ = numbers(panel.line.value)
    assert activation == pytest.approx(made.activation.item(), rel=0.01)
    assert share == pytest.approx(100 * high_frequency_share(made.images).item(), abs=0.5)


def test_stripes_become_weaker_the_more_fine_detail_costs(panel):
    reached = [numbers(panel.line.value)[0]]
    for weight in (1.0, 10.0, 100.0):
        panel.controls["high_frequency"].value = weight
        said, activation, before, *_ = numbers(panel.line.value)
        assert (said, before) == (weight, reached[0])
        reached.append(activation)
    assert reached == sorted(reached, reverse=True)
    assert reached[-1] < 0.2 * reached[0]


def test_the_numbers_are_those_of_the_same_call(panel):
    panel.controls["high_frequency"].value = 10.0
    made = visualize(
        known(), "eye:3", canvas="pixel", priors=[10 * high_frequency], transforms=(), steps=30, progress=False
    )
    _, activation, _, share, *_ = numbers(panel.line.value)
    assert activation == pytest.approx(made.activation.item(), rel=0.01)
    assert share == pytest.approx(100 * high_frequency_share(made.images).item(), abs=0.5)


def test_a_colour_survives_what_stripes_do_not(panel):
    panel.controls["high_frequency"].value = 100.0
    _, stripes, without, *_ = numbers(panel.line.value)
    panel.controls["channel"].value = 0
    _, red, before, *_ = numbers(panel.line.value)
    assert red / before > 0.9 > 0.2 > stripes / without


def test_each_penalty_does_what_its_name_says():
    lab = penalty_lab(known(), objective="eye:0", steps=30, high_frequency=0)
    plain = pictures(lab)[1]
    grey = pictures(lab, l1=100.0)[1]
    even = pictures(lab, total_variation=100.0)[1]
    assert (grey - 0.5).abs().mean() < 0.2 * (plain - 0.5).abs().mean()
    assert even.diff(dim=0).abs().mean() < 0.5 * plain.diff(dim=0).abs().mean()


def test_the_canvas_is_changed(panel):
    before = numbers(panel.line.value)[:2]
    panel.controls["canvas"].value = "fourier"
    made = visualize(known(), "eye:3", canvas="fourier", priors=(), transforms=(), steps=30, progress=False)
    assert numbers(panel.line.value)[0] == pytest.approx(made.activation.item(), rel=0.01)
    assert numbers(panel.line.value)[:2] != before


def test_the_image_without_penalties_is_made_once_for_a_unit(monkeypatch):
    made = []

    def counted(*args, **options):
        made.append(options["priors"])
        return lab_images.visualized(*args, **options)

    monkeypatch.setattr(lab_penalties, "visualized", counted)
    panel = penalty_lab(known(), objective="eye:3", steps=2, high_frequency=10).panel()
    panel.controls["l1"].value = 1.0
    panel.controls["total_variation"].value = 3.0
    assert [len(priors) for priors in made] == [0, 1, 2, 3]
    panel.controls["cls"].value = "blue"  # hidden, and no part of this unit
    panel.controls["channel"].value = 1
    assert [len(priors) for priors in made] == [0, 1, 2, 3, 3, 0, 3]


def test_the_weights_are_logarithmic_with_0_and_wait_until_released(panel):
    for name in PENALTIES:
        weights = [value for _, value in panel.controls[name].options]
        assert weights[:3] == [0, 0.3, 1]
        assert weights[-1] == 10_000
        assert not panel.controls[name].continuous_update


def test_a_weight_of_ones_own_is_taken_in():
    controls = penalty_lab(known(), total_variation=42, steps=1).panel().controls
    assert controls["total_variation"].value == 42
    assert ("42", 42.0) in controls["total_variation"].options


def test_a_dead_unit_is_a_sentence(panel):
    before = image_in(panel)
    panel.controls["channel"].value = OFF
    assert "dead ReLU" in panel.line.value
    assert image_in(panel) != before


def test_an_error_is_a_sentence_in_the_panel(panel, monkeypatch):
    monkeypatch.setattr("course_utils.vision.visualize", lambda *args, **options: 1 / 0)
    panel.controls["l1"].value = 1.0
    assert "Not possible" in panel.line.value
    assert "division by zero" in panel.line.value


def test_in_the_book_it_is_a_image_that_says_what_the_lab_would_show(monkeypatch):
    monkeypatch.setenv("COURSE_BOOK", "1")
    bundle = penalty_lab(known(), steps=2)._repr_mimebundle_()
    assert not any("widget" in kind for kind in bundle)
    page = Page(bundle["text/html"])
    (img,) = page.all("img")
    assert "logits:red − (1000 · high_frequency)" in img["alt"]
    assert "the weights of three penalties" in page.text("div")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"steps": 0}, "steps=0"),
        ({"canvas": "oil"}, "'pixel' or 'fourier'"),
        ({"l1": -1}, "weight -1"),
        ({"objective": "logits:reed"}, "did you mean 'red'"),
    ],
)
def test_where_to_begin_is_checked(options, says):
    with pytest.raises(ValueError, match=says):
        penalty_lab(known(), **options)
