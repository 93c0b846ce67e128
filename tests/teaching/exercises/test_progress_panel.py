"""Progress: what was solved stays solved, in a file that says nothing about anybody and may be damaged or forbidden."""

import json
import subprocess
import sys

import pytest

from course_utils.learning import all_exercises, check, find, progress
from course_utils.teaching.exercises.cards import progress_file
from course_utils.teaching.exercises.exercise import RENAMED

STEP = "02-targeted-step"


def solve(id):
    """As a reader would: another function than the reference, that does the same."""
    return check(id, lambda *given: find(id).reference(*given))


def test_a_solved_exercise_is_counted_and_an_unsolved_one_is_not(capsys):
    check(STEP, lambda images, gradient, alpha: images + alpha * gradient.sign())
    check(STEP, find(STEP).reference)
    assert progress().done == 0
    solve(STEP)
    assert progress().passed == {STEP}
    assert f"1 of {len(all_exercises())} exercises done" in capsys.readouterr().out


def test_what_was_solved_stays_solved_whatever_is_tried_later(capsys):
    solve(STEP)
    solve(STEP)
    check(STEP, lambda images, gradient, alpha: images)
    assert progress().done == 1


def test_another_process_knows_what_this_one_has_seen(capsys):
    solve(STEP)
    code = "from course_utils.learning import progress; print(progress().done)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "1"


def test_the_file_holds_ids_of_exercises_and_nothing_else(capsys):
    solve(STEP)
    assert json.loads(progress_file().read_text()) == {"passed": [STEP]}
    assert [path.name for path in progress_file().parent.iterdir()] == ["progress.json"]


def test_reset_forgets_everything(capsys):
    solve(STEP)
    assert progress(reset=True).done == 0
    assert progress().done == 0


@pytest.mark.parametrize("old, new", RENAMED.items())
def test_what_was_solved_under_an_old_name_stays_solved(old, new):
    progress_file().parent.mkdir()
    progress_file().write_text(json.dumps({"passed": [old]}))
    assert progress().passed == {new} and progress().done == 1
    assert find(old) is find(new)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"passed": 3}', '{"passed": ["<b>"]}', "\udcff"])
def test_a_damaged_file_is_put_aside_and_counting_goes_on(content, capsys):
    progress_file().parent.mkdir()
    progress_file().write_bytes(content.encode("utf-8", "surrogateescape"))
    assert "was damaged" in progress().note
    assert progress_file().with_suffix(".damaged").exists()
    solve(STEP)
    assert progress().done == 1
    assert progress().note == ""


def test_where_nothing_can_be_written_the_verdict_says_so_and_the_reader_goes_on(monkeypatch, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way of a folder")
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "file" / "progress.json"))
    solve(STEP)
    out = capsys.readouterr().out
    assert "Passed" in out
    assert "cannot be" in out


def test_an_exercise_that_no_longer_exists_does_not_count():
    progress_file().parent.mkdir()
    progress_file().write_text('{"passed": ["02-gone", "02-project"]}')
    assert progress().done == 1


def test_the_panel_names_every_exercise_and_the_next_one(monkeypatch, capsys):
    first, second = all_exercises()[:2]
    solve(first.id)
    panel = progress()
    html = panel._repr_html_()
    assert panel.next == second
    assert f"1 of {len(panel.exercises)} exercises done" in html
    assert f"✓ {first.title}" in html
    assert all(exercise.title in repr(panel) for exercise in all_exercises())
    monkeypatch.setenv("COURSE_BOOK", "1")
    assert "exercises done" not in panel._repr_html_()  # a page knows nobody
