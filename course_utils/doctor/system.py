"""What the computer and its Python bring along."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import sys
from importlib import metadata
from pathlib import Path

from course_utils.doctor.finding import Finding

ROOT = Path(__file__).resolve().parents[2]
AGAIN = "install again: make lab, or pip install -c constraints.txt -e '.[book]'"
OLDEST = (3, 11)
GIGABYTE = 1e9
MEMORY_FREE, MEMORY_LEAST = 3.0, 1.5  # what chapters 3 and 7 take at their peak, with and without room to spare
DISK_FREE = 1.0  # the built book, and what JupyterLab keeps
MANAGER = "@jupyter-widgets/jupyterlab-manager"  # what shows widgets in JupyterLab


def python() -> Finding:
    found = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info[:2] < OLDEST:
        return Finding("fail", "Python", found, "the course needs Python 3.11 or newer: install one, then make lab")
    return Finding("ok", "Python", found)


def packages(constraints: Path = ROOT / "constraints.txt") -> list[Finding]:
    """What the course depends on: missing, too old, or another version than it was tested with."""
    from packaging.requirements import Requirement

    missing, other, total = [], [], 0
    tested = tested_versions(constraints)
    for line in metadata.requires("course-utils") or []:
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        total += 1
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            missing.append(requirement.name)
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            missing.append(f"{requirement.name} {version} (needs {requirement.specifier})")
        wanted = tested.get(canonical(requirement.name))
        if wanted and version.partition("+")[0] != wanted:  # +cpu, +cu130 are builds of the same version
            other.append(f"{requirement.name} {version} (tested: {wanted})")
    if missing:
        return [Finding("fail", "packages", f"missing or too old: {', '.join(missing)}", AGAIN)]
    if other:
        return [Finding("warn", "packages", f"other versions than tested: {', '.join(other)}", AGAIN)]
    against = " in the versions of constraints.txt" if tested else ""
    return [Finding("ok", "packages", f"all {total}{against}")]


def tested_versions(constraints: Path) -> dict[str, str]:
    """Name -> version in constraints.txt; nothing where the package was installed without the course's folder."""
    if not constraints.exists():
        return {}
    pins = re.findall(r"^([\w.-]+)==([^\s;]+)", constraints.read_text(encoding="utf-8"), re.MULTILINE)
    return {canonical(name): version for name, version in pins}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def memory() -> Finding:
    free, total = memory_gigabytes()
    if free is None:
        return Finding(
            "warn", "memory", "could not be found out", f"the course takes {MEMORY_LEAST} GB at most at once"
        )
    found = f"{free:.1f} GB free of {total:.1f} GB"
    if free < MEMORY_LEAST:
        return Finding("fail", "memory", found, f"close other programs: chapters take up to {MEMORY_LEAST} GB")
    if free < MEMORY_FREE:
        return Finding("warn", "memory", found, "run one chapter at a time, and shut kernels down when you leave them")
    return Finding("ok", "memory", found)


def memory_gigabytes() -> tuple[float | None, float | None]:
    try:
        import psutil  # comes with JupyterLab's kernel
    except ImportError:
        return None, None
    now = psutil.virtual_memory()
    return now.available / GIGABYTE, now.total / GIGABYTE


def disk(folder: Path = ROOT) -> Finding:
    free = shutil.disk_usage(folder).free / GIGABYTE
    found = f"{free:.1f} GB free where the course lies ({folder})"
    if free < DISK_FREE:
        return Finding("warn", "disk", found, f"make room: building the book takes up to {DISK_FREE:g} GB")
    return Finding("ok", "disk", found)


def accelerator() -> Finding:
    import torch

    cores = f"{os.cpu_count()} processor cores, {torch.get_num_threads()} used"
    if torch.cuda.is_available():
        return Finding("ok", "processors", f"{cores}; {torch.cuda.get_device_name()}: classifier.to('cuda') uses it")
    if torch.backends.mps.is_available():
        return Finding("ok", "processors", f"{cores}; an Apple GPU: classifier.to('mps') uses it")
    return Finding("ok", "processors", f"{cores}; no GPU, and the course needs none")


def jupyter() -> list[Finding]:
    """JupyterLab, a kernel, and the extension that shows the labs."""
    findings = []
    for name in ("jupyterlab", "ipykernel"):
        try:
            findings.append(Finding("ok", name, metadata.version(name)))
        except metadata.PackageNotFoundError:
            findings.append(Finding("fail", name, "is not installed", AGAIN))
    return [*findings, widgets()]


def widgets() -> Finding:
    try:
        from jupyter_core.paths import jupyter_path
    except ImportError:
        return Finding("fail", "widgets", "Jupyter is not installed", AGAIN)
    for folder in jupyter_path("labextensions"):
        about = Path(folder) / MANAGER / "package.json"
        if about.exists():
            version = json.loads(about.read_text(encoding="utf-8")).get("version", "?")
            return Finding(
                "ok", "widgets", f"JupyterLab's extension {version}, ipywidgets {metadata.version('ipywidgets')}"
            )
    return Finding("warn", "widgets", f"JupyterLab lacks {MANAGER}: the labs would not show", AGAIN)
