"""The same call on a real Dask cluster of two worker processes."""

import os
import signal
import socket
import threading
import time

import pytest
from joblib import parallel_config
from marking import calls, marking, recorded

from course_utils import cluster, sweep

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def two_workers():
    options = {"dashboard_address": None, "silence_logs": "CRITICAL"}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **options) as local:
        yield local


def test_the_same_call_runs_on_the_cluster(two_workers, tmp_path):
    marks = tmp_path / "marks"

    def where(task):
        time.sleep(0.05)
        if task == 3:
            raise ValueError("three is refused")

    with distributed.Client(two_workers), parallel_config(backend="dask"):
        done = sweep(marking(marks, where), range(8), save_to=tmp_path / "kept", progress=False)
    assert [result["square"] for result in done.results] == [0, 1, 4, 16, 25, 36, 49]
    assert str(done.failed[0].error) == "ValueError: three is refused"
    processes = {path.name.split(".")[1] for path in marks.iterdir()}
    assert len(processes) == 2 and str(os.getpid()) not in processes
    again = sweep(marking(marks), range(8), save_to=tmp_path / "kept", progress=False)
    assert again.reused == 7 and not again.failed


def test_a_worker_killed_in_the_middle_loses_nothing_and_only_its_own_tasks_are_done_twice(two_workers, tmp_path):
    marks, kept, tasks = tmp_path / "marks", tmp_path / "kept", 24
    before = set()

    def slow(task):
        time.sleep(0.15)

    def kill_one(process):
        while not kept.exists() or len(list(kept.glob("*.safetensors"))) < 6:
            time.sleep(0.01)
        os.kill(process, signal.SIGKILL)
        before.update(recorded(kept, marks, range(tasks)))

    with cluster(two_workers.scheduler_address) as client:
        victim = next(iter(client.run(os.getpid).values()))
        killer = threading.Thread(target=kill_one, args=[victim])
        killer.start()
        done = sweep(marking(marks, slow), range(tasks), save_to=kept, progress=False)
        killer.join()

    assert [record["task"] for record in done] == list(range(tasks)) and not done.failed
    counted = calls(marks)
    twice = [task for task, count in counted.items() if count > 1]
    assert set(counted) == set(range(tasks)) and max(counted.values()) <= 2
    assert 6 <= len(before) < tasks and not before & set(twice)
    assert len(twice) <= 2  # the one that ran there, and one whose result had not arrived


def test_without_a_scheduler_or_workers_there_is_one_sentence():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with (
        pytest.raises(ConnectionError, match=f"no Dask scheduler answers at {address}") as told,
        cluster(address, timeout=1),
    ):
        pass
    assert "`dask scheduler`" in str(told.value) and "\n" not in str(told.value)

    options = {"n_workers": 0, "processes": False, "dashboard_address": ":0", "silence_logs": "CRITICAL"}
    with distributed.LocalCluster(**options) as idle:
        expected = "has no workers: start some with `dask worker"
        with pytest.raises(ConnectionError, match=expected), cluster(idle.scheduler_address, timeout=0.3):
            pass
