"""A painted world in which everything is known: classes, factors, masks, counterfactuals, and planted secrets."""

from course_utils.world.factors import COURSE_SECRETS, BlindSpot, Shortcut
from course_utils.world.world import PaintedWorld, Scenes

__all__ = ["COURSE_SECRETS", "BlindSpot", "PaintedWorld", "Scenes", "Shortcut"]
