"""The learners' copy: python tools/make_handout.py writes _build/handout and _build/handout.zip.

It has the chapters with exercises that are still to be solved, in ordinary Markdown that JupyterLab can show, the
images and data that they use, the package as a wheel, and start.py, which installs it and opens the chapters. The
package is complete: `solution("…")` works in the learners' copy, too.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from plain_markdown import plain

ROOT = Path(__file__).resolve().parent.parent
HANDOUT = ROOT / "_build" / "handout"
WELCOME = """# What Did the Model Learn? The learners' copy

You need Python 3.11 or newer. In a terminal, in this folder:

    python start.py

The first time, this installs the course into the folder `.venv`, which takes some minutes and needs a network. After
that it opens the chapters in JupyterLab at once, and needs no network. On some systems, Python is called `python3` or
`py`. On Linux without a GPU, `TORCH=cpu python start.py` downloads 5 GB less.

Without a network, ask your teacher for the folders `wheels` and `models`, and put them beside `start.py` first.

Begin with chapter 0. Your solutions are in the notebooks, so save them.
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
    shutil.copy(ROOT / "constraints.txt", folder)
    shutil.copy(ROOT / "tools" / "handout_start.py", folder / "start.py")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
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
