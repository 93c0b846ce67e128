"""Two seconds of each kind of work, and from them how long the course takes on this computer."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from course_utils.doctor.finding import Finding

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
