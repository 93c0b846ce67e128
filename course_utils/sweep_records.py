"""Records of a sweep's tasks, each of which is the content of one safetensors file that any machine can read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from course_utils.utils import write  # noqa: F401 (where the first edition had it)

SUFFIX = ".safetensors"
KINDS = "of tensors and plain values (text, numbers, None, lists and dictionaries of them)"
METADATA = "__metadata__"  # safetensors' own name for what stands beside the tensors
HEADER = "record"  # its name among the header's entries


@dataclass(frozen=True)
class Failure:
    """Why a task failed.

    Attributes:
        kind: the exception's class, `WorkerDied` where the process that worked on the task came to an end.
        message: what it said.
        traceback: where it happened, as text.
    """

    kind: str
    message: str
    traceback: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}" if self.message else self.kind


@dataclass(frozen=True, eq=False)
class Record:
    """What came of one task.

    Attributes:
        function: the qualified name of what was called.
        task: what it was called with (tuples as lists, as JSON has them).
        result: what it gave; None if it failed.
        error: why it failed; None if it did not.
        seconds: how long it took, on the worker's clock.
    """

    function: str
    task: Any
    result: dict[str, Any] | None
    error: Failure | None
    seconds: float

    def __getitem__(self, name: str) -> Any:
        """An entry of the result; a RuntimeError, with the reason, if there is none because the task failed."""
        if self.result is None:
            raise RuntimeError(f"task {self.task!r} failed and has no {name!r}: {self.error}.")
        return self.result[name]


def name_of(function: Callable[..., Any]) -> str:
    """The qualified name under which records are kept, `module.function`.

    Raises:
        TypeError: it has none, or one that many functions share.
    """
    name = getattr(function, "__qualname__", "<no name>")
    if name.endswith(">"):
        raise TypeError(
            f"{function!r} has no name of its own, and records are kept under the function's name: give it one, "
            "with def, and let the tasks say what differs."
        )
    return f"{function.__module__}.{name}"


def key_of(name: str, task: Any) -> str:
    """What a record is filed under: a hash of the function's name and the task, the same on every machine.

    Raises:
        TypeError: the task is no plain value.
    """
    try:
        text = json.dumps([name, task], sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"task {task!r} is no plain value ({error}): tasks are text, numbers, None, and lists and dictionaries "
            "of them, that name what to work on; the function loads it."
        ) from None
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def encode(record: Record) -> bytes:
    """A record as the content of its file.

    Raises:
        TypeError: the result is anything but a dictionary of tensors and plain values.
    """
    if not isinstance(record.result, dict | None) or not all(isinstance(name, str) for name in record.result or ()):
        given = type(record.result).__name__
        raise TypeError(f"the function gave {given}, expected a dictionary with text as keys, {KINDS}.")
    result = record.result or {}
    if METADATA in result:
        raise TypeError(f"the function gave an entry {METADATA!r}, which is safetensors' own name: take another one.")
    tensors = {name: value for name, value in result.items() if isinstance(value, Tensor)}
    plain = {name: value for name, value in result.items() if name not in tensors}
    for name, value in plain.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError) as trouble:
            kind = type(value).__name__
            raise TypeError(f"the function gave {name!r} as {kind} ({trouble}), expected {KINDS}.") from None
    error = None if record.error is None else asdict(record.error)
    order = None if record.result is None else list(result)
    header = {"function": record.function, "task": record.task, "result": plain, "names": order}
    text = json.dumps({**header, "error": error, "seconds": record.seconds})
    own = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    return save(own, {HEADER: text})


def decode(content: bytes) -> Record:
    """The record that is the content of a file; ValueError if it is damaged or none."""
    try:
        tensors = load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])  # safetensors' own form
        entry = json.loads(header[METADATA][HEADER])
        names = entry.pop("names")
        every = {**entry.pop("result"), **tensors}
        result = None if names is None else {name: every[name] for name in names}
        error = entry.pop("error")
        return Record(**entry, result=result, error=error and Failure(**error))
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"damaged, or no record of a sweep ({error})") from None


def read(path: Path, name: str, task: Any) -> Record | None:
    """The record in a file; None if there is none of this function and task, or the file cannot be used."""
    try:
        record = decode(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return record if (record.function, record.task) == (name, json.loads(json.dumps(task))) else None
