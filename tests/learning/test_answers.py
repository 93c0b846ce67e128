"""What holds for the exercises of every chapter: wrong answers are told what is wrong, and right ones pass.

The answers themselves, `WRONG` with words of the message and `RIGHT`, stand in each chapter's own file.
"""

from importlib import import_module
from pathlib import Path

import pytest

from course_utils.learning import all_exercises, find
from course_utils.learning.judging import judge

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
CHAPTERS = {path.stem[-2:]: import_module(path.stem) for path in sorted(HERE.glob("test_chapter_*.py"))}


def named(cases):
    """Wrong answers with a name each: some chapters name them, for the others the words of the message do."""
    return cases.items() if isinstance(cases, dict) else [(words, (function, words)) for function, words in cases]


WRONG_ANSWERS = [
    pytest.param(id, *case, id=f"{id}: {name}")
    for chapter in CHAPTERS.values()
    for id, cases in chapter.WRONG.items()
    for name, case in named(cases)
]
RIGHT_ANSWERS = [(id, answer) for each in CHAPTERS.values() for id, answers in each.RIGHT.items() for answer in answers]


@pytest.mark.parametrize(("id", "function", "words"), WRONG_ANSWERS)
def test_a_wrong_answer_is_told_what_is_wrong(id, function, words):
    verdict = judge(find(id), function)
    assert verdict.status == "mistake"
    assert words in verdict.message


@pytest.mark.parametrize(("id", "function"), RIGHT_ANSWERS)
def test_a_right_answer_passes_however_it_is_written(id, function):
    verdict = judge(find(id), function)
    assert verdict.status in ("passed", "reference")  # the course's own solution may be among them
    assert verdict.message == ""


def test_every_exercise_of_the_course_has_right_answers_and_at_least_three_wrong_ones():
    ids = [exercise.id for exercise in all_exercises()]
    assert ids == [id for chapter in CHAPTERS.values() for id in chapter.RIGHT]
    assert ids == [id for chapter in CHAPTERS.values() for id in chapter.WRONG]
    few = [id for chapter in CHAPTERS.values() for id, cases in chapter.WRONG.items() if len(cases) < 3]
    assert not few


def test_wrong_answers_to_one_exercise_get_messages_of_their_own():
    said = [(id, words) for id, _, words in (case.values for case in WRONG_ANSWERS)]
    for id in {id for id, _ in said}:
        assert len({words for other, words in said if other == id}) >= 3


def test_the_page_for_teachers_has_every_message():
    sections = (ROOT / "book" / "messages.md").read_text(encoding="utf-8").split(":::{dropdown} ")[1:]
    listed = {section.split(":")[0]: section.count("\n- ") for section in sections}
    assert listed == {id: len(cases) + 1 for each in CHAPTERS.values() for id, cases in each.WRONG.items()}
