"""Exercises: the reader writes a function, one line checks it, and the notebook goes on in any case.

def targeted_step(images, gradient, alpha):
    ...

targeted_step = check("02-targeted-step", targeted_step)
"""

from __future__ import annotations

from course_utils.learning.exercises import Exercise, Mistake, all_exercises, find
from course_utils.learning.notebook import check, exercise, hint, solution
from course_utils.learning.progress_panel import progress
from course_utils.learning.quizzes import quiz

__all__ = ["Exercise", "Mistake", "all_exercises", "check", "exercise", "find", "hint", "progress", "quiz", "solution"]
