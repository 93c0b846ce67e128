"""The work behind a report: each part fills in its own, and what a classifier does not allow is noted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.proportions import proportion
from course_utils.vision.entanglement import AREA, entanglement_matrix, shared_features
from course_utils.vision.findings import ranked_findings
from course_utils.vision.isolation import isolate_features
from course_utils.vision.layer_table import stages
from course_utils.vision.prototypes import generate_prototypes
from course_utils.vision.prototypes_result import Prototypes
from course_utils.vision.report_result import Report

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
            pictures, asked = self.natural[0][rows], {}
        elif prototypes is not None:
            rows = _first_of_each(prototypes.classes, 1)
            pictures = prototypes.images[rows]
            asked = {"target": [prototypes.classes[i] for i in rows], "fill": "mean", "area_weight": AREA}
        else:
            return
        with self.excused("Isolation"):
            found = isolate_features(self.classifier, pictures, **asked, **self.options)
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
