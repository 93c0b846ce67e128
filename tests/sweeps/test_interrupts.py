"""Ctrl-C and killed workers cost a sweep what was in flight, and nothing else."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from marking import calls, marking, recorded

from course_utils import sweep
from course_utils.sweeps import key_of, name_of

SCRIPT = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background is started deaf to Ctrl-C
sys.path.insert(0, {here!r})
from pathlib import Path
from time import sleep
from marking import marking
from course_utils import sweep

def slow(task):
    sleep(0.25)

marks, kept, n_jobs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
if __name__ == "__main__":
    print(sweep(marking(marks, slow), range({tasks}), save_to=kept, n_jobs=n_jobs, progress=False))
"""
TASKS = 16


def started(tmp_path, n_jobs):
    """The script in a process group of its own, as a terminal has it, since Ctrl-C goes to the whole group."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.format(here=str(Path(__file__).parent), tasks=TASKS))
    command = [sys.executable, str(script), str(tmp_path / "marks"), str(tmp_path / "kept"), str(n_jobs)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def wait_for_records(folder, count, process, seconds=60):
    end = time.monotonic() + seconds
    while not (folder.exists() and len(list(folder.glob("*.safetensors"))) >= count):
        assert time.monotonic() < end and process.poll() is None, "the sweep did not get that far"
        time.sleep(0.02)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_keeps_what_is_done_and_the_same_call_goes_on(n_jobs, tmp_path):
    marks, kept = tmp_path / "marks", tmp_path / "kept"
    process = started(tmp_path, n_jobs)
    wait_for_records(kept, 3, process)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and "interrupted: the same call goes on" in said
    done = int(re.search(r"(\d+) of 16 tasks done", said)[1])
    assert 3 <= done < TASKS and len(list(kept.iterdir())) == done  # and no half-written file
    before = recorded(kept, marks, range(TASKS))

    said, _ = started(tmp_path, n_jobs).communicate(timeout=60)
    assert f"16 of 16 tasks done, {done} of them before" in said
    counted = calls(marks)
    assert set(counted) == set(range(TASKS))
    assert len(before) == done and all(counted[task] == 1 for task in before)
    # in flight is a task a worker, and one a worker may be done without having reached this process
    assert counted.total() <= TASKS + 2 * n_jobs


@pytest.fixture
def ctrl_c_is_heard():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_what_a_function_returns_after_ctrl_c_is_not_kept(tmp_path, ctrl_c_is_heard):
    def half(task):
        try:
            if task == 1:
                signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            return {"how much": "half"}
        return {"how much": "all"}

    done = sweep(half, range(3), save_to=tmp_path, progress=False)
    assert done.interrupted and [record["how much"] for record in done] == ["all"]
    assert len(list(tmp_path.iterdir())) == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_killed_worker_does_not_end_the_sweep(tmp_path):
    marks, kept, seen = tmp_path / "marks", tmp_path / "kept", tmp_path / "seen"

    def dies_once(task):
        if task == 5 and not seen.exists():
            seen.write_text(" ".join(path.stem for path in kept.glob("*.safetensors")))
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.1)

    done = sweep(marking(marks, dies_once), range(10), save_to=kept, n_jobs=2, progress=False)
    assert [record["task"] for record in done] == list(range(10)) and not done.failed
    names, counted = seen.read_text().split(), calls(marks)
    before = [task for task in range(10) if key_of(name_of(marking(marks)), task) in names]
    assert counted[5] == 2 and before and all(counted[task] == 1 for task in before)
    assert counted.total() <= 10 + 4  # two in flight, and two that may be done without having reached this process


def test_a_task_that_always_takes_its_worker_along_is_recorded_and_the_others_are_done(tmp_path):
    def dies(task):
        if task == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    done = sweep(marking(tmp_path / "marks", dies), range(4), n_jobs=2, progress=False)
    (failed,) = done.failed
    assert [result["task"] for result in done.results] == [0, 2, 3]
    assert failed.task == 1 and failed.error.kind == "WorkerDied" and "SIGKILL" in failed.error.message
