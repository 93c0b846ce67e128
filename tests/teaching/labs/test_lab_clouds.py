"""The lab of chapter 9 makes the cloud of any target, searches for new ones once, and shows the null beside it."""

import random
from dataclasses import dataclass

import pytest
import torch
from units import image_in

from course_utils.language import association_scores
from course_utils.show import cloud_lab
from course_utils.teaching.labs import lab as lab_module
from pages import Page

FILLERS = [f"filler{i}" for i in range(40)]


@dataclass
class Found:
    """What the lab needs of a search's result."""

    target: str
    pieces: list[list[str]]
    probability: torch.Tensor

    def rows(self, rows):
        rows = list(rows)
        return Found(self.target, [self.pieces[row] for row in rows], self.probability[rows])

    def __len__(self):
        return len(self.pieces)


def prompts_for(target, number=64):
    draw = random.Random(target)
    own = [f"{target.strip()}-word{i}" for i in range(3)]
    rows = [[f" {draw.choice(own)}", f" {draw.choice(FILLERS)}"] for _ in range(number)]
    return Found(target, rows, torch.linspace(0.4, 1, number))


class Search:
    def __init__(self):
        self.asked = []

    def __call__(self, target, *, on_step, progress):
        self.asked.append(target)
        if not target.strip():
            raise ValueError("target='' given, expected text")
        for step in range(5):
            on_step(step, None, None, None)
        return prompts_for(target)


@pytest.fixture
def found():
    return {name: prompts_for(f" {name}") for name in ("girl", "boy", "sea")}


@pytest.fixture
def search():
    return Search()


@pytest.fixture
def panel(found, search):
    return cloud_lab(found, search, FILLERS, steps=5).panel()


def test_the_survivors_are_those_of_the_same_call(panel, found):
    scores = association_scores(found["girl"], {"b": found["boy"], "s": found["sea"]})
    assert f"survive the correction: {', '.join(scores.survivors)}" in panel.line.value
    assert set(scores.survivors) == {"girl-word0", "girl-word1", "girl-word2"}
    assert str(scores.success) in panel.line.value


def test_a_new_target_is_searched_for_once_and_the_space_before_it_is_not_asked_of_the_reader(panel, search):
    panel.controls["target"].value = "winter"
    assert search.asked == [" winter"]
    assert "winter-word0" in panel.line.value
    panel.controls["view"].value = "frequencies"
    panel.controls["target"].value = " girl"
    panel.controls["target"].value = " winter"
    assert search.asked == [" winter"]
    assert panel.bar.value == panel.bar.max


def test_a_target_that_was_known_from_the_start_needs_no_search(panel, search):
    panel.controls["target"].value = "boy"
    assert "boy-word" in panel.line.value
    assert search.asked == []


def test_with_few_prompts_fewer_words_survive(panel):
    before = image_in(panel)
    panel.controls["restarts"].value = 8
    assert "of 8 prompts make" in panel.line.value
    assert "survive the correction: none" in panel.line.value
    assert image_in(panel) != before


def test_the_null_is_a_cloud_of_random_prompts_in_which_nothing_survives(panel):
    panel.controls["view"].value = "null"
    assert "64 prompts drawn at random: 0 of" in panel.line.value
    (img,) = Page(panel.view.value).all("img")
    assert "None of" in img["alt"]
    assert "girl-word" not in img["alt"]


def test_an_error_of_the_search_is_a_sentence_in_the_panel(panel):
    panel.controls["target"].value = ""
    assert "Not possible" in panel.line.value
    assert "expected text" in panel.line.value


def test_in_the_book_it_is_a_image_that_says_what_the_lab_would_show(found, search, monkeypatch):
    monkeypatch.setenv("COURSE_BOOK", "1")
    monkeypatch.setattr(lab_module.Lab, "panel", lambda self: pytest.fail("a widget was made"))
    page = Page(cloud_lab(found, search, FILLERS, steps=5)._repr_mimebundle_()["text/html"])
    (img,) = page.all("img")
    assert "word cloud" in img["alt"]
    assert "you type any target" in page.text("div")


def test_what_cannot_be_compared_is_refused(found, search):
    with pytest.raises(ValueError, match="at least 2"):
        cloud_lab({"girl": found["girl"]}, search, FILLERS, steps=5)
    with pytest.raises(ValueError, match="did you mean 'null'"):
        cloud_lab(found, search, FILLERS, steps=5, view="nul")
