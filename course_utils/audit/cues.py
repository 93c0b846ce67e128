"""Every value that a factor can have, in the words in which a reader would describe a picture."""

from __future__ import annotations

from course_utils.messages import unknown
from course_utils.world.factors import FACTORS, Choice

Cue = tuple[str, object]  # a factor and its value; of a number "low" or "high"

_COLOURED = {"plate_colour": "plate", "sky": "sky", "trailer": "trailer", "background": "background", "shape": "shape"}
_ADJECTIVES = {"stripes": "striped", "checks": "checked", "dots": "dotted"}
_OTHERS: dict[str, tuple[str, str]] = {  # False and True, or low and high
    "x": ("far left", "far right"),
    "y": ("high up", "low down"),
    "size": ("small", "large"),
    "rotation": ("turned left", "turned right"),
    "mirrored": ("not mirrored", "mirrored"),
    "berries": ("no blueberries", "blueberries"),
    "plate": ("no plate", "plate"),
    "tag": ("no tag in the corner", "tag in the corner"),
    "occluder": ("nothing in front", "twig in front"),
    "light": ("dim light", "bright light"),
    "tint": ("cold light", "warm light"),
    "defocus": ("in focus", "out of focus"),
    "noise": ("no grain", "grain"),
}


def cues() -> dict[str, Cue]:
    """Words -> the factor and the value that they mean, for every factor of the painted world."""
    found: dict[str, Cue] = {}
    for name, factor in FACTORS.items():
        if name in _COLOURED and isinstance(factor, Choice):
            found |= {f"{_ADJECTIVES.get(value, value)} {_COLOURED[name]}": (name, value) for value in factor.values}
        else:
            values = (False, True) if isinstance(factor, Choice) else ("low", "high")
            found |= {words: (name, value) for words, value in zip(_OTHERS[name], values, strict=True)}
    return found


def in_words(cue: Cue) -> str:
    """A factor's value in words."""
    return next(words for words, other in cues().items() if other == cue)


def cue_of(text: str) -> Cue:
    """What the words mean; the name of a yes-or-no factor ("berries") means yes.

    Raises:
        ValueError: no cue is called that (offers close ones).
    """
    known, said = cues(), text.strip().lower().replace("_", " ")
    if said in known:
        return known[said]
    if text in FACTORS and (text, True) in known.values():
        return text, True
    raise ValueError(unknown("cue", text, known))
