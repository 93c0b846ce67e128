"""Installs the course, once, and opens its chapters: python start.py

Needs Python 3.11 or newer. On Linux without a GPU, `TORCH=cpu python start.py` saves 5 GB. Without a network, put the
folder `wheels` with all packages beside this file first, and the folder `models` with the language model; the teacher
has both. `python start.py --install-only` installs and does not open anything.
"""

from __future__ import annotations  # so that an older Python gets as far as being refused

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
PYTHON = VENV.joinpath(*(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"


def main(arguments: list[str]) -> str | int:
    """Installs what is missing, then opens JupyterLab; returns a sentence if something went wrong, or 0."""
    if (HERE / "models").is_dir():
        os.environ.setdefault("COURSE_CACHE", str(HERE / "models"))
    try:
        if not (VENV / "installed").exists():
            install()
    except subprocess.CalledProcessError:
        return "The installation did not finish (see above). The same command goes on with it."
    if "--install-only" in arguments:
        return 0
    return subprocess.run([PYTHON, "-m", "jupyterlab", "notebooks"], cwd=HERE, check=False).returncode


def install() -> None:
    """Makes .venv and installs the wheel beside this file into it, with all that it needs."""
    print(f"Installing the course into {VENV}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    pip = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "-c", HERE / "constraints.txt"]
    local = (HERE / "wheels").is_dir()
    if os.environ.get("TORCH") == "cpu" and not local:
        subprocess.run([*pip, "--no-deps", "--index-url", CPU_WHEELS, "torch", "torchvision"], check=True)
    (wheel,) = HERE.glob("course_utils-*.whl")
    here = ["--no-index", "--find-links", HERE / "wheels"] if local else []
    subprocess.run([*pip, *here, f"{wheel}[book]"], check=True)
    (VENV / "installed").touch()
    # Chapters 8 to 11 use it; where it cannot be had, they show results that come with the course.
    subprocess.run([PYTHON, "-m", "course_utils", "prefetch", "smollm2-135m"], cwd=HERE, check=False)


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.exit(f"The course needs Python 3.11 or newer; this is {sys.version_info[0]}.{sys.version_info[1]}.")
    sys.exit(main(sys.argv[1:]))
