"""The page of a report: the words and pictures that `templates/report.html` puts together."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from markupsafe import Markup
from PIL import Image
from torch import Tensor

from course_utils.show.arrays import as_pictures
from course_utils.show.figures import percent
from course_utils.show.html import data_uri, render
from course_utils.show.isolation import faded
from course_utils.vision.findings import CRITERIA
from course_utils.vision.isolation_result import Isolation
from course_utils.vision.prototypes_result import Prototypes
from course_utils.vision.report_result import Report

PAIRS = 6  # that are listed
NOTHING = 0.005  # of the picture: a part smaller than that is none
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
            f"In {len(isolation)} picture{'s' * (len(isolation) != 1)} a median of {isolation.area.median():.1%} of "
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
    """For each class its pictures, with their words."""
    pictures = as_pictures(prototypes.images)
    cards: dict[str, list[dict[str, str]]] = {}
    for name, picture, sure in zip(prototypes.classes, pictures, prototypes.probability.tolist(), strict=True):
        alt = f"Prototype of {name}, which the model finds {percent(sure)} probable"
        cards.setdefault(name, []).append({"source": source(picture), "alt": alt, "caption": percent(sure)})
    return [{"name": name, "pictures": its} for name, its in cards.items()]


def isolation_cards(isolation: Isolation | None) -> list[dict[str, Any]]:
    """For each picture itself, the isolated part and the rest, each with its probability."""
    if isolation is None:
        return []
    pictures = as_pictures(isolation.images)
    views = {
        "the picture": (pictures, isolation.before),
        "the part": (faded(pictures, isolation.masks), isolation.kept),
        "without it": (faded(pictures, 1 - isolation.masks), isolation.removed),
    }
    return [_isolation_card(isolation, views, row) for row in range(len(isolation))]


def _isolation_card(isolation: Isolation, views: dict[str, tuple[np.ndarray, Tensor]], row: int) -> dict[str, Any]:
    target, said = isolation.targets[row], isolation.answers[row]
    unlike = "" if target == said else f", which the model calls {said}"
    shown = [
        {
            "source": source(pictures[row]),
            "alt": f"{what}, asked about {target}: probability {percent(float(sure[row]))}",
            "caption": f"{what}: {percent(float(sure[row]))}".replace(" %", "\N{NO-BREAK SPACE}%"),
        }
        for what, (pictures, sure) in views.items()
    ]
    vain = ""
    if isolation.area[row] < NOTHING and isolation.filled[row] > HALF and isolation.games[row] == "deletion":
        vain = f"No part can be found so: what stands in for hidden parts is itself called {target}."
    return {"name": f"{target}{unlike}", "pictures": shown, "area": f"{isolation.area[row]:.1%}", "vain": vain}


def source(picture: np.ndarray) -> str:
    """A picture (height, width, 3) in [0, 1] as an address that needs no file."""
    buffer = BytesIO()
    Image.fromarray((255 * picture).round().astype(np.uint8)).save(buffer, format="png", optimize=True)
    return data_uri(buffer.getvalue())
