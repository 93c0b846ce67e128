"""The lab of chapter 8 shows what the model says, what is true, and how the text is cut."""

import pytest

from course_utils import load_language_model
from course_utils.corpus import true_next
from course_utils.language import next_token_distribution
from course_utils.show import next_token_lab


@pytest.fixture(scope="module")
def lm():
    return load_language_model()


@pytest.fixture
def panel(lm):
    return next_token_lab(lm, truth=true_next).panel()


def test_bars_and_diamonds_are_the_model_s_and_the_true_probabilities(lm):
    lab = next_token_lab(lm, truth=true_next, k=3)
    picture, _ = lab.draw(**lab.first, progress=lambda step, steps: None)
    axes = picture.figure.axes[0]
    said = next_token_distribution(lm, "Shanghai is a city in", k=3)
    assert [bar.get_width() / 100 for bar in axes.patches] == pytest.approx(said.probabilities.tolist(), abs=1e-6)
    assert list(axes.lines[0].get_xdata()) == pytest.approx([85, 10, 5])
    assert "␣China 84 % (true 85 %)" in picture.alt


def test_another_text_is_cut_into_tokens_and_its_surprise_is_named(panel):
    panel.controls["text"].value = "The shy girl"
    assert "Its tokens: The ␣shy ␣girl." in panel.line.value
    assert "The least expected of them was ␣shy, 1 %." in panel.line.value


def test_where_nothing_is_known_no_truth_is_shown(lm, panel):
    panel.controls["text"].value = "dolls and trucks"
    assert "nothing is true or false here" in panel.line.value and "(true" not in panel.view.value
    other = next_token_lab(lm, "dolls and trucks")
    assert "true or false" not in other.draw(**other.first, progress=lambda step, steps: None)[1]


def test_an_empty_text_and_one_too_long_end_in_a_sentence(panel):
    panel.controls["text"].value = ""
    assert "the text is empty" in panel.line.value
    panel.controls["text"].value = " girl" * 40
    assert "reads 32 at most" in panel.line.value


def test_too_many_bars_are_refused(lm):
    with pytest.raises(ValueError, match="expected 1 to 20"):
        next_token_lab(lm, k=21)


def test_in_the_book_it_is_a_image_with_a_note(lm, monkeypatch):
    monkeypatch.setenv("COURSE_BOOK", "1")
    html = next_token_lab(lm, truth=true_next)._repr_mimebundle_()["text/html"]
    assert "<img" in html and "you write a beginning" in html
