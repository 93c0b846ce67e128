"""A chapter is executed once, as a test, and its outputs serve the book until the chapter or the package changes."""

import shutil
import subprocess

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import run_chapters


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with one line of package, and no chapter yet."""
    return project_in(tmp_path, monkeypatch)


def project_in(folder, patch):
    if not folder.joinpath("notebooks").exists():
        (folder / "notebooks" / "data").mkdir(parents=True)
        (folder / "course_utils").mkdir()
        (folder / "course_utils" / "code.py").write_text("1")
        (folder / "constraints.txt").write_text("")
    patch.setattr(run_chapters, "ROOT", folder)
    patch.setattr(run_chapters, "BUILD", folder / "_build")
    patch.setattr(run_chapters, "CACHE", folder / "_build" / "cache")
    patch.setattr(run_chapters, "CODE_STAMP", folder / "_build" / "stamp")
    patch.setattr(run_chapters, "has_smollm2", lambda python: False)
    return folder


def chapter(project, code):
    """The project's chapter with a cell of this code."""
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = project / "notebooks" / "00_one.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(code)], metadata=metadata), path)
    return path


def test_a_chapter_that_passed_is_not_executed_again_until_something_changes(project, monkeypatch):
    path = chapter(project, "print(6 * 7)")
    assert run_chapters.main([]) == 0 and run_chapters.cached(path)
    _, merged = run_chapters.get_cache(run_chapters.CACHE).merge_match_into_file(path)
    assert merged.cells[0].outputs[0]["text"] == "42\n"
    assert "outputs" not in path.read_text() or '"outputs": []' in path.read_text(), "the chapter itself stays clean"

    executed = []
    done = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(subprocess, "run", lambda command, **_: executed.append(command) or done)
    assert run_chapters.main([]) == 0 and not executed
    assert run_chapters.main(["--all"]) == 0 and len(executed) == 1, "as a test it is executed all the same"
    (project / "course_utils" / "code.py").write_text("2")
    assert run_chapters.main([]) == 0 and len(executed) == 2
    monkeypatch.setattr(run_chapters, "has_smollm2", lambda python: True)
    assert run_chapters.main([]) == 0 and len(executed) == 3, "with the real model cells show other things"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A project whose chapter has been executed."""
    folder = tmp_path_factory.mktemp("executed") / "project"
    with pytest.MonkeyPatch.context() as patch:
        project_in(folder, patch)
        chapter(folder, "print(6 * 7)")
        assert run_chapters.main([]) == 0
    return folder


@pytest.mark.parametrize("damaged", ["executed/*/base.ipynb", "global.db"])
@pytest.mark.parametrize("left", [0, 100])
def test_outputs_that_were_cut_off_while_they_were_written_count_as_absent(
    executed, tmp_path, monkeypatch, damaged, left
):
    project = project_in(shutil.copytree(executed, tmp_path / "project"), monkeypatch)
    (path,) = project.glob("notebooks/*.ipynb")
    assert run_chapters.cached(path)
    (file,) = run_chapters.CACHE.glob(damaged)
    file.write_bytes(file.read_bytes()[:left])
    assert run_chapters.main([]) == 0
    _, merged = run_chapters.get_cache(run_chapters.CACHE).merge_match_into_file(path)
    assert merged.cells[0].outputs[0]["text"] == "42\n"


def test_a_chapter_finds_what_was_computed_beforehand(project):
    (project / "book" / "computed").mkdir(parents=True)
    (project / "book" / "computed" / "answer.txt").write_text("42")
    path = chapter(project, "print(open('../book/computed/answer.txt').read())")
    assert run_chapters.main([]) == 0 and run_chapters.cached(path)


def test_a_failing_cell_fails_and_leaves_nothing_to_the_book(project):
    path = chapter(project, "1 / 0")
    assert run_chapters.main([]) != 0
    assert not run_chapters.cached(path)
