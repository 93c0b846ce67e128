"""Chapters carry the cell that Colab needs exactly when the course has a public address."""

from pathlib import Path

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from check_notebooks import METADATA, clean

ADDRESS = "https://github.com/owner/course"


@pytest.fixture
def chapter() -> NotebookNode:
    cells = [nbformat.v4.new_markdown_cell("# Title"), nbformat.v4.new_code_cell("1 + 1")]
    return nbformat.v4.new_notebook(cells=cells, metadata=METADATA)


def config(folder: Path, url: str) -> Path:
    path = folder / "_config.yml"
    path.write_text(f'repository:\n  url: "{url}"\n  branch: main\n', encoding="utf-8")
    return path


def test_without_an_address_chapters_stay_as_they_are(chapter: NotebookNode, tmp_path: Path) -> None:
    assert not clean(chapter, config(tmp_path, ""))
    assert len(chapter.cells) == 2


def test_with_an_address_the_cell_comes_first_and_once(chapter: NotebookNode, tmp_path: Path) -> None:
    assert clean(chapter, config(tmp_path, ADDRESS))
    assert not clean(chapter, config(tmp_path, ADDRESS)), "the second time there is nothing to do"
    assert [cell.cell_type for cell in chapter.cells] == ["code", "markdown", "code"]
    assert f"--branch main {ADDRESS} " in chapter.cells[0].source
    assert "remove-cell" in chapter.cells[0].metadata.tags
    assert "-c /content/versions.txt" in chapter.cells[0].source, "in the versions that the course is tested with"
    nbformat.validate(chapter)


def test_another_address_replaces_the_cell_and_none_takes_it_out(chapter: NotebookNode, tmp_path: Path) -> None:
    clean(chapter, config(tmp_path, ADDRESS))
    clean(chapter, config(tmp_path, "https://github.com/fork/course"))
    assert ADDRESS not in chapter.cells[0].source and len(chapter.cells) == 3
    clean(chapter, config(tmp_path, ""))
    assert len(chapter.cells) == 2


def test_where_the_course_is_installed_the_cell_does_nothing(chapter: NotebookNode, tmp_path: Path) -> None:
    clean(chapter, config(tmp_path, ADDRESS))
    ran = []
    shell = {"get_ipython": lambda: ran.append("a command")}  # what ! and % turn into would need it
    exec(TransformerManager().transform_cell(chapter.cells[0].source), shell)
    assert ran == []
