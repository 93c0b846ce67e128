"""A sweep does each task once, keeps what it did, and says what failed."""

import errno
import json
import os
from pathlib import Path

import pytest
import torch
from marking import calls, marking
from safetensors.torch import save

from course_utils import sweep
from course_utils.sweeps import Record, encode, key_of, name_of, read, write


def picture(task):
    """Tensors of several types, a view among them, and plain values."""
    whole = torch.arange(12.0).reshape(3, 4) + task
    return {
        "name": f"image {task}", "image": whole, "part": whole.T[1:], "half": whole.half(),
        "labels": torch.tensor([task]), "numbers": [1, 2.5, None, {"deep": True}],
    }  # fmt: skip


def picky(task):
    if task == 2:
        raise LookupError("no such class: zebra")
    return {"task": task}


def test_the_records_stand_in_the_order_of_the_tasks_and_hold_what_the_function_gave():
    done = sweep(picture, [3, 1, 2], progress=False)
    assert [record.task for record in done.records] == [3, 1, 2]
    for record in done.records:
        expected = picture(record.task)
        assert list(record.result) == list(expected)
        for name, value in expected.items():
            same = torch.equal(record[name], value) if isinstance(value, torch.Tensor) else record[name] == value
            assert same and type(record[name]) is type(value)
    assert not done.failed and not done.interrupted and done.reused == 0


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_several_processes_give_the_same(n_jobs, tmp_path):
    done = sweep(marking(tmp_path / "marks"), range(8), n_jobs=n_jobs, progress=False)
    assert [record["square"] for record in done] == [task * task for task in range(8)]
    assert calls(tmp_path / "marks") == dict.fromkeys(range(8), 1)


def test_a_repeated_call_does_nothing_and_gives_the_same(tmp_path):
    first, again = (sweep(picture, [1, 2], save_to=tmp_path, progress=False) for _ in range(2))
    assert (first.reused, again.reused) == (0, 2)
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one["image"], other["image"]) and one["numbers"] == other["numbers"]
        assert one.seconds == other.seconds


def test_a_changed_list_of_tasks_does_only_what_is_new(tmp_path):
    work = marking(tmp_path / "marks")
    sweep(work, [1, 2, 3], save_to=tmp_path / "kept", progress=False)
    longer = sweep(work, [4, 3, 2, 2], save_to=tmp_path / "kept", progress=False)
    assert [record["task"] for record in longer] == [4, 3, 2, 2] and longer.reused == 2
    assert calls(tmp_path / "marks") == {1: 1, 2: 1, 3: 1, 4: 1}


def test_records_are_kept_apart_by_function_and_by_task(tmp_path):
    sweep(picture, [1], save_to=tmp_path, progress=False)
    assert sweep(picky, [1], save_to=tmp_path, progress=False).reused == 0
    assert sweep(picture, [True, "1", 1.0], save_to=tmp_path, progress=False).failed  # "1" cannot be added to a tensor
    keys = {key_of("f", task) for task in (1, 1.0, True, "1", [1], None, {"a": 1})}
    assert len(keys) == 7
    assert key_of("f", {"a": 1, "b": 2}) == key_of("f", {"b": 2, "a": 1}) != key_of("g", {"a": 1, "b": 2})


def test_a_task_that_fails_is_recorded_with_its_error_and_the_others_go_on(tmp_path):
    done = sweep(picky, [1, 2, 3], save_to=tmp_path, progress=False)
    (failed,) = done.failed
    assert [result["task"] for result in done.results] == [1, 3]
    assert failed.task == 2 and failed.result is None
    assert str(failed.error) == "LookupError: no such class: zebra"
    assert 'raise LookupError("no such class: zebra")' in failed.error.traceback
    assert "2 of 3 tasks done" in repr(done) and "1 failed (LookupError ×1" in repr(done)
    assert "no such class: zebra" in done._repr_html_()
    with pytest.raises(RuntimeError, match="task 2 failed and has no 'task': LookupError"):
        failed["task"]


def test_what_failed_is_tried_again_by_the_next_call(tmp_path):
    def fails_while(trouble):
        def act(task):
            if task == 2 and trouble:
                raise OSError("the disk is full")

        return act

    kept = tmp_path / "kept"
    before = sweep(marking(tmp_path / "marks", fails_while(True)), [1, 2, 3], save_to=kept, progress=False)
    after = sweep(marking(tmp_path / "marks", fails_while(False)), [1, 2, 3], save_to=kept, progress=False)
    assert len(before.failed) == 1 and not after.failed and after.reused == 2
    assert calls(tmp_path / "marks") == {1: 1, 2: 2, 3: 1}
    assert len(list(kept.iterdir())) == 3


@pytest.mark.parametrize("damage", [lambda content: content[:-7], lambda content: content[:5], lambda content: b""])
def test_a_damaged_record_is_done_again(damage, tmp_path):
    sweep(picture, [1, 2], save_to=tmp_path, progress=False)
    path = tmp_path / f"{key_of(name_of(picture), 1)}.safetensors"
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    again = sweep(picture, [1, 2], save_to=tmp_path, progress=False)
    assert again.reused == 1 and not again.failed
    assert torch.equal(again[0]["image"], picture(1)["image"]) and len(path.read_bytes()) >= len(whole) - 20


def test_a_record_of_another_task_under_this_name_is_not_taken_for_it(tmp_path):
    other = sweep(picture, [2], progress=False)[0]
    write(tmp_path / f"{key_of(name_of(picture), 1)}.safetensors", encode(other))
    assert sweep(picture, [1], save_to=tmp_path, progress=False).reused == 0


def test_a_write_that_breaks_off_leaves_what_was_there(tmp_path, monkeypatch):
    write(tmp_path / "record", b"old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space"):
        write(tmp_path / "record", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["record"] and (tmp_path / "record").read_bytes() == b"old"


def test_a_file_names_its_task_and_function_in_its_header(tmp_path):
    sweep(picky, [{"class": "volcano", "seed": 3}], save_to=tmp_path, progress=False)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    record = json.loads(header["__metadata__"]["record"])
    assert record["task"] == {"class": "volcano", "seed": 3} and record["function"].endswith(".picky")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "gave None, expected a dictionary: does it lack a return"),
        (3, "gave int, expected a dictionary with text as keys, of tensors and plain values"),
        ({"net": torch.nn.Linear(1, 1)}, "gave 'net' as Linear"),
        ({1: 2}, "expected a dictionary with text as keys"),
    ],
)
def test_a_result_that_cannot_be_kept_is_a_failure_that_says_so(given, said, unchecked):
    def work(task):
        return given

    (failed,) = sweep(work, [0], progress=False).failed
    assert failed.error.kind == "TypeError" and said in failed.error.message


def test_functions_without_a_name_and_tasks_that_are_no_plain_values_are_refused():
    with pytest.raises(TypeError, match="has no name of its own"):
        sweep(lambda task: {}, [1])
    with pytest.raises(TypeError, match=r"task tensor\(1\) is no plain value .* that name what to work on"):
        sweep(picky, [torch.tensor(1)])
    with pytest.raises(TypeError, match="no plain value"):
        sweep(picky, [float("nan")])


def test_no_tasks_are_no_trouble():
    assert repr(sweep(picky, [])).endswith("0 of 0 tasks done, 0 of them before")


def test_an_entry_with_the_name_of_safetensors_own_is_refused_by_name():
    record = Record("module.f", "task", {"__metadata__": torch.ones(1)}, None, 0.0)
    with pytest.raises(TypeError, match="'__metadata__', which is safetensors' own name"):
        encode(record)


@pytest.mark.parametrize("entry", ["[" * 100_000, "[]", '{"names": 3, "result": [], "error": null}', "null"])
def test_a_record_of_the_wrong_kind_or_depth_is_none(tmp_path, entry):
    (tmp_path / "x").write_bytes(save({}, {"record": entry}))
    assert read(tmp_path / "x", "module.f", "task") is None


def test_a_full_disk_is_one_sentence_with_the_path_and_leaves_no_part(tmp_path, monkeypatch):
    def full(path, content):
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    said = r"/x cannot be written \(no space left on device\): make room, and the same call goes on"
    with pytest.raises(OSError, match=said):
        write(tmp_path / "x", b"content")
    assert list(tmp_path.iterdir()) == []
