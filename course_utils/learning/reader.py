"""The reader's function: run with care, and told about in the reader's own lines."""

from __future__ import annotations

import dis
import functools
import inspect
import linecache
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from course_utils.learning.exercises import Mistake, NotStarted

# What an empty body compiles to, in any supported Python.
_IDLE = {
    "RESUME",
    "NOP",
    "COPY_FREE_VARS",
    "LOAD_CONST",
    "LOAD_COMMON_CONSTANT",
    "RETURN_CONST",
    "RETURN_VALUE",
}


class TookTooLong(BaseException):
    """The time for a check is up. Not an `Exception`: a reader's `except Exception` must not catch it."""


def watched(function: Callable) -> Callable:
    """The reader's function, whose failures become `Mistake`s that name the reader's line.

    An unfinished function (an empty body, `...` as its result, `NotImplementedError`) raises `NotStarted`;
    one that does something but returns nothing is a mistake.
    """

    @functools.wraps(function)
    def run(*args: object, **kwargs: object) -> object:
        try:
            result = function(*args, **kwargs)
        except NotImplementedError as error:
            raise NotStarted from error
        except (Exception, SystemExit) as error:
            raise Mistake(f"{describe(error)}{line_of(error.__traceback__, function)}") from error
        if result is Ellipsis or (result is None and is_empty(function)):
            raise NotStarted
        if result is None:
            raise Mistake("your function returns nothing: its last line should be `return …` with the result.")
        return result

    return run


def require_arguments(function: object, reference: Callable) -> None:
    """Raise `Mistake` unless `function` can be called with the arguments that the reference takes."""
    name = reference.__name__
    if not callable(function):
        raise Mistake(f"check was given {_a(function)}, expected the function itself: write `{name}` without brackets.")
    parameters = inspect.signature(reference).parameters
    try:
        inspect.signature(function).bind(*parameters)
    except TypeError:
        given = f"{getattr(function, '__name__', 'your function')}{inspect.signature(function)}"
        raise Mistake(
            f"your function is {given}, but it is called with ({', '.join(parameters)}): "
            "leave its first line as it was."
        ) from None
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
    number = None
    while traceback is not None:
        if code is not None and traceback.tb_frame.f_code.co_filename == code.co_filename:
            number = traceback.tb_lineno
        traceback = traceback.tb_next
    if code is None or number is None:
        return ""
    source = linecache.getline(code.co_filename, number).strip()
    return f" (line {number}{f': `{source}`' if source else ''})"


def is_empty(function: Callable) -> bool:
    """Whether the function's body does nothing: a docstring, `...` or `pass`."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return code is not None and all(instruction.opname in _IDLE for instruction in dis.get_instructions(code))


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


def _a(thing: object) -> str:
    name = type(thing).__name__
    return "nothing (None)" if thing is None else f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"
