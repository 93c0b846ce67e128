"""What holds for the exercises of every chapter: wrong answers are told what is wrong, and right ones pass.

The answers themselves, `WRONG` with words of the message and `RIGHT`, stand in each chapter's own file.
"""

from importlib import import_module

import pytest

from course_utils.learning import all_exercises, find
from course_utils.learning.judging import judge

CHAPTERS = {chapter: import_module(f"test_chapter_{chapter}") for chapter in ("04", "05", "06", "07", "08", "09")}
WRONG_ANSWERS = [
    pytest.param(id, *case, id=f"{id}: {name}")
    for chapter in CHAPTERS.values()
    for id, cases in chapter.WRONG.items()
    for name, case in cases.items()
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


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_exercise_of_a_chapter_has_right_and_wrong_answers(chapter):
    ids = [exercise.id for exercise in all_exercises() if exercise.id.startswith(f"{chapter}-")]
    assert ids == list(CHAPTERS[chapter].RIGHT) == list(CHAPTERS[chapter].WRONG)
