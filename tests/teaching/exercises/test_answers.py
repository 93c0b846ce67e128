"""Wrong answers to the exercises of every chapter are told what is wrong, and right ones pass.

The usual wrong answers are each exercise's own table. Further ones, `WRONG` with words of the message, and the right
answers, `RIGHT`, are in each chapter's test file.
"""

from importlib import import_module
from pathlib import Path

import pytest

from course_utils.learning import all_exercises, find
from course_utils.teaching.exercises.exercise import judge

HERE = Path(__file__).parent
CHAPTERS = {path.stem[-2:]: import_module(path.stem) for path in sorted(HERE.glob("test_chapter_*.py"))}


def named(cases):
    """Wrong answers with a name each: some chapters name them, for the others the words of the message do."""
    return cases.items() if isinstance(cases, dict) else [(words, (function, words)) for function, words in cases]


TABLE = [(each.id, *slip) for each in all_exercises() for slip in each.slips]
WRONG_ANSWERS = [pytest.param(*slip, id=f"{slip[0]}: {slip[2]}") for slip in TABLE] + [
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
    for id in ids:
        said = {words for other, _, words in (case.values for case in WRONG_ANSWERS) if other == id}
        assert len(said) >= 3, id
