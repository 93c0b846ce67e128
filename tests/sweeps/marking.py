"""A function whose calls can be counted, in whichever process they happen."""

import os
import time
from collections import Counter

from course_utils.sweeps import key_of, name_of


def marking(marks, act=lambda task: None):
    """A function for `sweep` that leaves a file for each call in the folder `marks`, acts, and says what it was given.

    It is made inside this one, so that workers get it by value and need not import the tests.
    """
    marks.mkdir(exist_ok=True)

    def work(task):
        (marks / f"{task}.{os.getpid()}.{time.time_ns()}").touch()
        act(task)
        return {"task": task, "square": task * task}

    return work


def calls(marks):
    """How often the function was called with each task."""
    return Counter(int(path.name.split(".")[0]) for path in marks.iterdir())


def recorded(kept, marks, tasks):
    """The tasks of such a function that have a record in the folder `kept`."""
    names = {path.stem for path in kept.glob("*.safetensors")}
    return {task for task in tasks if key_of(name_of(marking(marks)), task) in names}
