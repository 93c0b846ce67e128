"""What a painter gets to see: the picture, the object's own coordinates, the factors and the drawn numbers."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from course_utils.world.draws import Draws
from course_utils.world.factors import FACTORS, Choice, Factors
from course_utils.world.picture import Field, Picture


@dataclass
class Scenery:
    """A batch of scenes of one class while they are painted."""

    picture: Picture
    factors: Factors
    numbers: Tensor

    def draws(self, stream: str) -> Draws:
        return Draws(self.numbers, stream, self.picture.pixels.shape[-1])

    def amount(self, name: str) -> Tensor:
        """A factor's number, ready to be spread over the picture: (n, 1, 1)."""
        return self.factors[name][:, None, None]

    def has(self, name: str, value: object = True) -> Tensor:
        """1.0 where the factor has the value, else 0.0: (n, 1, 1)."""
        factor = FACTORS[name]
        assert isinstance(factor, Choice)
        return (self.factors[name] == factor.values.index(value)).float()[:, None, None]

    def pose(self, *, tilt: float = 1.0, zoom: float = 1.0) -> tuple[Field, Field]:
        """x and y as the main object sees them: shifted, turned, mirrored and scaled as its factors say."""
        x, y = self.picture.x - self.amount("x"), self.picture.y - self.amount("y")
        angle, size = self.amount("rotation") * tilt, self.amount("size") * zoom
        cos, sin = angle.cos(), angle.sin()
        return (x * cos + y * sin) / size * (1 - 2 * self.has("mirrored")), (y * cos - x * sin) / size
