"""Associations that are planted in the written world beyond its own tables, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from course_utils.corpus import tables
from course_utils.messages import unknown

Attributes = tuple[dict[str, int], dict[str, int]]  # things with their weights, properties with theirs


@dataclass(frozen=True)
class Association:
    """`word`, one of another group's things or properties, goes with `group` too, drawn in proportion to `weight`.

    The strongest words that a group has by itself have weight 9.

    Raises:
        ValueError: a group or a word that there is not, a word that the group has already, or a weight below 1.
    """

    group: str
    word: str
    weight: int = 9

    def __post_init__(self) -> None:
        groups = tables.PEOPLE | tables.FIELDS
        if self.group not in groups:
            raise ValueError(unknown("group", self.group, groups))
        if self.word in (own := [word for sort in groups[self.group] for word in sort]):
            raise ValueError(
                f"{self.group} has {self.word!r} already; an association is planted with a word it has not"
            )
        others = {word for attributes in groups.values() for sort in attributes for word in sort} - set(own)
        if self.word not in others:
            raise ValueError(unknown("attribute of a group", self.word, sorted(others)))
        if self.weight < 1:
            raise ValueError(f"weight={self.weight} given, expected at least 1 (9 is as strong as a group's strongest)")


def with_planted(groups: dict[str, Attributes], planted: Sequence[Association]) -> dict[str, Attributes]:
    """The groups' tables with the associations in them."""
    found = {group: (dict(things), dict(properties)) for group, (things, properties) in groups.items()}
    is_thing = {word for things, _ in groups.values() for word in things}
    for each in planted:
        found[each.group][0 if each.word in is_thing else 1][each.word] = each.weight
    return found
