"""Builds the book into _build/html: python tools/build_book.py, with the Python of .venv.

The chapters have been executed before (tools/run_chapters.py), or are now, where their outputs are missing. Succeeds
only if no cell failed, Sphinx had nothing to warn of, and CHECKS find nothing in the finished pages.
"""

import os
import re
import shutil
import sys
import time
from pathlib import Path

from jupyter_book.config import get_final_config
from jupyter_book.sphinx import build_sphinx
from sphinx.util.console import color_terminal, nocolor

from check_links import broken_links
from check_offline import outside_requests
from check_words import wordless_pictures
from preflight import disk_problem
from run_chapters import main as run_chapters

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"
HTML = BUILD / "html"
CONFIG = ROOT / "_config.yml"
ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
UNUSED_EXTENSIONS = {"sphinx_thebe"}  # Jupyter Book brings it along; it runs cells on a server elsewhere

CHECKS = {  # what may not be found in a finished book, and what it means if it is
    outside_requests: "The pages would load files from other hosts:",
    broken_links: "Links inside the book lead nowhere:",
    wordless_pictures: "Pictures have no words (alt text) for readers who cannot see them:",
}


def main() -> str | None:
    """Builds; returns what went wrong, as the last thing to read, or None."""
    trouble = disk_problem(ROOT, "building the book")
    if trouble:
        return trouble
    trouble = pretrained_problem()
    if trouble:
        return trouble
    start = time.perf_counter()
    if run_chapters([]):
        return "A chapter failed (see above); the book is not built."
    shutil.rmtree(HTML, ignore_errors=True)  # no page of an earlier build may look like one of this
    if not built():
        return "\n".join(["", *failed_chapters(), "The book is not finished; what went wrong stands above."])

    trouble = [line for check, means in CHECKS.items() if (found := check(HTML)) for line in (means, *found)]
    if trouble:
        return "\n".join(trouble)
    print(f"The book took {time.perf_counter() - start:.0f} s. To read it, open {HTML / 'index.html'}")
    return None


def pretrained_problem() -> str | None:
    """With COURSE_MODELS=pretrained, fetches the models that the chapters name; why it cannot, or None."""
    if os.environ.get("COURSE_MODELS") != "pretrained":
        return None
    from course_utils.models.fetch import prefetch

    try:
        prefetch()
    except (OSError, ValueError) as error:
        return f"COURSE_MODELS=pretrained asks for pretrained models: {error}"
    return None


def built() -> bool:
    """Runs Jupyter Book over all pages; returns whether all went well, warnings counting as errors."""
    os.environ["COURSE_BOOK"] = "1"  # course_utils then shows nothing that needs a kernel, no progress widget
    os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # silences a debugger's remark at each kernel's start
    if not color_terminal():
        nocolor()
    settings = {"external_toc_path": "_toc.yml", "latex_individualpages": False, "nitpicky": True}
    defaults, _ = get_final_config(user_yaml=CONFIG, cli_config=dict(settings), sourcedir=ROOT)
    settings["extensions"] = [name for name in defaults["extensions"] if name not in UNUSED_EXTENSIONS]
    status = build_sphinx(
        ROOT,
        HTML,
        noconfig=True,
        path_config=CONFIG,
        confoverrides=settings,
        freshenv=True,  # a page that is not read anew is not executed anew, nor are its warnings repeated
        warningiserror=True,
        keep_going=True,
    )
    return status == 0


def failed_chapters() -> list[str]:
    """For each chapter that raised an error: its name, the cell, and the traceback."""
    reports = HTML / "reports"  # myst-nb writes one there for each
    return [
        f"{path.relative_to(reports).as_posix().removesuffix('.err.log')}: {cell_and_traceback(path)}"
        for path in sorted(reports.rglob("*.err.log"))
    ]


def cell_and_traceback(report: Path) -> str:
    """What a report says of the chapter, without colours and without how Python came to run the cell."""
    text = ANSI_COLOUR.sub("", report.read_text(encoding="utf-8"))
    return text.rpartition("nbclient.exceptions.")[2].strip() + "\n"


if __name__ == "__main__":
    sys.exit(main())
