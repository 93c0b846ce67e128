"""Executes chapters and tutorials as tests, and leaves their outputs to the book:

    python tools/run_chapters.py [--all] [CHAPTER …]

Each is executed once, by nbmake, in a copy of its own; a failing cell is a failing test. What came
of it goes into the cache that the book is built from, under the content of the code cells. Chapters whose outputs are
there already, of the same cells, package and versions, are not executed again unless --all asks for it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from sqlalchemy.exc import DatabaseError

from install import has_smollm2

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("notebooks", "tutorials")
BUILD = ROOT / "_build"
CACHE = BUILD / ".jupyter_cache"
CODE_STAMP = BUILD / "code.sha256"  # of the code that the cached outputs were made with
AT_ONCE = 2  # chapters, each with one thread of PyTorch
TIMEOUT = 300  # seconds a cell; for slow machines, not for slow chapters


def main(arguments: list[str]) -> int:
    """Executes what is asked for; returns pytest's exit status."""
    every = [path for folder in FOLDERS for path in sorted((ROOT / folder).glob("*.ipynb"))]
    chapters = [ROOT / name for name in arguments if name != "--all"] or every
    forget_outputs_of_other_code()
    forget_damaged_outputs()
    missing = chapters if "--all" in arguments else [path for path in chapters if not cached(path)]
    return execute(missing) if missing else 0


def execute(chapters: list[Path]) -> int:
    """Runs chapters in copies of their own, and caches those that passed."""
    with tempfile.TemporaryDirectory(prefix="chapters-") as folder:  # nbmake passes over what lies in _build
        return execute_in(Path(folder) / "notebooks", chapters)


def execute_in(folder: Path, chapters: list[Path]) -> int:
    shutil.copytree(ROOT / "notebooks" / "data", folder / "data")
    if (computed := ROOT / "book" / "computed").is_dir():  # a chapter reads it beside its own folder
        shutil.copytree(computed, folder.parent / "book" / "computed")
    copies = [Path(shutil.copy(path, folder)) for path in chapters]
    report = folder / "report.xml"
    # In the book no kernel answers: course_utils then shows no widgets.
    environment = os.environ | {"COURSE_BOOK": "1", "OMP_NUM_THREADS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    options = ["--nbmake", "--overwrite", f"--nbmake-timeout={TIMEOUT}", "--nbmake-kernel=python3"]
    parallel = ["-n", str(min(AT_ONCE, len(copies)))] if len(copies) > 1 else []
    names = [str(path) for path in copies]
    status = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--durations=0", *parallel, *options,
         f"--junitxml={report}", *names],
        cwd=ROOT, env=environment, check=False,
    ).returncode  # fmt: skip
    if report.exists():
        keep_outputs(dict(zip(copies, chapters, strict=True)), ElementTree.parse(report))
    return status


def keep_outputs(copies: dict[Path, Path], report: ElementTree.ElementTree) -> None:
    """Puts the outputs of the chapters that passed into the book's cache, with the seconds that they took.

    Args:
        copies: the executed copy of each chapter, and the chapter.
        report: pytest's, of the copies.
    """
    cache = get_cache(CACHE)
    cases = list(report.iter("testcase"))
    for path, original in copies.items():
        case = next((each for each in cases if path.stem in f"{each.get('classname')}{each.get('name')}"), None)
        if case is None or case.find("failure") is not None or case.find("error") is not None:
            continue
        notebook, executed = (nbformat.read(each, nbformat.NO_CONVERT) for each in (original, path))
        for cell, done in zip(notebook.cells, executed.cells, strict=True):  # nbmake writes metadata of its own
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = done.outputs, done.execution_count
        data = {"execution_seconds": float(case.get("time", 0))}
        cache.cache_notebook_bundle(
            CacheBundleIn(notebook, str(original), data=data),
            check_validity=False,
            overwrite=True,
        )


def cached(path: Path) -> bool:
    """Whether the cache has outputs of a chapter with these code cells."""
    try:
        get_cache(CACHE).match_cache_notebook(nbformat.read(path, nbformat.NO_CONVERT))
    except KeyError:
        return False
    return True


def forget_outputs_of_other_code() -> None:
    """Empties the cache of executed chapters if course_utils or a version in constraints.txt has changed.

    The cache itself looks at the chapters' cells only.
    """
    now = code_fingerprint()
    if not CODE_STAMP.exists() or CODE_STAMP.read_text() != now:
        shutil.rmtree(CACHE, ignore_errors=True)
        BUILD.mkdir(exist_ok=True)
        CODE_STAMP.write_text(now)


def forget_damaged_outputs() -> None:
    """Takes what a killed build left half written for absent."""
    try:
        cache = get_cache(CACHE)
        for record in cache.list_cache_records():
            try:
                cache.get_cache_bundle(record.pk)
            except (OSError, ValueError, KeyError, nbformat.ValidationError):
                cache.remove_cache(record.pk)
    except (DatabaseError, RuntimeError):  # jupyter-cache turns some of the former into the latter
        shutil.rmtree(CACHE)


def code_fingerprint() -> str:
    """One hash over everything that a chapter's outputs depend on, besides the chapter."""
    real = f"{os.environ.get('COURSE_MODELS')} {has_smollm2(sys.executable)}"
    digest = hashlib.sha256(f"{sys.version} {real}".encode())
    folders = ("course_utils", "notebooks/data", "book/computed")
    read = [path for folder in folders for path in sorted((ROOT / folder).rglob("*"))]
    for path in [ROOT / "constraints.txt", *read]:
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(ROOT)} {path.stat().st_size}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
