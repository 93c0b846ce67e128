"""`sweep`: one function on many tasks, each of which is done once, however often the call is repeated.

What came of a task is kept as a record: one safetensors file that any machine can read.
"""

from __future__ import annotations

import signal
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from os import PathLike
from typing import Any

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError
from joblib.parallel import get_active_backend
from torch import Tensor

from course_utils.sweep_records import SUFFIX, Failure, Record, decode, encode, key_of, name_of, read
from course_utils.utils import expanded, first_line, progress_bar, write

Function = Callable[[Any], dict[str, Any]]
Contents = Generator[tuple[str, bytes], None, None]  # keys, and encoded records


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
    tasks, name, folder = list(tasks), name_of(function), None if save_to is None else expanded(save_to)
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    keys = [key_of(name, task) for task in tasks]
    named = dict(zip(keys, tasks, strict=True))
    stored = {key: read(folder / f"{key}{SUFFIX}", name, task) for key, task in named.items()} if folder else {}
    records = {key: record for key, record in stored.items() if record is not None and record.error is None}
    reused, missing = len(records), {key: task for key, task in named.items() if key not in records}
    failed, interrupted = 0, False
    try:
        with closing(outcomes(function, missing, n_jobs)) as work:
            bar = progress_bar(work, name.split(".")[-1], progress=progress, total=len(missing))
            for key, content in bar:
                if folder:
                    write(folder / f"{key}{SUFFIX}", content)
                records[key] = decode(content)
                failed += records[key].error is not None
                if failed:
                    bar.set_postfix_str(f"{failed} failed")
    except KeyboardInterrupt:
        interrupted = True
    return Sweep(name, tasks, [records[key] for key in keys if key in records], reused, interrupted)


MOST_ROWS = 40  # of a table in a notebook


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """What came of the tasks of a sweep.

    Attributes:
        function: the qualified name of what was called.
        tasks: as they were given.
        records: of the tasks that were done or failed, in the order of the tasks; after an interrupt, some are missing.
        reused: how many different tasks had been done before.
        interrupted: whether Ctrl-C or the notebook's stop button cut it short. The same call goes on.
    """

    function: str
    tasks: list[Any]
    records: list[Record]
    reused: int
    interrupted: bool

    @property
    def results(self) -> list[dict[str, Any]]:
        """What the function gave, for the tasks that did not fail, in the order of the tasks."""
        return [record.result for record in self.records if record.result is not None]

    @property
    def failed(self) -> list[Record]:
        """The records of tasks that failed; the same call tries them again."""
        return [record for record in self.records if record.error is not None]

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Record:
        return self.records[index]

    def __repr__(self) -> str:
        done, failed = len(self.results), self.failed
        kinds = ", ".join(f"{kind} ×{n}" for kind, n in Counter(r.error.kind for r in failed if r.error).items())
        parts = [f"{done} of {len(self.tasks)} task{'s' * (len(self.tasks) != 1)} done, {self.reused} of them before"]
        parts += [f"{len(failed)} failed ({kinds}; see .failed)"] * bool(failed)
        parts += ["interrupted: the same call goes on"] * self.interrupted
        return f"sweep of {self.function}: {'; '.join(parts)}"

    def _repr_html_(self) -> str:
        from course_utils.figures.style import render  # here, because a cluster's workers need no templates

        rows = [(_brief(r.task), r.seconds, _shown(r.result), r.error) for r in self.records]
        return render("sweep.html", title=repr(self), rows=rows[:MOST_ROWS], more=len(rows[MOST_ROWS:]))


def _shown(result: dict[str, Any] | None) -> str:
    """Numbers as numbers, tensors by their shape."""
    return ", ".join(f"{name} {_value(value)}" for name, value in (result or {}).items())


def _value(value: Any) -> str:
    if isinstance(value, Tensor):
        return "×".join(map(str, value.shape)) or f"{value.item():.4g}"
    return f"{value:.4g}" if isinstance(value, float) else _brief(value)


def _brief(value: Any, most: int = 60) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= most else f"{text[: most - 2]} …"


@contextmanager
def cluster(address: str, *, timeout: float = 10) -> Iterator[Any]:
    """Inside, sweeps run on the Dask cluster whose scheduler listens at the address.

    The same as `parallel_config(backend="dask")` with a `dask.distributed.Client`, with a sentence for what goes wrong.

    Args:
        address: of the scheduler, as it prints it: `tcp://10.0.0.1:8786`.
        timeout: seconds to wait for the scheduler, and then for a first worker.

    Yields:
        the client.

    Raises:
        ImportError: Dask is not installed.
        ConnectionError: no scheduler there, or one without a worker.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ImportError("a cluster needs Dask: pip install 'distributed>=2024.5', or the extra scale.") from None
    try:
        client = Client(address, timeout=timeout)
    except (OSError, TimeoutError, ValueError) as error:
        raise ConnectionError(
            f"no Dask scheduler answers at {address} ({first_line(error)}): start one there with `dask scheduler`, "
            f"and workers with `dask worker {address}`."
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=timeout)
        except TimeoutError:
            raise ConnectionError(
                f"the Dask scheduler at {address} has no workers: start some with `dask worker {address}`."
            ) from None
        with parallel_config(backend="dask"):
            yield client


def outcomes(function: Function, tasks: Mapping[str, Any], n_jobs: int | None) -> Contents:
    """Each task's key and encoded record, as soon as it is there.

    Dask itself tries a task on several workers before it gives it up. With joblib all tasks in flight are lost when
    a worker dies, and nobody can tell which was to blame: each of them is tried again with nothing beside it.
    """
    backend, _ = get_active_backend()
    if type(backend).__name__ == "DaskDistributedBackend":
        yield from _by_dask(backend, function, tasks)
        return
    left, in_flight = dict(tasks), dict[str, Any]()
    while left:
        try:
            for key, content in _by_joblib(function, left, in_flight, n_jobs):
                del left[key]
                yield key, content
        except TerminatedWorkerError:
            for key, task in list(in_flight.items()):
                yield key, _alone(function, key, task, n_jobs)
                del left[key]


def _by_joblib(function: Function, tasks: Mapping[str, Any], in_flight: dict[str, Any], n_jobs: int | None) -> Contents:
    in_flight.clear()

    def dispatched():
        for key, task in list(tasks.items()):
            in_flight[key] = task
            yield delayed(_keyed)(key, function, task)

    # one task a worker: what is in flight is what Ctrl-C or a dead worker costs
    work = Parallel(n_jobs=n_jobs, batch_size=1, pre_dispatch="n_jobs", return_as="generator_unordered")
    for key, content in work(dispatched()):
        del in_flight[key]
        yield key, content


def _alone(function: Function, key: str, task: Any, n_jobs: int | None) -> bytes:
    try:
        return next(_by_joblib(function, {key: task}, {}, n_jobs))[1]
    except TerminatedWorkerError as error:
        lines = str(error).splitlines()  # one of them says how the workers ended
        return _given_up(function, task, next((line.strip() for line in lines if "exit code" in line), lines[0]))


def _given_up(function: Function, task: Any, reason: str) -> bytes:
    message = f"its worker died whenever it was tried, at last with no other task beside it ({reason})"
    return encode(Record(name_of(function), task, None, Failure("WorkerDied", message), 0.0))


def _keyed(key: str, function: Function, task: Any) -> tuple[str, bytes]:
    return key, attempt(function, task)


def _by_dask(backend: Any, function: Function, tasks: Mapping[str, Any]) -> Contents:
    from distributed import KilledWorker, as_completed

    client = backend.client
    work = partial(attempt, function)
    futures = client.map(work, list(tasks.values()), pure=False, **backend.submit_kwargs)
    keys = {future.key: key for future, key in zip(futures, tasks, strict=True)}
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
                yield key, _given_up(function, tasks[key], "Dask tried it on several")
                continue
            content = future.result()
            future.release()
            yield key, content
    finally:
        if client.status == "running":
            client.cancel(list(waiting.futures))


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


__all__ = ["Failure", "Record", "Sweep", "cluster", "sweep"]
