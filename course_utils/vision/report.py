"""One page about a classifier: what its classes look like to it, which of them share features, on what answers hang."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from markupsafe import Markup
from torch import Tensor

from course_utils.figures.images import as_images, percent, png
from course_utils.figures.style import data_uri, render
from course_utils.models.classifier import Classifier
from course_utils.utils import Proportion, progress_bar, proportion, write
from course_utils.validation import check_settings
from course_utils.vision.attributions import faded
from course_utils.vision.entanglement import SHOWN, Entanglement, RankAgreement, entanglement_matrix, shared_features
from course_utils.vision.isolation import Isolation, isolate_features
from course_utils.vision.prototypes import Prototypes, class_names, generate_prototypes
from course_utils.vision.reference import class_means, images_of_classes
from course_utils.vision.shortcut_results import Shortcut, Shortcuts
from course_utils.vision.shortcuts import find_shortcuts

PAIRS = 6  # that are listed
NOTHING = 0.005  # of the image: a part smaller than that is none
HALF = 0.5  # probability from which a filling alone is called a class
PER_CLASS = 2  # images of each class whose features are isolated
FEWEST_CLASSES = 4  # that a rank correlation needs

Labelled = tuple[Tensor, Tensor]  # images and the indices of their classes


def build_report(
    classifier: Classifier,
    path: str | Path,
    *,
    classes: Sequence[str | int] | None = None,
    prototypes: Prototypes | None = None,
    reference: Any = None,
    images: Any = None,
    beside: Classifier | None = None,
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
            some of every class. All of them go into accuracy, confusions and the search for shortcuts, which takes a
            dozen or more of each class; two of each go into isolation. Without them isolation is of the prototypes.
        beside: a second network of the same classes, as `find_shortcuts` takes it (its `reference`).
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
    there = list(classifier.classes) if prototypes is None else list(dict.fromkeys(prototypes.classes))
    names = list(dict.fromkeys(class_names(classifier, there if classes is None else classes)))
    if missing := [name for name in names if name not in there]:
        raise ValueError(f"the prototypes given show no {', '.join(map(repr, missing))}: make some, or name others.")
    natural = means = None
    if images is not None:
        pixels, rows = images_of_classes(classifier, images, names)
        natural = pixels, classifier.targets(names, len(names)).cpu()[rows]
    if reference is not None and prototypes is None:
        means = class_means(classifier, reference, progress=False)
        means.of(names)  # says which class has too few images, before the work
    packages = ", ".join(f"{name} {_version(name)}" for name in ("course-utils", "torch", "torchvision"))
    some = "none" if natural is None else f"{len(natural[0])}, of which up to {PER_CLASS} of each class for isolation"
    settings = {
        "prototypes": f"{copies} for each class, {steps} steps, seed {seed}" if prototypes is None else "given",
        "reference": "none" if means is None else repr(means),
        "natural images": some,
        "second network": "none" if beside is None else beside.name,
        "versions": f"Python {platform.python_version()}, {packages}",
        "date": time.strftime("%Y-%m-%d %H:%M"),
    }
    report = Report(classifier.name, names, target, settings)
    parts: dict[str, Callable[..., None]] = {
        "prototypes": partial(_prototypes, given=prototypes, reference=means, copies=copies, steps=steps),
        "entanglement": _entanglement,
        "isolation": _isolation,
        "shared features": _shared_features,
        "shortcuts": partial(_shortcuts, beside=beside),
    }
    try:
        for name, add_to in progress_bar(parts.items(), "report", progress=progress):
            begun = time.perf_counter()
            try:
                add_to(report, classifier, natural, seed=seed, progress=progress)
            except (ValueError, RuntimeError, FloatingPointError) as error:
                report.notes.append(f"{name.capitalize()}: {error}")
            finally:
                report.seconds[name] = time.perf_counter() - begun
            if report.interrupted:
                break
    except KeyboardInterrupt:
        report.interrupted = True
    report.write()
    return report


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # a source tree that is not installed
        return "not installed"


@dataclass(eq=False, repr=False)
class Report:
    """What one call found about a classifier; parts that were not reached, or that failed, are None.

    Attributes:
        name: of the classifier.
        classes: that the report is about.
        path: of the page.
        accuracy: on the images given.
        prototypes: of each class.
        entanglement: of the classes.
        agreement: of entanglement and confusions; needs images and at least four classes.
        isolation: of some of the images given, or of the prototypes where none were.
        shared: what in prototypes of the most entangled pair's first class speaks for its second.
        found: the search for shortcuts; needs images.
        notes: what is missing, and why.
        settings: what it was made with, in words.
        seconds: that each part took.
        interrupted: whether Ctrl-C or the notebook's stop button cut it short.
    """

    name: str
    classes: list[str]
    path: Path
    settings: dict[str, str]
    accuracy: Proportion | None = None
    prototypes: Prototypes | None = None
    entanglement: Entanglement | None = None
    agreement: RankAgreement | None = None
    isolation: Isolation | None = None
    shared: Isolation | None = None
    found: Shortcuts | None = None
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def findings(self) -> list[Shortcut]:
        """The shortcuts that were confirmed; strongest first."""
        return [] if self.found is None else self.found.shortcuts

    def html(self) -> str:
        """The page: one HTML document without requests to anywhere; names are escaped."""
        entanglement = self.entanglement
        return render(
            "report.html", report=self, percent=percent, as_images=as_images, faded=faded,
            source=lambda image: data_uri(png(image)), nothing_to_find=nothing_to_find,
            heatmap="" if entanglement is None else Markup(entanglement.plot()._repr_html_()),
            pairs=[] if entanglement is None else entanglement.pairs(PAIRS),
        )  # fmt: skip

    def write(self) -> None:
        """Writes the page to `path` in one move, so that it is never half there.

        Raises:
            OSError: the file cannot be written.
        """
        write(self.path, self.html().encode())

    def __repr__(self) -> str:
        count = len(self.findings)
        first = f", the first about {self.findings[0].carrier}" if self.findings else ""
        return (
            f"Report on {self.name}, {len(self.classes)} class{'es' * (len(self.classes) != 1)}, in {self.path}: "
            f"{count} finding{'s' * (count != 1)}{first}; {sum(self.seconds.values()):.0f} s"
            f"{'; interrupted' * self.interrupted}"
        )


def _prototypes(
    report: Report, classifier: Classifier, natural: Labelled | None, *, given: Prototypes | None, **options
) -> None:
    """Of each class, and how many of the natural images the classifier names right."""
    if natural is not None:
        report.accuracy = proportion(classifier.predict(natural[0]).logits.argmax(1) == natural[1])
    if given is None:
        report.prototypes = generate_prototypes(classifier, report.classes, **options)
        report.interrupted = report.prototypes.interrupted
    else:
        report.prototypes = given.subset(report.classes)


def _entanglement(report: Report, classifier: Classifier, natural: Labelled | None, **options) -> None:
    """Of the classes, and its agreement with their confusions where there are images and pairs enough."""
    if report.prototypes is None:
        return
    if len(report.classes) < 2:
        report.notes.append("Entanglement needs at least two classes; this report is about one.")
        return
    report.entanglement = found = entanglement_matrix(classifier, report.prototypes, images=natural, **options)
    if found.match is None:
        report.notes.append(f"Entanglement: no layer of {classifier.name} gives maps, so probabilities alone count.")
    if natural is not None and len(found.classes) >= FEWEST_CLASSES:
        report.agreement = found.rank_correlation()


def _isolation(report: Report, classifier: Classifier, natural: Labelled | None, **options) -> None:
    """Of natural images where there are some, and else of one prototype of each class."""
    if natural is not None:
        rows = _first_of_each(natural[1].tolist(), PER_CLASS)
        found = isolate_features(classifier, natural[0][rows], **options)
    elif report.prototypes is not None:
        rows = _first_of_each(report.prototypes.classes, 1)
        names = [report.prototypes.classes[row] for row in rows]
        found = isolate_features(classifier, report.prototypes.images[rows], names, **options | SHOWN)
    else:
        return
    report.isolation, report.interrupted = found, found.interrupted


def _shared_features(report: Report, classifier: Classifier, natural: Labelled | None, **options) -> None:
    """Of the most entangled pair, in the prototypes of the class that speaks more for the other."""
    found = report.entanglement
    if found is None or report.prototypes is None:
        return
    [(first, second, _)] = found.pairs(1)
    i, j = found.classes.index(first), found.classes.index(second)
    if found.probability[i, j] < found.probability[j, i]:
        first, second = second, first
    report.shared = shared_features(classifier, report.prototypes, first, second, **options)
    report.interrupted = report.shared.interrupted


def _shortcuts(
    report: Report, classifier: Classifier, natural: Labelled | None, *, beside: Classifier | None, **options
) -> None:
    """Of the classes, where there are images to test them on."""
    if natural is not None:
        report.found = find_shortcuts(classifier, *natural, reference=beside, classes=report.classes, **options)
        report.interrupted = report.found.interrupted
        report.notes += report.found.notes


def _first_of_each(labels: Sequence[Any], count: int) -> list[int]:
    """The first rows of each label, label by label."""
    rows = [[row for row, each in enumerate(labels) if each == label][:count] for label in dict.fromkeys(labels)]
    return [row for some in rows for row in some]


def nothing_to_find(isolation: Isolation, row: int) -> bool:
    """Whether what stands in for hidden parts is itself called the class, so that no part can be found."""
    vain = isolation.area[row] < NOTHING and isolation.filled[row] > HALF
    return bool(vain) and isolation.games[row] == "deletion"


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
        tempfile.TemporaryFile(dir=target.parent).close()
    except OSError as error:
        raise PermissionError(f"{target} cannot be written ({error.strerror}): name another folder.") from None
    return target
