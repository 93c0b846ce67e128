"""Wording that many errors share."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def unknown(what: str, given: object, known: Iterable[object]) -> str:
    """One sentence for a name that does not exist: what was given, what is close to it, what there is."""
    names = [str(name) for name in known]
    close = get_close_matches(str(given), names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
    listed = ", ".join(names) if len(names) <= 40 else f"{', '.join(names[:40])} … ({len(names)} in all)"
    return f"unknown {what} {str(given)!r}: {hint}Known: {listed}."
