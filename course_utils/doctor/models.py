"""Whether the models are here, and are what they should be."""

from __future__ import annotations

import os

from course_utils.doctor.finding import Finding
from course_utils.models.caches import course_cache, megabytes, mode
from course_utils.models.hugging_face import is_hub_name, snapshot, whole
from course_utils.models.prefetch import CHAPTERS
from course_utils.models.pretrained import check_digest, checkpoint, source
from course_utils.models.store import WEIGHTS, available
from course_utils.models.sums import wrong_files


def shipped_models() -> Finding:
    names = [*available(), *available("language")]
    try:
        wrong = wrong_files()
    except OSError as error:
        return Finding("fail", "shipped models", f"the list of their hashes cannot be read ({error})", GET_AGAIN)
    if wrong:
        listed = ", ".join(f"{name} ({what})" for name, what in wrong.items())
        return Finding("fail", "shipped models", f"not as they were shipped: {listed}", GET_AGAIN)
    size = sum(path.stat().st_size for path in WEIGHTS.iterdir())
    return Finding("ok", "shipped models", f"{len(names)}, {megabytes(size)}, all hashes as they should be")


GET_AGAIN = "get the course's folder again (git checkout course_utils/models/weights), or install the package again"


def settings() -> list[Finding]:
    """COURSE_MODELS and COURSE_CACHE, where they are set."""
    findings = []
    if said := os.environ.get("COURSE_MODELS"):
        try:
            findings.append(Finding("ok", "COURSE_MODELS", mode()))
        except ValueError as error:
            findings.append(Finding("fail", "COURSE_MODELS", said, str(error)))
    if (folder := course_cache()) is not None:
        there = folder.is_dir()
        remedy = "" if there else f"fill it: python -m course_utils prefetch --to {folder}"
        found = f"{folder}{'' if there else ' does not exist'}"
        findings.append(Finding("ok" if there else "warn", "COURSE_CACHE", found, remedy))
    return findings


def models_at_hand() -> list[Finding]:
    """The pretrained models on which the chapters' sections "On a real model" run."""
    return [_language_model(name) if is_hub_name(name) else _classifier(name) for name in CHAPTERS]


def _classifier(name: str) -> Finding:
    path = checkpoint(name)
    if path is None:
        return _absent(name, megabytes(source(name).bytes))
    try:
        check_digest(path, source(name).digest, f"python -m course_utils prefetch {name}")
    except (ValueError, OSError) as error:
        return Finding("warn", name, str(error))
    return Finding("ok", name, f"pretrained weights in {path}")


def _language_model(name: str) -> Finding:
    folder = snapshot(name)
    if folder is None:
        return _absent(name, "0.5 GB" if name == "gpt2" else "")
    if not whole(folder):
        return Finding("warn", name, f"only as a pickle, in {folder}", f"python -m course_utils prefetch {name}")
    return Finding("ok", name, f"pretrained weights in {folder}")


def _absent(name: str, size: str) -> Finding:
    wanted = os.environ.get("COURSE_MODELS") == "pretrained"
    return Finding(
        "warn" if wanted else "ok",
        name,
        "not on this computer; cells that run on it stay empty, everything else runs",
        f"to have it: python -m course_utils prefetch {name}{f' ({size})' if size else ''}",
    )
