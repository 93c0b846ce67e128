"""Scenes to audit a classifier of the painted world with."""

from __future__ import annotations

from collections.abc import Sequence

from course_utils.world import PaintedWorld, Scenes


def audit_scenes(n: int, *, seed: int = 0, classes: str | Sequence[str] | None = None) -> Scenes:
    """Scenes of a world in which nothing is planted: every factor is drawn by itself, whatever the class.

    So they tell nothing about what was planted in a model: what goes together in its answers comes from the model.

    Args:
        n: how many; the classes (all of them unless picked) take turns.
        seed: of all that is drawn.
        classes: one class or several, by name.

    Raises:
        ValueError: n < 1, or an unknown class.
    """
    return PaintedWorld(secrets=()).sample(n, seed=seed, classes=classes)
