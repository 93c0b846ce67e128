"""`python -m course_utils doctor`: will the course run on this computer, and how long will it take?"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path

from course_utils.models.caches import (
    check_digest,
    checkpoint,
    course_cache,
    is_hub_name,
    megabytes,
    mode,
    snapshot,
    source,
    whole,
)
from course_utils.models.fetch import CHAPTERS
from course_utils.models.shipped import WEIGHTS, available
from course_utils.teaching.training.save import wrong_files


def doctor(*, as_json: bool = False) -> int:
    """Prints what was found, a line at a time, or all of it as JSON.

    Returns:
        0 if nothing failed (warnings do not count), otherwise 1.
    """
    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            print(finding, flush=True)
    failed = [finding for finding in findings if finding.level == "fail"]
    if as_json:
        print(json.dumps({"ready": not failed, "findings": [vars(finding) for finding in findings]}, indent=2))
    else:
        print(verdict(findings))
    return 1 if failed else 0


def examine() -> Iterator[Finding]:
    """Everything that is looked at, the quick things first."""
    yield from (python(), *packages(), memory(), disk(), accelerator(), *jupyter())
    yield from (shipped_models(), *settings(), *models_at_hand())
    yield from _tried(trials())


def _tried(results: Trials) -> Iterator[Finding]:
    yield from results.findings
    yield results.estimate()


def verdict(findings: list[Finding]) -> str:
    """One sentence about all of it."""
    failed = sum(finding.level == "fail" for finding in findings)
    warned = sum(finding.level == "warn" for finding in findings)
    if failed:
        return f"The course will not run here as it is: {failed} of {len(findings)} checks failed (see above)."
    if warned:
        return f"The course runs here; {warned} of {len(findings)} checks have something to say (see above)."
    return "The course runs here."


@dataclass
class Finding:
    """What was found, and what to do about it.

    Attributes:
        level: "ok", "warn" (the course runs, but not everything, or slowly) or "fail" (it does not).
        about: what was looked at.
        found: what was found, in words.
        remedy: what to do; empty if there is nothing to do.
    """

    level: str
    about: str
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f"\n{'':7}{self.remedy}" if self.remedy else ""
        return f"{f'[{self.level}]':6} {self.about}: {self.found}{remedy}"


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


def shipped_models() -> Finding:
    names = [*available(), *available("language")]
    try:
        wrong = wrong_files()
    except OSError as error:
        return Finding("fail", "shipped models", f"the list of their hashes cannot be read ({error})", GET_AGAIN)
    if wrong:
        listed = ", ".join(f"{name} ({what})" for name, what in wrong.items())
        return Finding("fail", "shipped models", f"not as they were shipped: {listed}", GET_AGAIN)
    size = sum(path.stat().st_size for path in WEIGHTS.iterdir())
    return Finding("ok", "shipped models", f"{len(names)}, {megabytes(size)}, all hashes as they should be")


GET_AGAIN = "get the course's folder again (git checkout course_utils/models/weights), or install the package again"


def settings() -> list[Finding]:
    """COURSE_MODELS and COURSE_CACHE, where they are set."""
    findings = []
    if said := os.environ.get("COURSE_MODELS"):
        try:
            findings.append(Finding("ok", "COURSE_MODELS", mode()))
        except ValueError as error:
            findings.append(Finding("fail", "COURSE_MODELS", said, str(error)))
    if (folder := course_cache()) is not None:
        there = folder.is_dir()
        remedy = "" if there else f"fill it: python -m course_utils prefetch --to {folder}"
        found = f"{folder}{'' if there else ' does not exist'}"
        findings.append(Finding("ok" if there else "warn", "COURSE_CACHE", found, remedy))
    return findings


def models_at_hand() -> list[Finding]:
    """The pretrained models on which the chapters' sections "On a real model" run."""
    return [_language_model(name) if is_hub_name(name) else _classifier(name) for name in CHAPTERS]


def _classifier(name: str) -> Finding:
    path = checkpoint(name)
    if path is None:
        return _absent(name, megabytes(source(name).bytes))
    try:
        check_digest(path, source(name).digest, f"python -m course_utils prefetch {name}")
    except (ValueError, OSError) as error:
        return Finding("warn", name, str(error))
    return Finding("ok", name, f"pretrained weights in {path}")


def _language_model(name: str) -> Finding:
    folder = snapshot(name)
    if folder is None:
        return _absent(name, "0.5 GB" if name == "gpt2" else "")
    if not whole(folder):
        return Finding("warn", name, f"only as a pickle, in {folder}", f"python -m course_utils prefetch {name}")
    return Finding("ok", name, f"pretrained weights in {folder}")


def _absent(name: str, size: str) -> Finding:
    wanted = os.environ.get("COURSE_MODELS") == "pretrained"
    return Finding(
        "warn" if wanted else "ok",
        name,
        "not on this computer; cells that run on it stay empty, everything else runs",
        f"to have it: python -m course_utils prefetch {name}{f' ({size})' if size else ''}",
    )


SECONDS = 1.5  # that each kind is tried, at least twice
# Seconds of one trial, and minutes of chapters 0 to 12 together, on one and the same computer (one thread of an x86-64
# processor, no GPU, a core to itself both times): the course takes longer here as the trials do. What the estimate is
# worth hangs on that pair; renew both together, and on a computer that has nothing else to do.
REFERENCE = {
    "painting scenes": 0.149,
    "attacks": 0.179,
    "feature visualisation": 0.090,
    "prototypes": 0.138,
    "feature isolation": 0.176,
    "prompt search": 0.137,
}
REFERENCE_MINUTES = 622 / 60
SLOW = 40.0  # minutes for all chapters, above which a workshop would wait more than it works


@dataclass
class Trials:
    """What was tried.

    Attributes:
        seconds: of one trial of each kind, the median of several; NaN where it failed.
        errors: what went wrong, by kind.
    """

    seconds: dict[str, float]
    errors: dict[str, str]

    @property
    def findings(self) -> list[Finding]:
        tried = [
            Finding("ok", kind, f"{1000 * seconds:.0f} ms ({seconds / REFERENCE[kind]:.1f} × the reference computer)")
            for kind, seconds in self.seconds.items()
        ]
        return tried + [
            Finding("fail", kind, error, "install again, then ask the course's maintainers with this line")
            for kind, error in self.errors.items()
        ]

    @property
    def slowness(self) -> float:
        """How many times as long as on the reference computer, in the median of the kinds of work."""
        return statistics.median(seconds / REFERENCE[kind] for kind, seconds in self.seconds.items())

    def estimate(self) -> Finding:
        if not self.seconds:
            return Finding("fail", "the whole course", "nothing could be tried")
        minutes = REFERENCE_MINUTES * self.slowness
        found = f"its cells take about {minutes:.0f} minutes here, all chapters together"
        if minutes > SLOW:
            remedy = "close other programs, plug the power in, or give the chapters fewer steps"
            return Finding("warn", "the whole course", found, remedy)
        return Finding("ok", "the whole course", found)


def trials() -> Trials:
    """Tries every kind of work for a moment."""
    seconds, errors = {}, {}
    for kind, prepare in KINDS.items():
        try:
            seconds[kind] = timed(prepare())
        except Exception as error:  # whatever it is, the reader has to see it, and the other kinds as well
            errors[kind] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    return Trials(seconds, errors)


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call, the median over `SECONDS`, after one that does not count."""
    work()
    taken: list[float] = []
    while len(taken) < 2 or sum(taken) < SECONDS:
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _painting() -> Callable[[], object]:
    from course_utils.world import PaintedWorld

    return partial(PaintedWorld().sample, 96, seed=1)


def _attack() -> Callable[[], object]:
    from course_utils import load_classifier
    from course_utils.vision import targeted_attack
    from course_utils.world import PaintedWorld

    scenes = PaintedWorld().sample(32, seed=1, classes="goldfish")
    return partial(targeted_attack, load_classifier("pocket"), scenes.images, "volcano", steps=5, progress=False)


def _visualisation() -> Callable[[], object]:
    from course_utils import load_classifier
    from course_utils.vision import visualize

    channels = [f"layer2:{channel}" for channel in range(8)]
    return partial(visualize, load_classifier("pocket"), channels, steps=5, progress=False)


def _prototypes() -> Callable[[], object]:
    from course_utils import load_classifier
    from course_utils.vision import generate_prototypes

    return partial(generate_prototypes, load_classifier("pocket-robust"), steps=5, progress=False)


def _isolation() -> Callable[[], object]:
    from course_utils import load_classifier
    from course_utils.vision import isolate_features
    from course_utils.world import PaintedWorld

    scenes = PaintedWorld().sample(8, seed=1)
    return partial(isolate_features, load_classifier("pocket"), scenes.images, steps=10, progress=False)


def _prompts() -> Callable[[], object]:
    from course_utils import load_language_model
    from course_utils.language.prompts import optimize_prompts

    lm = load_language_model("pocket-lm")
    return partial(optimize_prompts, lm, " girl", length=3, restarts=64, steps=5, progress=False)


KINDS: dict[str, Callable[[], Callable[[], object]]] = {
    "painting scenes": _painting,
    "attacks": _attack,
    "feature visualisation": _visualisation,
    "prototypes": _prototypes,
    "feature isolation": _isolation,
    "prompt search": _prompts,
}
