"""Exercises in a notebook: the reader writes a function, and one line checks it.

def targeted_step(images, gradient, alpha):
    ...

targeted_step = check("02-targeted-step", targeted_step)

The names come from `course_utils.teaching.exercises`.
"""

from course_utils.teaching.exercises.cards import check, exercise, hint, progress, solution
from course_utils.teaching.exercises.exercise import Exercise, Mistake, all_exercises, common_slips, find
from course_utils.teaching.exercises.quizzes import quiz

__path__: list[str] = []  # so that the first edition's `course_utils.learning.cards` is looked for

__all__ = [
    "Exercise", "Mistake", "all_exercises", "check", "common_slips", "exercise", "find", "hint", "progress",
    "quiz", "solution",
]  # fmt: skip
