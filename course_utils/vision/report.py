"""One page about a classifier: what its classes look like to it, which of them share features, on what answers hang."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.stats import proportion
from course_utils.utils import progress_bar
from course_utils.validation import check_settings
from course_utils.vision.entanglement import AREA, class_rows, entanglement_matrix, shared_features
from course_utils.vision.isolation import isolate_features
from course_utils.vision.layer_table import stages
from course_utils.vision.prototypes import Prototypes, generate_prototypes
from course_utils.vision.reference import class_means, with_labels
from course_utils.vision.report_page import Report, ranked_findings

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
    check_settings(copies=copies, steps=steps)
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
    pixels, labels = with_labels(classifier, images)
    rows = class_rows(labels, classifier.targets(names, len(names)).cpu(), names)
    return pixels[rows >= 0], labels[rows >= 0]


def _reference(classifier: Classifier, reference: Any, names: list[str]) -> Any:
    """Class means for the prototypes; refused here, before the work, when a class has too few images."""
    means = class_means(classifier, reference, progress=False)
    means.of(names)
    return means


def _versions() -> dict[str, str]:
    packages = ", ".join(f"{name} {version(name)}" for name in ("course-utils", "torch", "torchvision"))
    return {"versions": f"Python {platform.python_version()}, {packages}", "date": time.strftime("%Y-%m-%d %H:%M")}


EACH = 2  # images of each class whose features are isolated
FEWEST_AGREE = 4  # classes that a rank correlation needs


class Work:
    """The parts of a report, each of which fills in its own and needs those before it."""

    def __init__(
        self, classifier: Classifier, report: Report, natural: tuple[Tensor, Tensor] | None, seed: int, progress: Any
    ) -> None:
        self.classifier, self.report, self.natural = classifier, report, natural
        self.options: dict[str, Any] = {"seed": seed, "progress": progress}

    def prototypes(self, given: Prototypes | None, means: Any, copies: int, steps: int) -> None:
        """What each class looks like to the model, and how many of the natural images it names right."""
        if self.natural is not None:
            said = self.classifier.predict(self.natural[0]).logits.argmax(1)
            self.report.accuracy = proportion(said == self.natural[1])
        if given is not None:
            self.report.prototypes = _some(given, self.report.classes)
            return
        made = generate_prototypes(
            self.classifier, self.report.classes, reference=means, copies=copies, steps=steps, **self.options
        )
        self.report.prototypes, self.report.interrupted = made, made.interrupted

    def entanglement(self) -> None:
        if self.report.prototypes is None:
            return
        if len(set(self.report.prototypes.classes)) < 2:
            self.report.notes.append("Entanglement needs at least two classes; this report is about one.")
            return
        found = entanglement_matrix(self.classifier, self.report.prototypes, images=self.natural, **self.options)
        self.report.entanglement = found
        if self.natural is not None and len(found.classes) >= FEWEST_AGREE:
            self.report.agreement = found.rank_correlation()

    def isolation(self) -> None:
        """Of natural images where there are some, and else of one prototype of each class."""
        with self.excused("Isolation"):
            stages(self.classifier)
        prototypes = self.report.prototypes
        asked: dict[str, Any]
        if self.natural is not None:
            rows = _first_of_each(self.natural[1].tolist(), EACH)
            pixels, asked = self.natural[0][rows], {}
        elif prototypes is not None:
            rows = _first_of_each(prototypes.classes, 1)
            pixels = prototypes.images[rows]
            asked = {"target": [prototypes.classes[i] for i in rows], "fill": "mean", "area_weight": AREA}
        else:
            return
        with self.excused("Isolation"):
            found = isolate_features(self.classifier, pixels, **asked, **self.options)
            self.report.isolation, self.report.interrupted = found, found.interrupted

    def shared_features(self) -> None:
        """Of the most entangled pair, in the prototypes of the class that speaks more for the other."""
        found, prototypes = self.report.entanglement, self.report.prototypes
        if found is None or prototypes is None:
            return
        [pair] = found.pairs(1)
        i, j = found.classes.index(pair.first), found.classes.index(pair.second)
        first, second = (pair.first, pair.second) if found.probability[i, j] >= found.probability[j, i] else pair[1::-1]
        with self.excused("Shared features"):
            self.report.shared = shared_features(self.classifier, prototypes, first, second, **self.options)
            self.report.interrupted = self.report.shared.interrupted

    def findings(self) -> None:
        self.report.findings = ranked_findings(
            self.classifier, isolation=self.report.isolation, entanglement=self.report.entanglement
        )

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.report.seconds[part] = time.perf_counter() - start

    @contextmanager
    def excused(self, what: str) -> Iterator[None]:
        """What cannot be done with this classifier is noted; the rest of the report goes on."""
        try:
            yield
        except (ValueError, RuntimeError, FloatingPointError) as error:
            self.report.notes.append(f"{what}: {error}")


def _some(prototypes: Prototypes, names: list[str]) -> Prototypes:
    """The prototypes of some classes."""
    rows = [i for i, name in enumerate(prototypes.classes) if name in names]
    return replace(
        prototypes,
        images=prototypes.images[rows],
        classes=[prototypes.classes[i] for i in rows],
        probability=prototypes.probability[rows],
        logit=prototypes.logit[rows],
        spearman=None if prototypes.spearman is None else prototypes.spearman[rows],
        frames=torch.empty(0),
        frame_steps=[],
    )


def _first_of_each(labels: Sequence[Any], count: int) -> list[int]:
    """The first rows of each label, label by label."""
    return [i for label in dict.fromkeys(labels) for i in [k for k, each in enumerate(labels) if each == label][:count]]
