"""A report on a classifier: its parts as they were computed, and the page that they make."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from course_utils.proportions import Proportion
from course_utils.vision.entanglement_result import Entanglement, RankAgreement
from course_utils.vision.findings import Finding
from course_utils.vision.isolation_result import Isolation
from course_utils.vision.prototypes_result import Prototypes


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
        from course_utils.show.report import report_page  # here, because it imports matplotlib

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
