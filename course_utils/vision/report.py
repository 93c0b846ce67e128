"""One page about a classifier: what its classes look like to it, which of them share features, on what answers hang."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from torch import Tensor

from course_utils.guards import check_settings
from course_utils.models.classifier import Classifier
from course_utils.progress import progress_bar
from course_utils.vision.class_means import class_means, with_labels
from course_utils.vision.confusions import class_rows
from course_utils.vision.prototypes_result import Prototypes
from course_utils.vision.report_result import Report
from course_utils.vision.report_work import EACH, Work

PARTS = ("prototypes", "entanglement", "isolation", "shared features", "findings")


def build_report(
    classifier: Classifier,
    path: str | Path,
    *,
    classes: Sequence[str | int] | None = None,
    prototypes: Prototypes | None = None,
    reference: Any = None,
    images: Any = None,
    copies: int = 3,
    steps: int = 150,
    seed: int = 0,
    progress: bool | None = None,
) -> Report:
    """One self-contained HTML file about a classifier: prototypes, entanglement, isolation, and what stands out.

    Args:
        classifier: used in eval mode and left as found.
        path: of the file; whether it can be written is tried before the work.
        classes: names or indices; all classes (or all with prototypes) if None.
        prototypes: made beforehand; if None they are made here.
        reference: natural images for the prototypes, as `generate_prototypes` takes it.
        images: natural images with their classes: `Scenes`, (images, labels), or images (their class by the model),
            some of every class. All of them go into accuracy and confusions, two of each class into isolation. Without
            them isolation is of the prototypes.
        copies, steps: of the prototypes made here.
        seed: of everything that is drawn.
        progress: True shows a bar, False none, None one for work of over a second.

    Returns:
        The parts. What one of them cannot do with this classifier stands in `.notes` and on the page; after Ctrl-C the
        page holds what was reached and says so.

    Raises:
        OSError: the path cannot be written.
        ValueError: an unknown class, one without images (or with fewer than five in the reference), images that the
            classifier refuses, settings out of range.
    """
    check_settings(stop_at=None, copies=copies, steps=steps)
    target = writable(path)
    names = _names(classifier, classes, prototypes)
    natural = None if images is None else _natural(classifier, images, names)
    means = None if reference is None or prototypes is not None else _reference(classifier, reference, names)
    made = "given" if prototypes is not None else f"{copies} for each class, {steps} steps, seed {seed}"
    data = "none" if natural is None else f"{len(natural[0])}, of which up to {EACH} of each class for isolation"
    settings = {"prototypes": made, "reference": "none" if means is None else repr(means), "natural images": data}
    report = Report(classifier.name, names, target, settings | _versions())
    work = Work(classifier, report, natural, seed, progress)
    try:
        for part in progress_bar(PARTS, "report", progress=progress):
            with work.timed(part):
                if part == "prototypes":
                    work.prototypes(prototypes, means, copies, steps)
                else:
                    getattr(work, part.replace(" ", "_"))()
            if report.interrupted:
                break
    except KeyboardInterrupt:
        report.interrupted = True
    report.write()
    return report


def writable(path: str | Path) -> Path:
    """The path, if a file can be put there.

    Raises:
        OSError: no such folder, a folder of that name, or no permission.
    """
    target = Path(path).expanduser().absolute()
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder, expected the name of a file, such as report.html.")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {target.parent} to put {target.name} in: make it first.")
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise PermissionError(f"{target} cannot be written ({error.strerror}): name another folder.") from None
    return target


def _names(classifier: Classifier, classes: Any, prototypes: Prototypes | None) -> list[str]:
    there = list(classifier.classes) if prototypes is None else list(dict.fromkeys(prototypes.classes))
    asked = there if classes is None else [classes] if isinstance(classes, str | int) else list(classes)
    names = list(dict.fromkeys(classifier.classes[classifier.index(each)] for each in asked))
    if not names:
        raise ValueError("classes=[] given; name at least one, or leave it out to get all.")
    if missing := [name for name in names if name not in there]:
        raise ValueError(f"the prototypes given show no {', '.join(map(repr, missing))}: make some, or name others.")
    return names


def _natural(classifier: Classifier, images: Any, names: list[str]) -> tuple[Tensor, Tensor]:
    """The images of the report's classes with their labels."""
    pictures, labels = with_labels(classifier, images)
    rows = class_rows(labels, classifier.targets(names, len(names)).cpu(), names)
    return pictures[rows >= 0], labels[rows >= 0]


def _reference(classifier: Classifier, reference: Any, names: list[str]) -> Any:
    """Class means for the prototypes; refused here, before the work, when a class has too few images."""
    means = class_means(classifier, reference, progress=False)
    means.of(names)
    return means


def _versions() -> dict[str, str]:
    packages = ", ".join(f"{name} {version(name)}" for name in ("course-utils", "torch", "torchvision"))
    return {"versions": f"Python {platform.python_version()}, {packages}", "date": time.strftime("%Y-%m-%d %H:%M")}
