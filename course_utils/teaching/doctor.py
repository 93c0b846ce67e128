"""The environment check, `python -m course_utils doctor`: whether the course runs on this computer.

Each check is a line: `[ok]`; `[warn]`, the course runs, but not all of it or not comfortably; `[fail]`, it does not
run. Below a warning or a failure stands what to do about it. The pages of the course tell readers to run this first.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from course_utils.models import caches, fetch
from course_utils.teaching.training.save import wrong_files

ROOT = Path(__file__).resolve().parents[2]
AGAIN = "install again: make lab, or pip install -c constraints.txt -e '.[book]'"
RESTORE = "get the course's folder again (git checkout course_utils/models/weights), or install the package again"
MEMORY_COMFORTABLE, MEMORY_LEAST = 3.0, 1.5  # GB: what chapters 3 and 7 take at their peak, with and without reserve
DISK_FREE = 1.0  # GB: the built book, and what JupyterLab writes


def doctor() -> int:
    """Checks of this computer, printed a line at a time; 1 if one of them failed (warnings do not count), else 0."""
    levels = []
    for finding in examine():
        print(finding, flush=True)
        levels.append(finding.level)
    failed, warned = levels.count("fail"), levels.count("warn")
    if failed:
        print(f"The course will not run here as it is: {failed} of {len(levels)} checks failed (see above).")
        return 1
    remarks = f"; {warned} of {len(levels)} checks have something to say (see above)" if warned else ""
    print(f"The course runs here{remarks}.")
    return 0


@dataclass
class Finding:
    """The result of one check.

    Attributes:
        about: what was checked.
        found: what was found, in words.
        remedy: what to do; empty if there is nothing to do.
        level: "ok", "warn" or "fail".
    """

    about: str
    found: str
    remedy: str = ""
    level: str = "ok"

    def __str__(self) -> str:
        remedy = f"\n{'':7}{self.remedy}" if self.remedy else ""
        return f"{f'[{self.level}]':6} {self.about}: {self.found}{remedy}"


def check(passed: object, about: str, found: str, remedy: str, otherwise: str = "fail") -> Finding:
    """A finding that carries its remedy and the level `otherwise` where the check did not pass."""
    return Finding(about, found) if passed else Finding(about, found, remedy, otherwise)


def examine() -> Iterator[Finding]:
    """All checks, the quick ones first."""
    python = f"{sys.version.split()[0]} ({sys.executable})"
    yield check(sys.version_info[:2] >= (3, 11), "Python", python, "install Python 3.11 or newer, then make lab")
    yield from (packages(), memory(), disk(), accelerator(), shipped_weights(), cache(), *pretrained_models())


def packages() -> Finding:
    """The packages that pyproject.toml requires for the course, JupyterLab and its kernel included."""
    from packaging.requirements import Requirement

    wrong, required = [], map(Requirement, metadata.requires("course-utils") or [])
    for each in required:
        if each.marker is None or each.marker.evaluate({"extra": "book"}):
            version = next((found.version for found in metadata.distributions(name=each.name)), None)
            if version is None or not each.specifier.contains(version, prereleases=True):
                wrong.append(f"{each.name} {version or 'is missing'} (needs {each.specifier or 'any version'})")
    return check(not wrong, "packages", ", ".join(wrong) or "all there, JupyterLab and its kernel among them", AGAIN)


def memory() -> Finding:
    import psutil  # comes with JupyterLab's kernel

    free, total = psutil.virtual_memory().available / 1e9, psutil.virtual_memory().total / 1e9
    remedy = f"close other programs, and run one chapter at a time: each takes up to {MEMORY_LEAST} GB"
    level = "fail" if free < MEMORY_LEAST else "warn"
    return check(free >= MEMORY_COMFORTABLE, "memory", f"{free:.1f} GB free of {total:.1f} GB", remedy, level)


def disk() -> Finding:
    free, remedy = shutil.disk_usage(ROOT).free / 1e9, f"make room: building the book takes up to {DISK_FREE:g} GB"
    return check(free >= DISK_FREE, "disk", f"{free:.1f} GB free in {ROOT}", remedy, "warn")


def accelerator() -> Finding:
    import torch

    gpu = "an Apple GPU: classifier.to('mps') uses it" if torch.backends.mps.is_available() else "no GPU, none needed"
    if torch.cuda.is_available():
        gpu = f"{torch.cuda.get_device_name()}: classifier.to('cuda') uses it"
    return Finding("processors", f"{os.cpu_count()} cores, {torch.get_num_threads()} used; {gpu}")


def shipped_weights() -> Finding:
    """The shipped models' files against their SHA-256 sums."""
    try:
        wrong = ", ".join(f"{name} ({problem})" for name, problem in wrong_files().items())
    except OSError as error:
        wrong = f"the list of sums cannot be read ({error})"
    return check(not wrong, "shipped models", wrong or "all files as they were shipped", RESTORE)


def cache() -> Finding:
    """The folder into which pretrained models are fetched: writable, and there if COURSE_CACHE names it."""
    remedy = "set COURSE_CACHE to a folder that may be written to"
    try:
        folder = caches.course_cache() or caches.folders("resnet50")[0]
    except ValueError as error:
        return Finding("COURSE_CACHE", str(error), remedy, "fail")
    if str(folder).startswith("~"):
        return Finding("cache", f"there is no home folder for {folder}", remedy, "warn")
    if caches.course_cache() and not folder.is_dir():
        fill = f"fill it: python -m course_utils prefetch --to {folder}"
        return Finding("COURSE_CACHE", f"{folder} does not exist", fill, "warn")
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    writable = os.access(existing, os.W_OK)
    return check(writable, "cache", f"{folder} is {'' if writable else 'not '}writable", remedy, "warn")


def pretrained_models() -> Iterator[Finding]:
    """The pretrained models of the chapters' sections "On a real model": a warning only where they were asked for."""
    try:
        level = "warn" if caches.mode() == "pretrained" else "ok"
    except ValueError as error:
        yield Finding("COURSE_MODELS", os.environ["COURSE_MODELS"], str(error), "fail")
        return
    absent = "not on this computer; cells that run on it stay empty, everything else runs"
    for name in fetch.CHAPTERS:
        try:
            path = caches.locate(name)
        except ValueError:  # COURSE_CACHE cannot be used, as `cache` says
            return
        remedy = f"to have it: python -m course_utils prefetch {name}"
        yield check(path, name, f"pretrained weights in {path}" if path else absent, remedy, level)
