"""Tasks dealt out to workers, of which any may die: by joblib, and by Dask where joblib was told to use it.

To a Dask cluster the tasks go directly. joblib's own way there (1.6) waits for ever once Dask gives a task up because
its workers died, and gives new work only to as many workers as there were at the start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping
from functools import partial
from typing import Any

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from joblib.parallel import get_active_backend

from course_utils.sweeps.attempts import attempt
from course_utils.sweeps.records import Failure, Record, encode, name_of

Function = Callable[[Any], dict[str, Any]]
Contents = Generator[tuple[str, bytes], None, None]  # keys, and encoded records
CHANCES = 2  # deaths of a worker that a task may have been near, before it is tried alone


class WorkerDied(RuntimeError):
    """The process that worked on a task came to an end: killed, out of memory, or crashed."""


def outcomes(function: Function, tasks: Mapping[str, Any], n_jobs: int | None) -> Contents:
    """Each task's key and encoded record, as soon as it is there.

    When a worker dies, nobody can tell which of the tasks in flight was to blame. All of them are tried again; those
    that have been near `CHANCES` deaths come last, one at a time, and the one whose worker dies then is recorded.
    """
    left, deaths = dict(tasks), Counter[str]()
    while left:
        together = {key: task for key, task in left.items() if deaths[key] < CHANCES}
        batch = together or dict([next(iter(left.items()))])
        in_flight = Counter[str]()
        try:
            for key, content in _deal(function, batch, in_flight, n_jobs):
                del left[key]
                yield key, content
        except WorkerDied as death:
            deaths.update(in_flight)
            if not together:
                (key,) = batch
                yield key, _given_up(function, left.pop(key), death)


def _given_up(function: Function, task: Any, death: WorkerDied) -> bytes:
    message = f"its worker died whenever it was tried, at last with no other task beside it ({death})"
    return encode(Record(name_of(function), task, None, Failure("WorkerDied", message), 0.0))


def _deal(function: Function, batch: Mapping[str, Any], in_flight: Counter[str], n_jobs: int | None) -> Contents:
    """Like `outcomes`, but WorkerDied if a worker dies. `in_flight` counts the deaths that a task may have caused."""
    backend, _ = get_active_backend()
    if type(backend).__name__ == "DaskDistributedBackend":
        return _by_dask(backend, partial(attempt, function), batch, in_flight)
    return _by_joblib(function, batch, in_flight, n_jobs)


def _by_joblib(function: Function, batch: Mapping[str, Any], in_flight: Counter[str], n_jobs: int | None) -> Contents:
    def dispatched():
        for key, task in batch.items():
            in_flight[key] = 1
            yield delayed(_keyed)(key, function, task)

    workers = Parallel(n_jobs=n_jobs, batch_size=1, return_as="generator_unordered")
    try:
        for key, content in workers(dispatched()):
            del in_flight[key]
            yield key, content
    except TerminatedWorkerError as error:
        raise WorkerDied(_exit_codes(error)) from None


def _exit_codes(error: Exception) -> str:
    """The line of loky's message that says how the workers ended."""
    lines = str(error).splitlines()
    return next((line.strip() for line in lines if "exit code" in line), lines[0])


def _keyed(key: str, function: Function, task: Any) -> tuple[str, bytes]:
    return key, attempt(function, task)


def _by_dask(backend: Any, work: Callable[[Any], bytes], batch: Mapping[str, Any], in_flight: Counter[str]) -> Contents:
    from distributed import KilledWorker, as_completed

    client = backend.client
    futures = client.map(work, list(batch.values()), pure=False, **backend.submit_kwargs)
    keys = {future.key: key for future, key in zip(futures, batch, strict=True)}
    waiting = as_completed(futures)
    del futures  # what is held here stays in a worker's memory, and is done again if that worker dies
    try:
        for future in waiting:
            key = keys.pop(future.key)
            if future.status in ("cancelled", "lost"):
                raise ConnectionError(
                    f"the Dask scheduler at {client.scheduler.address} went away with {len(keys) + 1} tasks not done: "
                    "start it again and repeat the call, which goes on where it stopped if it has save_to."
                )
            if future.status == "error" and isinstance(future.exception(), KilledWorker):
                in_flight[key] = CHANCES  # Dask itself tried it again on several workers
                continue
            content = future.result()
            future.release()
            yield key, content
    finally:
        if client.status == "running":
            client.cancel(list(waiting.futures))
    if in_flight:
        raise WorkerDied("Dask gave it up")
