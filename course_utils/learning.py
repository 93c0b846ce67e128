"""Exercises in a notebook: the reader writes a function, and one line checks it.

def targeted_step(images, gradient, alpha):
    ...

targeted_step = check("02-targeted-step", targeted_step)

The names come from `course_utils.teaching.exercises`.
"""

from course_utils._moved import lazily

__path__: list[str] = []  # so that the first edition's `course_utils.learning.cards` is looked for

__all__, __getattr__, __dir__ = lazily(__name__)
