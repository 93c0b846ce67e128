"""A peer of `find_shortcuts`: what in the parts of a report meets criteria that are fixed beforehand.

A criterion knows figures, not what is right: it may meet what a class really is. Findings are therefore ranked by how
seldom their criterion is met; what most classes show says little about any of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.vision.entanglement import Entanglement
from course_utils.vision.isolation import Isolation

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


def in_a_corner(isolation: Isolation, name: str) -> list[Finding]:
    """Whether what a class hangs on lies in one corner, where its object seldom is."""
    rows, drop = _named(isolation, name)
    if drop < DROP:
        return []
    corner, share = max(corner_shares(isolation.masks[rows].mean(0)).items(), key=lambda item: item[1])
    if share < IN_CORNER:
        return []
    text = (
        f"{name}: {share:.0%} of what isolation covers lies in the {corner} corner; without it the probability falls "
        f"by {drop:.2f} on average over {len(rows)} image{'s' * (len(rows) != 1)}"
    )
    return [Finding("corner", (name,), share, text)]


def carried(classifier: Classifier, isolation: Isolation, name: str) -> list[Finding]:
    """Whether a small part of a class's images is enough to turn images of another class into it."""
    rows, drop = _named(isolation, name)
    others = [i for i, answer in enumerate(isolation.answers) if answer != name]
    if drop < DROP or not others or (area := isolation.area[rows].mean().item()) > SMALL:
        return []
    each = [torch.lerp(isolation.images[others], isolation.images[row], isolation.masks[row]) for row in rows]
    answers = torch.stack([classifier.predict(pasted.clamp(0, 1)).logits.argmax(1) for pasted in each])
    turned = (answers == classifier.index(name)).float().mean(0)
    by_class = {
        answer: turned[[k for k, i in enumerate(others) if isolation.answers[i] == answer]].mean().item()
        for answer in dict.fromkeys(isolation.answers[i] for i in others)
    }
    other, share = max(by_class.items(), key=lambda item: item[1])
    if share < TURNED:
        return []
    text = (
        f"{name}: the part that isolation finds covers {area:.1%} of the image; pasted over images of {other} it "
        f"turns {share:.0%} of them into {name} ({turned.mean():.0%} over all other classes)"
    )
    return [Finding("carried", (name, other), share * (1 - area), text)]


def _named(isolation: Isolation, name: str) -> tuple[list[int], float]:
    """The class's images that the classifier calls by its name, and how far its probability falls without the part."""
    both = zip(isolation.targets, isolation.answers, strict=True)
    rows = [i for i, (target, answer) in enumerate(both) if target == answer == name]
    return rows, (isolation.before[rows] - isolation.removed[rows]).mean().item() if rows else 0.0


def corner_shares(mask: Float[Tensor, "height width"]) -> dict[str, float]:
    """Which share of a mask's sum lies in each corner; 0 for an empty mask."""
    total = mask.sum().clamp_min(torch.finfo(mask.dtype).tiny)
    height, width = (max(1, round(CORNER * side)) for side in mask.shape)
    down = {"upper": slice(0, height), "lower": slice(-height, None)}
    across = {"left": slice(0, width), "right": slice(-width, None)}
    return {f"{d} {a}": (mask[down[d], across[a]].sum() / total).item() for d in down for a in across}


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
