"""`sweep`: one function on many tasks, each of which is done once, however often the call is repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from os import PathLike
from pathlib import Path
from typing import Any

from course_utils.progress import progress_bar
from course_utils.sweeps.dealing import outcomes
from course_utils.sweeps.records import Record, decode, key_of, name_of, read, write
from course_utils.sweeps.result import Sweep

SUFFIX = ".safetensors"


def sweep(
    function: Callable[[Any], dict[str, Any]],
    tasks: Iterable[Any],
    *,
    save_to: str | PathLike[str] | None = None,
    n_jobs: int | None = None,
    progress: bool | None = None,
) -> Sweep:
    """`function(task)` for every task, on as many processes or machines as there are; a repeated call goes on.

    Where the work is done is joblib's to say: in this process, one task after the other, unless `n_jobs` asks for
    more or `joblib.parallel_config` says otherwise; `parallel_config(backend="dask")`, or `cluster(address)` around
    the call, sends it to a Dask cluster. The call itself stays the same.

    A task that fails is recorded with its error, and the others go on. A task whose worker dies is tried again, the
    second time with nothing beside it; if that worker dies as well, the task is recorded as failed. Ctrl-C ends the
    sweep with what has been done; what was in flight is lost, and nothing else.

    Args:
        function: gives a dictionary of tensors and plain values (text, numbers, None, lists and dictionaries of
            them). It is sent to the workers, so what it needs it loads by itself, by name.
        tasks: plain values, such as a class's name or `{"model": "pocket", "seed": 0}`. They say what to work on.
        save_to: a folder, made if it is missing, for one file a task, written as soon as the task is done. What is
            there for the same task and a function of the same name is not done again, but for what failed. Nobody
            sees whether the function's *body* has changed: then take another folder.
        n_jobs: how many tasks at once, as in joblib: -1 for all cores. A cluster's workers are all used.
        progress: True shows a bar at once, False never, None after a second.

    Returns:
        The records, in the order of the tasks.

    Raises:
        TypeError: a function without a name of its own, or tasks that are no plain values.
        ConnectionError: the cluster's scheduler went away.
    """
    tasks, name, folder = list(tasks), name_of(function), _folder(save_to)
    keys = [key_of(name, task) for task in tasks]
    named = dict(zip(keys, tasks, strict=True))
    stored = {key: read(folder / f"{key}{SUFFIX}", name, task) for key, task in named.items()} if folder else {}
    records = {key: record for key, record in stored.items() if record is not None and record.error is None}
    reused, missing = len(records), {key: task for key, task in named.items() if key not in records}
    interrupted = False
    try:
        _collect(function, missing, records, folder, n_jobs, progress)
    except KeyboardInterrupt:
        interrupted = True
    return Sweep(name, tasks, [records[key] for key in keys if key in records], reused, interrupted)


def _collect(
    function: Callable[[Any], dict[str, Any]],
    missing: dict[str, Any],
    records: dict[str, Record],
    folder: Path | None,
    n_jobs: int | None,
    progress: bool | None,
) -> None:
    """Does what is missing and enters it into `records`, and into the folder first."""
    failed = 0
    with closing(outcomes(function, missing, n_jobs)) as work:
        bar = progress_bar(work, name_of(function).split(".")[-1], progress=progress, total=len(missing))
        for key, content in bar:
            if folder:
                write(folder / f"{key}{SUFFIX}", content)
            records[key] = decode(content)
            failed += records[key].error is not None
            if failed:
                bar.set_postfix_str(f"{failed} failed")


def _folder(save_to: str | PathLike[str] | None) -> Path | None:
    if save_to is None:
        return None
    folder = Path(save_to)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
