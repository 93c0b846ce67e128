"""What a worker does: one task, whose result or failure it hands back as the content of a file."""

from __future__ import annotations

import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from course_utils.sweeps.records import Failure, Record, encode, name_of


def attempt(function: Callable[[Any], dict[str, Any]], task: Any) -> bytes:
    """The record of `function(task)`, encoded; of its failure, if it fails.

    Raises:
        KeyboardInterrupt: Ctrl-C came, also if the function took notice and returned what it had: `optimize` does, and
            half a prototype must not be kept as a whole one.
    """
    name, begin = name_of(function), time.perf_counter()
    try:
        with _interrupts() as noticed:
            result = function(task)
        if noticed:
            raise KeyboardInterrupt
        if result is None:
            raise TypeError("the function gave None, expected a dictionary: does it lack a return?")
        return encode(Record(name, task, result, None, time.perf_counter() - begin))
    except (Exception, SystemExit) as error:
        failure = Failure(type(error).__name__, str(error), traceback.format_exc())
        return encode(Record(name, task, None, failure, time.perf_counter() - begin))


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Notes each Ctrl-C in a list, and passes it on. Only a main thread may listen; no other is interrupted."""
    noticed: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield noticed
        return

    def note(number: int, frame: Any) -> None:
        noticed.append(number)
        before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield noticed
    finally:
        signal.signal(signal.SIGINT, before)
