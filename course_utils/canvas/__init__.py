"""What an optimisation changes: given pictures within a ball, free pictures by pixels or by frequencies."""

from course_utils.canvas.ball import EpsilonBall, checked_radius, random_start
from course_utils.canvas.base import Canvas
from course_utils.canvas.fourier import FourierCanvas
from course_utils.canvas.pixel import PixelCanvas

__all__ = ["Canvas", "EpsilonBall", "FourierCanvas", "PixelCanvas", "checked_radius", "random_start"]
