"""The lab of chapters 10 and 11 climbs toward a word under the pull that its slider sets."""

import re

import pytest

from course_utils import load_language_model
from course_utils.language import optimize_prompts
from course_utils.show import plot_prompts, prompt_lab
from pages import Page

QUICK = {"steps": 12, "restarts": 6, "length": 2}


@pytest.fixture(scope="module")
def lm():
    return load_language_model()


@pytest.fixture
def panel(lm):
    return prompt_lab(lm, **QUICK).panel()


def test_the_line_s_numbers_are_those_of_the_same_call(lm, panel):
    found = optimize_prompts(lm, " girl", distance_weight=1.0, progress=False, **QUICK)
    said = re.search(
        r"reach (\d+) %, their nearest tokens (\d+) %, at a distance of (\S+); .* way (\d+) %.*, (\d+) %\.",
        panel.line.value,
    )
    soft, snapped, distance, kept, best = map(float, said.groups())
    medians = [100 * each.median().item() for each in (found.soft_probability, found.snapped_probability)]
    assert [soft, snapped] == pytest.approx(medians, abs=0.51)
    assert distance == pytest.approx(found.distance.median().item(), abs=0.01)
    assert kept == pytest.approx(100 * found.probability.median().item(), abs=0.51)
    assert best == pytest.approx(100 * found.probability.max().item(), abs=0.51)


def test_more_pull_brings_vectors_nearer_to_words(panel):
    far = []
    for weight in (0.0, 10.0):
        panel.controls["distance_weight"].value = weight
        far.append(float(re.search(r"distance of (\d+\.\d+)", panel.line.value)[1]))
    assert far[1] < 0.5 * far[0]


def test_another_target_length_and_metric_are_followed(panel):
    panel.controls["target"].value = " science"
    assert "science" in panel.view.value
    panel.controls["length"].value = 1
    panel.controls["metric"].value = "cosine"
    assert "Best prompt" in panel.line.value


def test_a_target_that_is_none_ends_in_a_sentence(panel):
    panel.controls["target"].value = " "
    assert "Not possible" in panel.line.value and "expected text" in panel.line.value


def test_a_weight_of_ones_own_is_taken_in(lm):
    slider = prompt_lab(lm, distance_weight=2.5, **QUICK).panel().controls["distance_weight"]
    assert slider.value == 2.5 and ("2.5", 2.5) in slider.options


def test_in_the_book_it_is_a_image_that_says_what_the_lab_would_show(lm, monkeypatch):
    monkeypatch.setenv("COURSE_BOOK", "1")
    page = Page(prompt_lab(lm, **QUICK)._repr_mimebundle_()["text/html"])
    (img,) = page.all("img")
    assert "after the vectors and after their nearest tokens" in img["alt"]
    assert "how strongly vectors are pulled" in page.text("div")


def test_bars_are_the_best_prompts_and_diamonds_what_the_vectors_promised(lm):
    found = optimize_prompts(lm, " girl", progress=False, **QUICK)
    best = found.best(3)
    axes = plot_prompts(found, 3).figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == pytest.approx(best.probability.tolist())
    assert list(axes.lines[0].get_xdata()) == pytest.approx(best.soft_probability.tolist())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"steps": 0}, "steps=0"),
        ({"restarts": 100}, "restarts=100"),
        ({"length": 5}, "length=5"),
        ({"metric": "taxi"}, "metric='taxi'"),
        ({"distance_weight": -1.0}, "distance_weight=-1"),
        ({"targets": ()}, "no targets"),
    ],
)
def test_where_to_begin_is_checked(lm, options, says):
    with pytest.raises(ValueError, match=says):
        prompt_lab(lm, **options)
