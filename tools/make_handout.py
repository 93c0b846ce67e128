"""The learners' copy: python tools/make_handout.py writes _build/handout and _build/handout.zip.

The chapters with their exercises still to be written, in ordinary Markdown that JupyterLab shows as it is meant, and
the pictures and data that they use. The package stays what it is: `solution("…")` works for whoever asks.
"""

import shutil
from pathlib import Path

import nbformat

from plain_markdown import plain

ROOT = Path(__file__).resolve().parent.parent
HANDOUT = ROOT / "_build" / "handout"
WELCOME = """# What Did the Model Learn? The learners' copy

Open the folder `notebooks` in JupyterLab (`jupyter lab notebooks`) and begin with chapter 0. The course has to be
installed: `python -m course_utils doctor` says whether it is.
"""


def main(folder: Path = HANDOUT) -> Path:
    """Writes the folder and the zip beside it; returns the zip."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "notebooks").mkdir(parents=True)
    (folder / "README.md").write_text(WELCOME, encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        nbformat.write(learners(path), folder / "notebooks" / path.name)
    shutil.copytree(ROOT / "notebooks" / "data", folder / "notebooks" / "data")
    for part in ("_static", "computed"):
        shutil.copytree(ROOT / "book" / part, folder / "book" / part)
    return Path(shutil.make_archive(str(folder), "zip", folder.parent, folder.name))


def learners(path: Path) -> nbformat.NotebookNode:
    """A chapter without outputs, whose text needs no MyST."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = plain(cell.source)
        else:
            cell.outputs, cell.execution_count = [], None
    return notebook


if __name__ == "__main__":
    print(f"The learners' copy is {main()}")
