"""A report on a classifier: its parts as they were computed, and the page that they make."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from markupsafe import Markup
from PIL import Image
from torch import Tensor

from course_utils.figures.images import as_images, percent
from course_utils.figures.style import data_uri, render
from course_utils.models.classifier import Classifier
from course_utils.stats import Proportion
from course_utils.vision.attributions import Isolation, faded
from course_utils.vision.entanglement import Entanglement, RankAgreement
from course_utils.vision.prototypes import Prototypes


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
        findings: ranked, as `ranked_findings` does.
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
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    interrupted: bool = False

    def html(self) -> str:
        """The page: one HTML document with everything in it."""

        return report_page(self)

    def write(self) -> None:
        """Writes the page to `path` in one move, so that it is never half there.

        Raises:
            OSError: the file cannot be written.
        """
        unfinished = self.path.with_name(f".{self.path.name}.part")
        try:
            unfinished.write_text(self.html(), encoding="utf-8")
            unfinished.replace(self.path)
        finally:
            unfinished.unlink(missing_ok=True)

    def __repr__(self) -> str:
        cut = "; interrupted" if self.interrupted else ""
        count = len(self.findings)
        first = f", the first about {' and '.join(self.findings[0].classes)}" if self.findings else ""
        return (
            f"Report on {self.name}, {len(self.classes)} class{'es' * (len(self.classes) != 1)}, in {self.path}: "
            f"{count} finding{'s' * (count != 1)}{first}; {sum(self.seconds.values()):.0f} s{cut}"
        )


CORNER = 1 / 4  # of each side: a corner is a sixteenth of the image
IN_CORNER = 0.25  # of what isolation covers; chance would put a sixteenth there
DROP = 0.2  # by which the probability must fall without the part, for it to matter
SMALL = 0.15  # of the image: a part that covers more is the object itself
TURNED = 0.5  # of another class's images
AHEAD = 0.05  # of probability, by which prototypes of a pair say more than its confusions do

CRITERIA = {
    "corner": f"at least {IN_CORNER:.0%} of what isolation covers, on average over a class's images, lies in one "
    f"corner (a sixteenth of the image), and without it the class's probability falls by at least {DROP:.2f}; "
    "strength is that share",
    "carried": f"the isolated part of a class covers at most {SMALL:.0%} of the image, and pasted over images of "
    f"another class it turns at least {TURNED:.0%} of them into its own; strength is that share times what is left "
    "of the image",
    "pair": "prototypes of two entangled classes speak for each other more than the model confuses blurred images of "
    f"them, by a mean probability of at least {AHEAD:.2f}; strength is the difference",
}


@dataclass(frozen=True)
class Finding:
    """Something that a criterion found.

    Attributes:
        kind: the criterion, a key of `CRITERIA`.
        classes: the class it is about, first, and another one where there is one.
        strength: in [0, 1]; findings of one kind are ranked by it, those of different kinds do not compare.
        text: what was found, in a sentence with its figures.
    """

    kind: str
    classes: tuple[str, ...]
    strength: float
    text: str

    def __str__(self) -> str:
        return f"{self.text} ({self.strength:.2f})"


def ranked_findings(
    classifier: Classifier, *, isolation: Isolation | None = None, entanglement: Entanglement | None = None
) -> list[Finding]:
    """All findings: of the criterion that was met least often first, since what most classes show says little.

    Args:
        isolation: of images of several classes, each asked about what the classifier says of it.
        entanglement: with confusions, or nothing is found about pairs.
    """
    found = [] if entanglement is None else pairs_ahead(entanglement)
    if isolation is not None:
        for name in dict.fromkeys(isolation.targets):
            found += in_a_corner(isolation, name) + carried(classifier, isolation, name)
    kinds = [each.kind for each in found]
    return sorted(found, key=lambda each: (kinds.count(each.kind), each.kind, -each.strength))


def in_a_corner(isolation: Isolation, name: str) -> list[Finding]:
    """Whether what a class hangs on lies in one corner, where its object seldom is."""
    rows = _rows(isolation, name)
    if not rows or (drop := _drop(isolation, rows)) < DROP:
        return []
    shares = corner_shares(isolation.masks[rows].mean(0))
    corner, share = max(shares.items(), key=lambda item: item[1])
    if share < IN_CORNER:
        return []
    text = (
        f"{name}: {share:.0%} of what isolation covers lies in the {corner} corner; without it the probability falls "
        f"by {drop:.2f} on average over {len(rows)} image{'s' * (len(rows) != 1)}"
    )
    return [Finding("corner", (name,), share, text)]


def carried(classifier: Classifier, isolation: Isolation, name: str) -> list[Finding]:
    """Whether a small part of a class's images is enough to turn images of another class into it."""
    rows = _rows(isolation, name)
    if not rows or _drop(isolation, rows) < DROP or (area := isolation.area[rows].mean().item()) > SMALL:
        return []
    others = [i for i, said in enumerate(isolation.answers) if said != name]
    if not others:
        return []
    turned = torch.stack([_turned(classifier, isolation, row, others, name) for row in rows]).mean(0)
    by_class = {
        said: turned[[k for k, i in enumerate(others) if isolation.answers[i] == said]].mean().item()
        for said in dict.fromkeys(isolation.answers[i] for i in others)
    }
    other, share = max(by_class.items(), key=lambda item: item[1])
    if share < TURNED:
        return []
    text = (
        f"{name}: the part that isolation finds covers {area:.1%} of the image; pasted over images of {other} it "
        f"turns {share:.0%} of them into {name} ({turned.mean():.0%} over all other classes)"
    )
    return [Finding("carried", (name, other), share * (1 - area), text)]


def pairs_ahead(entanglement: Entanglement) -> list[Finding]:
    """Pairs that share more than the confusions betray."""
    if entanglement.confusions is None:
        return []
    spoken, confused = ((part + part.T) / 2 for part in (entanglement.probability, entanglement.confusions))
    found = []
    for first, second, _ in entanglement.pairs(len(entanglement.classes)):
        at = entanglement.classes.index(first), entanglement.classes.index(second)
        if (ahead := (spoken[at] - confused[at]).item()) >= AHEAD:
            text = (
                f"{first} and {second}: their prototypes speak for each other at {spoken[at]:.2f}, confused when "
                f"blurred at {confused[at]:.2f} (mean probabilities)"
            )
            found.append(Finding("pair", (first, second), ahead, text))
    return found


def corner_shares(mask: Float[Tensor, "height width"]) -> dict[str, float]:
    """Which share of a mask's sum lies in each corner; 0 for an empty mask."""
    total = mask.sum().clamp_min(torch.finfo(mask.dtype).tiny)
    height, width = (max(1, round(CORNER * side)) for side in mask.shape)
    down = {"upper": slice(0, height), "lower": slice(-height, None)}
    across = {"left": slice(0, width), "right": slice(-width, None)}
    return {f"{d} {a}": (mask[down[d], across[a]].sum() / total).item() for d in down for a in across}


def _rows(isolation: Isolation, name: str) -> list[int]:
    """The class's images that the classifier calls by its name."""
    both = zip(isolation.targets, isolation.answers, strict=True)
    return [i for i, (target, said) in enumerate(both) if target == said == name]


def _drop(isolation: Isolation, rows: list[int]) -> float:
    return (isolation.before[rows] - isolation.removed[rows]).mean().item()


def _turned(classifier: Classifier, isolation: Isolation, row: int, others: list[int], name: str) -> Tensor:
    """For each other image 1 if it becomes the class when the row's part is pasted over it, 0 if not."""
    pasted = torch.lerp(isolation.images[others], isolation.images[row], isolation.masks[row])
    return (classifier.predict(pasted.clamp(0, 1)).logits.argmax(1) == classifier.index(name)).float()


PAIRS = 6  # that are listed
NOTHING = 0.005  # of the image: a part smaller than that is none
HALF = 0.5  # probability from which a filling alone is called a class


def report_page(report: Report) -> str:
    """The report as one HTML document without requests to anywhere; names are escaped."""
    entanglement = report.entanglement
    return render(
        "report.html",
        report=report,
        summary=summary(report),
        prototypes=[] if report.prototypes is None else prototype_cards(report.prototypes),
        heatmap="" if entanglement is None else Markup(entanglement.plot()._repr_html_()),
        pairs=[] if entanglement is None else entanglement.pairs(PAIRS),
        isolation=isolation_cards(report.isolation),
        shared=isolation_cards(report.shared),
        of_images=report.accuracy is not None,
        criteria=CRITERIA,
        ranges=how_to_read(report),
    )


def summary(report: Report) -> list[str]:
    """What was found, in sentences."""
    said = []
    if report.accuracy is not None:
        said.append(f"It names {report.accuracy} of the {report.accuracy.total} images given right.")
    if (prototypes := report.prototypes) is not None and len(prototypes):
        middle, least = prototypes.probability.median(), prototypes.probability.min()
        said.append(
            f"{len(prototypes)} prototypes of {len(set(prototypes.classes))} classes reach a probability of "
            f"{percent(float(middle))} in the middle and {percent(float(least))} at least."
        )
    if report.entanglement is not None:
        pairs = "; ".join(
            f"{first} and {second} ({value:.2f})" for first, second, value in report.entanglement.pairs(3)
        )
        said.append(f"Most features are shared by {pairs}.")
    if report.agreement is not None:
        said.append(f"{str(report.agreement).capitalize()}.")
    if (isolation := report.isolation) is not None:
        said.append(
            f"In {len(isolation)} image{'s' * (len(isolation) != 1)} a median of {isolation.area.median():.1%} of "
            f"the area carries the answer: without it the median probability goes from {isolation.before.median():.0%} "
            f"to {isolation.removed.median():.0%}."
        )
    if not (count := len(report.findings)):
        return [*said, "Nothing met the criteria for a second look; that does not mean that nothing is there."]
    return [*said, f"{count} thing{'s' * (count != 1)} met the criteria for a second look."]


def how_to_read(report: Report) -> str:
    """One sentence that says how to read the heat map."""
    if report.entanglement is None:
        return ""
    words = (
        "How far prototypes of a row's class, when moved, turned, blurred and made noisy, also show a column's: "
        "1 for the pair of classes that speak most for each other and have the most similar activations."
    )
    if report.entanglement.confusions is None:
        return words
    return f"{words} Below it stands what the model takes blurred images of a row's class for."


def prototype_cards(prototypes: Prototypes) -> list[dict[str, Any]]:
    """For each class its images, with their words."""
    images = as_images(prototypes.images)
    cards: dict[str, list[dict[str, str]]] = {}
    for name, image, sure in zip(prototypes.classes, images, prototypes.probability.tolist(), strict=True):
        alt = f"Prototype of {name}, which the model finds {percent(sure)} probable"
        cards.setdefault(name, []).append({"source": source(image), "alt": alt, "caption": percent(sure)})
    return [{"name": name, "images": its} for name, its in cards.items()]


def isolation_cards(isolation: Isolation | None) -> list[dict[str, Any]]:
    """For each image itself, the isolated part and the rest, each with its probability."""
    if isolation is None:
        return []
    images = as_images(isolation.images)
    views = {
        "the image": (images, isolation.before),
        "the part": (faded(images, isolation.masks), isolation.kept),
        "without it": (faded(images, 1 - isolation.masks), isolation.removed),
    }
    return [_isolation_card(isolation, views, row) for row in range(len(isolation))]


def _isolation_card(isolation: Isolation, views: dict[str, tuple[np.ndarray, Tensor]], row: int) -> dict[str, Any]:
    target, said = isolation.targets[row], isolation.answers[row]
    unlike = "" if target == said else f", which the model calls {said}"
    shown = [
        {
            "source": source(images[row]),
            "alt": f"{what}, asked about {target}: probability {percent(float(sure[row]))}",
            "caption": f"{what}: {percent(float(sure[row]))}".replace(" %", "\N{NO-BREAK SPACE}%"),
        }
        for what, (images, sure) in views.items()
    ]
    vain = ""
    if isolation.area[row] < NOTHING and isolation.filled[row] > HALF and isolation.games[row] == "deletion":
        vain = f"No part can be found so: what stands in for hidden parts is itself called {target}."
    return {"name": f"{target}{unlike}", "images": shown, "area": f"{isolation.area[row]:.1%}", "vain": vain}


def source(image: np.ndarray) -> str:
    """An image (height, width, 3) in [0, 1] as an address that needs no file."""
    buffer = BytesIO()
    Image.fromarray((255 * image).round().astype(np.uint8)).save(buffer, format="png", optimize=True)
    return data_uri(buffer.getvalue())
