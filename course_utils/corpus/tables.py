"""The tables of the written world, read once from `tables.yml`, where they are explained."""

from __future__ import annotations

from pathlib import Path

import yaml

Attributes = tuple[dict[str, int], dict[str, int]]  # things with their weights, properties with theirs

_TABLES = yaml.safe_load((Path(__file__).parent / "tables.yml").read_text(encoding="utf-8"))


def _groups(kind: str) -> dict[str, Attributes]:
    return {group: (sorts["things"], sorts["properties"]) for group, sorts in _TABLES[kind].items()}


PEOPLE, FIELDS = _groups("people"), _groups("fields")
GROUPS = PEOPLE | FIELDS
FACTS: dict[str, tuple[list[str], dict[str, dict[str, float]]]] = {
    relation: (entry["beginnings"], entry["completions"]) for relation, entry in _TABLES["facts"].items()
}
WORDS: dict[str, list[str]] = {slot: words.split() for slot, words in _TABLES["words"].items()}
FORMS: dict[str, list[str]] = {topic: forms.splitlines() for topic, forms in _TABLES["forms"].items()}
SHARES: dict[str, float] = _TABLES["shares"]  # of all sentences, by what they are about
