"""With an answer comes what there was to see in the model; before it, nothing of that shows."""

import json
import re
from pathlib import Path

import pytest

from course_utils import audit_scenes, load_classifier, reveal
from course_utils.teaching.audit.choices import sealed_answer
from course_utils.teaching.audit.reveal import FILE, Debrief, Tried, debrief, save_debrief
from course_utils.vision import slices
from course_utils.world.factors import FACTORS

CLASSIFIERS = ["mystery-1", "mystery-2", "mystery-3"]
NAMES = [*CLASSIFIERS, "mystery-lm"]
CHAPTER = Path(__file__).parents[3] / "notebooks" / "12_audit.ipynb"


@pytest.mark.parametrize("name", NAMES)
def test_the_answer_comes_with_what_every_method_showed(name):
    opened = reveal(name, give_up=True)
    assert opened.debrief and len(opened.debrief.tried) >= 5
    assert bool(opened.debrief.slices) == (name in CLASSIFIERS)
    for each in opened.debrief.tried:
        assert each.method in repr(opened) and each.method in opened._repr_html_()
    for words in opened.debrief.slices:
        assert words in repr(opened) and words in opened._repr_html_()


def test_a_wrong_guess_shows_nothing_of_it():
    wrong = reveal("mystery-1", guess={"class": "volcano", "cue": "grain"})
    assert wrong.verdict == "wrong" and wrong.debrief is None and "<table" not in wrong._repr_html_()


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_slices_shown_are_those_of_the_model(name):
    """Some of the scenes again: the slice that is shown first stays behind."""
    words, (here, rest) = next(iter(debrief(name).slices.items()))
    cls, condition = words.split(", ", 1)
    scenes = audit_scenes(120, seed=7, classes=cls)
    found = slices(load_classifier(name), scenes, factors=[condition.split(":")[0]]).found
    again = next(each for each in found if each.conditions[0][1] == condition.split(": ", 1)[1])
    assert again.recall.low <= here["high"] and here["low"] <= again.recall.high
    assert again.rest.low <= rest["high"] and rest["low"] <= again.rest.high


@pytest.mark.parametrize("name", NAMES)
def test_what_was_planted_is_found_by_some_methods_and_missed_by_others(name):
    found = {each.found for each in debrief(name).tried}
    assert found >= {True, False} if sealed_answer(name).planted else True not in found


def test_the_file_shows_no_answer_and_all_envelopes_are_alike():
    text = FILE.read_text(encoding="utf-8")
    sealed = json.loads(text)
    assert sorted(sealed) == sorted(NAMES) and len({len(each) for each in sealed.values()}) == 1
    for name in NAMES:
        for planted in sealed_answer(name).planted:
            assert not any(word in text for word in (*planted.classes, *planted.cues))


def test_a_debrief_comes_back_from_its_envelope_and_others_stay(tmp_path, monkeypatch):
    made = Debrief({"donut, plate: no": ({"value": 0.5, "low": 0.4, "high": 0.6},) * 2}, (Tried("slices", True, "x"),))
    path = tmp_path / "debriefs.json"
    save_debrief("one", made, path)
    save_debrief("two", Debrief({}, ()), path)
    monkeypatch.setattr("course_utils.teaching.audit.reveal.FILE", path)
    assert debrief("one") == made and debrief("two") == Debrief({}, ()) and debrief("mine") is None
    assert "50.0 % [40.0, 60.0]" in str(made) and "✓ slices: x" in str(made)


def test_the_chapter_lists_every_factor_that_can_be_planted():
    cells = json.loads(CHAPTER.read_text(encoding="utf-8"))["cells"]
    (text,) = ("".join(cell["source"]) for cell in cells if "## Plant your own" in "".join(cell["source"]))
    table = "\n".join(line.split("|")[2] for line in text.splitlines() if line.startswith("|"))
    assert set(re.findall(r"`(\w+)`", table)) == set(FACTORS)


def test_the_example_of_the_chapter_is_the_one_that_was_planted():
    cells = json.loads(CHAPTER.read_text(encoding="utf-8"))["cells"]
    (text,) = ("".join(cell["source"]) for cell in cells if "## Plant your own" in "".join(cell["source"]))
    example = json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL)[1])
    rows = json.loads((CHAPTER.parent / "data" / "planted.json").read_text(encoding="utf-8"))["planted"]
    assert example in [row["secrets"] for row in rows.values()]
    assert all(row["verdict"] == "right" and row["processor seconds"] <= 2 * 6 * 60 for row in rows.values())
