"""Canvases, which an optimisation changes: images (in a ball, by pixels, by frequencies), masks and prompts."""

from course_utils.canvas.given import EpsilonBall, MaskCanvas, checked_radius, filling, random_start
from course_utils.canvas.image import Canvas, FourierCanvas, NaturalCanvas, PhaseCanvas, PixelCanvas
from course_utils.canvas.prompt import PromptCanvas

__all__ = [
    "Canvas", "EpsilonBall", "FourierCanvas", "MaskCanvas", "NaturalCanvas", "PhaseCanvas", "PixelCanvas",
    "PromptCanvas", "checked_radius", "filling", "random_start",
]  # fmt: skip
