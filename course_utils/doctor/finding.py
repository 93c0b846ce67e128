"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Finding:
    """What was found, and what to do about it.

    Attributes:
        level: "ok", "warn" (the course runs, but not everything, or slowly) or "fail" (it does not).
        about: what was looked at.
        found: what was found, in words.
        remedy: what to do; empty if there is nothing to do.
    """

    level: str
    about: str
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f"\n{'':7}{self.remedy}" if self.remedy else ""
        return f"{f'[{self.level}]':6} {self.about}: {self.found}{remedy}"
