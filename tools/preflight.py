"""Says in one sentence why the course cannot be installed here, before pip finds out after ten minutes.

Any Python 3 must be able to read this file, also one that is far too old: no annotations, no f-strings.
"""

import os
import platform
import shutil
import sys

NEEDED_PYTHON = (3, 11)
# Free space that each step takes at its peak, in GB (10**9 bytes): what it leaves there, and what pip unpacks
# and caches on the way. From PyPI, PyTorch for Linux brings CUDA along; elsewhere, or with TORCH=cpu, it is
# small.
GIGABYTES = {
    "the installation": 12,
    "the installation without CUDA": 3,
    "installing a few packages more": 1,
    "building the book": 0.5,
}


def installation_problem(folder, torch="", extend=False):
    """The first thing that stands in the way of an installation, as a sentence; None if nothing does.

    folder: where the environment is to be. torch: "cpu" for PyTorch's wheels without CUDA. extend: whether
    only a few packages are to be added to an environment that is there.
    """
    if extend:
        step = "installing a few packages more"
    elif torch == "cpu" or platform.system() != "Linux":
        step = "the installation without CUDA"
    else:
        step = "the installation"
    return venv_problem() or disk_problem(folder, step)


def python_problem():
    if sys.version_info[:2] >= NEEDED_PYTHON:
        return None
    return (
        "This is Python {} ({}), and the course needs Python {}.{} or newer: "
        "install one, and name it like this: make PYTHON=python3.12 book"
    ).format(platform.python_version(), sys.executable, *NEEDED_PYTHON)


def venv_problem():
    try:
        import ensurepip  # noqa: F401  (Debian and Ubuntu keep it, and with it venv, in a package of its own)
        import venv  # noqa: F401
    except ImportError:
        return (
            "This Python ({}) cannot make virtual environments: install its venv module "
            "(on Debian and Ubuntu: apt install python3-venv)."
        ).format(sys.executable)
    return None


def disk_problem(folder, step):
    """step: a key of GIGABYTES."""
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    free = shutil.disk_usage(folder).free / 1e9
    if free >= GIGABYTES[step]:
        return None
    way_out = "make room"
    if step == "the installation":
        small = GIGABYTES["the installation without CUDA"]
        way_out += ", or add TORCH=cpu, which takes PyTorch without CUDA and needs {} GB".format(small)
    return "The disk of {} has {:.1f} GB free, and {} needs {} GB: {}.".format(
        folder, free, step, GIGABYTES[step], way_out
    )
