"""Checks that notebooks are stored as they are written: python tools/check_notebooks.py [--fix] FOLDER …

Without outputs, execution counts and widgets (the book's build makes those), and for the kernel "python3",
which every environment has; and with the cell that Colab needs, if the course has a public address
(colab_cell.py). With --fix, puts that right in the files.
"""

import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from colab_cell import place

CONFIG = Path(__file__).resolve().parent.parent / "_config.yml"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
METADATA = {"kernelspec": KERNEL, "language_info": {"name": "python"}}


def main(fix: bool, folders: list[Path]) -> str | None:
    """Returns what to do about the notebooks that are not clean, None if all are."""
    dirty = []
    for path in sorted(path for folder in folders for path in folder.rglob("*.ipynb")):
        if ".ipynb_checkpoints" in path.parts:
            continue
        notebook = nbformat.read(path, as_version=4)
        if clean(notebook):
            dirty.append(path)
            if fix:
                nbformat.write(notebook, path)
    if fix or not dirty:
        return None
    names = ", ".join(map(str, dirty))
    return f"Not stored as written (outputs, counts, kernel, Colab's cell): {names}. `make format` puts it right."


def clean(notebook: NotebookNode, config: Path = CONFIG) -> bool:
    """Takes out what does not belong into a stored notebook; returns whether there was any."""
    before = nbformat.writes(notebook)
    place(notebook, config)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = []
            cell.execution_count = None
    notebook.metadata.pop("widgets", None)
    notebook.metadata.update(METADATA)
    return nbformat.writes(notebook) != before


if __name__ == "__main__":
    names = [argument for argument in sys.argv[1:] if argument != "--fix"]
    sys.exit(main("--fix" in sys.argv, [Path(name) for name in names]))
