"""`python -m course_utils doctor`: will the course run on this computer, and how long will it take?"""

from __future__ import annotations

import json
from collections.abc import Iterator

from course_utils.doctor.finding import Finding
from course_utils.doctor.models import models_at_hand, settings, shipped_models
from course_utils.doctor.system import accelerator, disk, jupyter, memory, packages, python
from course_utils.doctor.work import Trials, trials


def doctor(*, as_json: bool = False) -> int:
    """Prints what was found, a line at a time, or all of it as JSON.

    Returns:
        0 if nothing failed (warnings do not count), otherwise 1.
    """
    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            print(finding, flush=True)
    failed = [finding for finding in findings if finding.level == "fail"]
    if as_json:
        print(json.dumps({"ready": not failed, "findings": [vars(finding) for finding in findings]}, indent=2))
    else:
        print(verdict(findings))
    return 1 if failed else 0


def examine() -> Iterator[Finding]:
    """Everything that is looked at, the quick things first."""
    yield from (python(), *packages(), memory(), disk(), accelerator(), *jupyter())
    yield from (shipped_models(), *settings(), *models_at_hand())
    yield from _tried(trials())


def _tried(results: Trials) -> Iterator[Finding]:
    yield from results.findings
    yield results.estimate()


def verdict(findings: list[Finding]) -> str:
    """One sentence about all of it."""
    failed = sum(finding.level == "fail" for finding in findings)
    warned = sum(finding.level == "warn" for finding in findings)
    if failed:
        return f"The course will not run here as it is: {failed} of {len(findings)} checks failed (see above)."
    if warned:
        return f"The course runs here; {warned} of {len(findings)} checks have something to say (see above)."
    return "The course runs here."
