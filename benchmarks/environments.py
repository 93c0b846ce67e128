"""An environment for each peer with demands of its own: the course's, with the peer's few old packages before it.

Such an environment holds only what `peers/NAME.txt` pins, a few megabytes; everything else, PyTorch and numpy among it,
it takes from the course's. So both libraries run on the same PyTorch, and the course never sees an old version.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".venv-bench"
PEERS = ROOT / "benchmarks" / "peers"


def python_for(peer: str | None) -> str:
    """The Python that a comparison runs with; makes the environment of `peer`, where it is not there yet.

    Raises:
        RuntimeError: pip could not install what the peer needs; the last line of what it said.
    """
    if peer is None:
        return sys.executable
    pins, folder = PEERS / f"{peer}.txt", HOME / peer
    stamp, python = folder / "installed", folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    wanted = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return str(python)
    shutil.rmtree(folder, ignore_errors=True)
    print(f"Installing {peer} into {folder}", flush=True)
    venv.create(folder, with_pip=False, symlinks=sys.platform != "win32")
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (packages / "course.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\n", encoding="utf-8")
    # Everything that the course's environment lacks is named with its version: pip has nothing to resolve.
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "-r", str(pins)]
    done = subprocess.run(pip, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [f"exit {done.returncode}"]
        shutil.rmtree(folder, ignore_errors=True)
        raise RuntimeError(f"pip could not install {peer}: {said[-1].removeprefix('ERROR: ')}")
    stamp.write_text(wanted)
    return str(python)
