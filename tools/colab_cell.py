"""The first cell of every chapter once the course has a public address: on Colab it installs the course.

Colab opens a chapter alone, without the package and the files beside it. There the cell fetches the repository
that _config.yml names, installs the course and goes into its folder; where the course is installed it does
nothing. The book does not show it. `make format` puts it into the chapters, and takes it out of them if
_config.yml names no repository; `make lint` sees that it is as it should be.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode

ID = "colab"
LOADED = "torch|nvidia|triton|numpy|ipy|jupyter|tornado"  # what Colab has loaded before: it keeps its own versions
CELL = """# On Colab, this fetches and installs the course. Where it is installed, nothing happens.
from importlib.util import find_spec

if find_spec("course_utils") is None:
    !git clone --quiet --depth 1 {branch}{address} /content/course
    !grep -vE "^({loaded})" /content/course/constraints.txt > /content/versions.txt
    %pip install --quiet -c /content/versions.txt "/content/course[models]"
    !python -m course_utils prefetch smollm2-135m
    %cd -q /content/course/notebooks"""


def place(notebook: NotebookNode, config: Path) -> None:
    """Makes a notebook begin with the cell, or without it, as the repository's address in `config` asks for."""
    repository = yaml.safe_load(config.read_text(encoding="utf-8")).get("repository") or {}
    notebook.cells = [cell for cell in notebook.cells if cell.get("id") != ID]
    if repository.get("url"):
        notebook.cells.insert(0, colab_cell(repository["url"], repository.get("branch") or ""))


def colab_cell(address: str, branch: str) -> NotebookNode:
    """The cell for a repository; Colab and JupyterLab fold it, Jupyter Book leaves it out."""
    source = CELL.format(loaded=LOADED, address=address, branch=f"--branch {branch} " if branch else "")
    cell = nbformat.v4.new_code_cell(source, id=ID)
    cell.metadata = NotebookNode(tags=["remove-cell"], cellView="form", jupyter={"source_hidden": True})
    return cell
