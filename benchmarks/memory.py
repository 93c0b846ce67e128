"""How much memory each chapter takes at its peak, and how long it runs: python benchmarks/bench.py --only memory

Every chapter is executed from top to bottom in a kernel of its own, as the book does it; the kernel is asked at the end
how much memory it has had. About ten minutes for all; `--parts 02 07` takes a few.
"""

from __future__ import annotations

import ast
import inspect
import os
from argparse import Namespace
from pathlib import Path

from measure import Row, run

NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
SHORT = ("00",)  # of --quick


def compare(given: Namespace) -> list[Row]:
    os.environ.update(COURSE_BOOK="1", PYDEVD_DISABLE_FILE_VALIDATION="1")
    wanted = tuple(given.parts or (SHORT if given.quick else ("",)))
    return [measured(path) for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")) if path.name.startswith(wanted)]


def measured(path: Path) -> Row:
    """One chapter's row: processor seconds, peak memory, and what of that is there once its first cell has run."""
    row: Row = {"case": "peak memory of a chapter", "way": path.stem}
    try:
        first, last = executed(path)
    except Exception as error:
        return {**row, "error": f"{type(error).__name__}: {error}".strip().splitlines()[-1]}
    seconds = {"median": last[0], "low": last[0], "high": last[0]}
    quality = {"GiB after the first cell": first[1] / 2**30, "GiB at the peak": last[1] / 2**30}
    return {**row, "seconds": seconds, "ratio": None, "quality": quality}


def executed(path: Path) -> list[tuple[float, int]]:
    """(processor seconds, bytes at the peak) after the first cell of code and after the last."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    asking = f"{inspect.getsource(seconds_and_peak)}\nprint(seconds_and_peak())"
    first = next(i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code")
    for place in (len(notebook.cells), first + 1):
        notebook.cells.insert(place, nbformat.v4.new_code_cell(asking))
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    return [ast.literal_eval(cell.outputs[0].text) for cell in notebook.cells if cell.source == asking]


def seconds_and_peak() -> tuple[float, int]:
    """Of this process. Linux counts what the process that started it had into ru_maxrss, so it is asked otherwise."""
    import sys
    import time

    if sys.platform == "linux":
        with open("/proc/self/status", encoding="utf-8") as file:
            peak = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
    else:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts in bytes
    return time.process_time(), peak


if __name__ == "__main__":
    run(compare, time="processor time")
