"""Exercises: declared in each chapter's module, judged by their checks.

An exercise is data: the task, hints, the `reference` whose source is the solution that readers see, the table `wrong`
of usual wrong answers with the message for each, and the `check` (`checks.py` has the usual one, a comparison with
the reference and the table). The exercises of chapter 2 are constants of `chapter_02.py`, in the order of reading; a
chapter's module is imported when one of its exercises is asked for.
"""

from __future__ import annotations

import dis
import functools
import inspect
import re
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from itertools import pairwise, product
from pathlib import Path
from traceback import extract_tb
from types import TracebackType
from typing import Literal

import torch

from course_utils.validation import unknown

SECONDS = 10.0  # checks take under half a second; a reader's slow but right function must still pass


# What PyTorch and Python say of slips that every chapter sees, and what to do about them.
_ADVICE = {
    "does not require grad": "Nothing in this loss remembers where it came from: call the model itself, not `predict`, "
    "with images that have `requires_grad_()`, outside `torch.no_grad()`",
    "only for scalar outputs": "A gradient is that of one number: take the sum of the batch's first",
    "not have been used in the graph": "The loss must be computed from the very tensor that the gradient is asked for",
    "'NoneType'": "Something here is None, as `.grad` is unless the tensor itself asked for a "
    "gradient, with `requires_grad_()`, before the loss was computed from it",
    "Boolean value of Tensor with more than one value is ambiguous": "Combine and negate tensors of truth values with "
    "`&`, `|` and `~`, not with `and`, `or` and `not`",
    "Got: Bool": "Make numbers of truth values first, `.float()`",
}

# What an empty body compiles to, in any supported Python.
_IDLE = {"RESUME", "NOP", "COPY_FREE_VARS", "LOAD_CONST", "LOAD_COMMON_CONSTANT", "RETURN_CONST", "RETURN_VALUE"}


Answer = Callable | Mapping[str, str | tuple[str, ...]]


class Mistake(Exception):
    """An error in a reader's function, with advice. Checks raise it, `judge` catches it."""


class NotStarted(Exception):
    """The reader has not written anything yet."""


@dataclass(frozen=True)
class Exercise:
    """A function for the reader to write.

    Attributes:
        id: chapter and name, `"02-targeted-step"`.
        title: a few words.
        minutes: how long a reader needs, about.
        difficulty: 1 (a line) … 3 (takes thought).
        reference: the course's own version. Its source is the solution; its docstring has the task, a paragraph that
            begins with "Why:", and one "Hint:" each, from a nudge to nearly the solution.
        check: takes the reader's function and the exercise, and raises `Mistake` if something is wrong. Usually that of
            `checks.Compared`, which reads the table `wrong`. Under half a second.
        wrong: the table of usual wrong answers, the commonest first: from what the reader is told to the answer, or
            answers, that are told so. An answer is a function, or else says what stands in it instead of pieces of the
            reference's source; a tuple instead of a piece makes as many answers. Where the check itself computes a
            message, a part of it will do as the key.
    """

    id: str
    title: str
    minutes: int
    difficulty: int
    reference: Callable
    check: Callable[[Callable, Exercise], None]
    wrong: Mapping[str, Answer | tuple[Answer, ...]] = field(default_factory=dict)

    @functools.cached_property
    def slips(self) -> list[tuple[Callable, str]]:
        """The table `wrong` as pairs of a function and its message, in order."""
        pairs: list[tuple[Callable, str]] = []
        for message, answers in self.wrong.items():
            for answer in answers if isinstance(answers, tuple) else (answers,):
                made = each_way(self.reference, answer) if isinstance(answer, Mapping) else [answer]
                pairs += [(function, message) for function in made]
        return pairs

    @property
    def task(self) -> str:
        """The task: the first paragraph of the reference's docstring."""
        return self._paragraphs()[0]

    @property
    def why(self) -> str:
        """The purpose of the piece, in a sentence or two."""
        return next(text.removeprefix("Why: ") for text in self._paragraphs() if text.startswith("Why: "))

    @property
    def hints(self) -> tuple[str, ...]:
        """The hints, from a nudge to nearly the solution."""
        return tuple(text.removeprefix("Hint: ") for text in self._paragraphs() if text.startswith("Hint: "))

    @property
    def source(self) -> str:
        """The source of the reference, without what its docstring says of the exercise: the solution."""
        return re.sub(r"\n\n +Why: .*?(?=\"\"\")", "", inspect.getsource(self.reference), count=1, flags=re.S).rstrip()

    def _paragraphs(self) -> list[str]:
        return [" ".join(each.split()) for each in (inspect.getdoc(self.reference) or "").split("\n\n")]


def each_way(function: Callable, pieces: Mapping[str, str | tuple[str, ...]]) -> list[Callable]:
    """The functions that `instead` makes, one for each piece where several may stand in its place."""
    ways = product(*([piece] if isinstance(piece, str) else piece for piece in pieces.values()))
    return [instead(function, dict(zip(pieces, way, strict=True))) for way in ways]


def instead(function: Callable, pieces: Mapping[str, str]) -> Callable:
    """A function whose source has other pieces: `{"x + step": "x - step"}` makes an ascent a descent.

    Raises:
        ValueError: the source, below the docstring, has no such piece.
    """
    head, body = inspect.getsource(function).rsplit('"""', 1)
    for old, new in pieces.items():
        if old not in body:
            raise ValueError(f"{old!r} given, expected a piece of {function.__name__}'s source below its docstring.")
        body = body.replace(old, new)
    made: dict[str, Callable] = {}
    exec(f'{head}"""{body}', inspect.unwrap(function).__globals__, made)
    return made[function.__name__]


RENAMED = {"04-climb": "04-ascent", "04-fine-share": "04-frequency-share", "10-climb": "10-ascent"}  # first edition


def find(id: str) -> Exercise:
    """The exercise of that id, or of what the first edition called so.

    Raises:
        ValueError: there is none; the message offers close ones.
    """
    id = RENAMED.get(str(id), id)
    chapter = f"chapter_{str(id).split('-')[0]}"
    exercises = {exercise.id: exercise for exercise in _exercises(chapter)} if chapter in _chapters() else {}
    if id not in exercises:
        raise ValueError(unknown("exercise", id, [exercise.id for exercise in all_exercises()]))
    return exercises[id]


def all_exercises() -> list[Exercise]:
    """Every exercise of the course, in the order of reading."""
    return [exercise for chapter in _chapters() for exercise in _exercises(chapter)]


def common_slips(exercise: Exercise, most: int = 3) -> list[str]:
    """The first different messages about wrong answers to an exercise, in full, for the teaching guide."""
    first = {message: function for function, message in reversed(exercise.slips)}
    told: list[str] = []
    for each in exercise.wrong:
        message = judge(exercise, first[each]).message
        if message not in told:
            told.append(message)
        if len(told) == most:
            break
    return told


def _chapters() -> list[str]:
    return sorted(path.stem for path in Path(__file__).parent.glob("chapter_*.py"))


def _exercises(chapter: str) -> tuple[Exercise, ...]:
    module = import_module(f"{__package__}.{chapter}")
    return tuple(each for each in vars(module).values() if isinstance(each, Exercise))


class TookTooLong(BaseException):
    """The time for a check is up. Not an `Exception`: a reader's `except Exception` must not catch it."""


@dataclass(frozen=True)
class Verdict:
    """The result of a check.

    Attributes:
        exercise: which exercise.
        status: `"passed"`; `"mistake"`; `"not started"`; or `"reference"`, when the function that was checked
            is the course's own.
        message: what is wrong, for a mistake.
    """

    exercise: Exercise
    status: Literal["passed", "mistake", "not started", "reference"]
    message: str = ""


def judge(exercise: Exercise, function: object, *, seconds: float = SECONDS) -> Verdict:
    """Check a reader's function. Whatever it does, the answer is a verdict; only Ctrl-C goes through.

    Args:
        exercise: what the function is for.
        function: the reader's function, or whatever the reader handed over.
        seconds: time for the whole check.
    """
    if function is exercise.reference:
        return Verdict(exercise, "reference")
    try:
        require_arguments(function, exercise.reference)
        with torch.enable_grad(), time_limit(seconds):
            exercise.check(watched(function), exercise)  # type: ignore[arg-type]
    except NotStarted:
        return Verdict(exercise, "not started")
    except Mistake as mistake:
        message = str(mistake)
    except TookTooLong:
        message = f"your function did not finish in {seconds:g} seconds: is there a loop without an end?"
    except Exception as error:  # no answer may break the reader's notebook, however odd
        message = f"your function's result could not be checked ({describe(error)}): compare it with the docstring."
    else:
        return Verdict(exercise, "passed")
    return Verdict(exercise, "mistake", message)


def watched(function: Callable) -> Callable:
    """The reader's function, whose failures become `Mistake`s that name the reader's line.

    An unfinished function (an empty body, `...` as its result, `NotImplementedError`) raises `NotStarted`;
    one that does something but returns nothing is a mistake.
    """

    @functools.wraps(function)
    def run(*args: object, **kwargs: object) -> object:
        try:
            result = function(*args, **kwargs)
        except (Exception, SystemExit) as error:
            if isinstance(error, NotImplementedError) and is_raised_by(function, error):
                raise NotStarted from error
            advice = next((f". {text}." for said, text in _ADVICE.items() if said in str(error)), "")
            raise Mistake(f"{describe(error)}{line_of(error.__traceback__, function)}{advice}") from error
        if result is Ellipsis or (result is None and is_empty(function)):
            raise NotStarted
        if result is None and returns_something(function):
            raise Mistake(
                "your function returns nothing: no `return` is reached, or what stands there is None, as the result "
                "of `.backward()` is, and the `.grad` of a tensor that did not itself ask for a gradient."
            )
        if result is None:
            raise Mistake("your function returns nothing: its last line should be `return …` with the result.")
        return result

    return run


def require_arguments(function: object, reference: Callable) -> None:
    """Raise `Mistake` unless `function` can be called with the arguments that the reference takes."""
    name = reference.__name__
    if not callable(function):
        kind = type(function).__name__
        given = "nothing (None)" if function is None else f"{'an' if kind[0] in 'AEIOUaeiou' else 'a'} {kind}"
        raise Mistake(f"check was given {given}, expected the function itself: write `{name}` without brackets.")
    parameters = inspect.signature(reference).parameters
    try:
        inspect.signature(function).bind(*parameters)
    except TypeError:
        given = f"{getattr(function, '__name__', 'your function')}{inspect.signature(function)}"
        called = f"but it is called with ({', '.join(parameters)})"
        raise Mistake(f"your function is {given}, {called}: leave its first line as it was.") from None
    except ValueError:  # a built-in function without a signature: calling it will tell
        return


def describe(error: BaseException) -> str:
    """An error in one line."""
    text = " ".join(str(error).split())
    text = text if len(text) <= 300 else f"{text[:300]} …"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def line_of(traceback: TracebackType | None, function: Callable) -> str:
    """The deepest line of the traceback in the file or cell of `function`, as ` (line 3: …)`."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    lines = [frame for frame in extract_tb(traceback) if code is not None and frame.filename == code.co_filename]
    return f" (line {lines[-1].lineno}{f': `{lines[-1].line}`' if lines[-1].line else ''})" if lines else ""


def is_empty(function: Callable) -> bool:
    """True if the function's body does nothing: a docstring, `...` or `pass`."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code is not None and all(instruction.opname in _IDLE for instruction in dis.get_instructions(code))


def is_raised_by(function: Callable, error: BaseException) -> bool:
    """True if a `raise` in the function itself raised the error, and nothing that it called (PyTorch raises
    `NotImplementedError` where it has no such operation for the type of a tensor)."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    code = getattr(inspect.unwrap(function), "__code__", None)
    if step is None or step.tb_frame.f_code is not code:
        return False
    return dis.opname[step.tb_frame.f_code.co_code[step.tb_lasti]] == "RAISE_VARARGS"


def returns_something(function: Callable) -> bool:
    """True if some `return` of the function's has more than None beside it."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    steps = [] if code is None else list(dis.get_instructions(code))
    given = [step for step, then in pairwise(steps) if then.opname == "RETURN_VALUE"]
    return any(step.opname != "LOAD_CONST" or step.argval is not None for step in given)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TookTooLong` in the block after that many seconds of processor time: a busy machine is no mistake.

    Only where the system has interval timers and the block runs in the main thread (a notebook's cells do);
    elsewhere, on Windows say, there is no limit.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise TookTooLong

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
