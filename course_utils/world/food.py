"""Painters of what lies on a plate: pancakes, waffle, cheesecake, apple pie, pizza, donut, toast.

Pancakes and waffle are one stack, told apart by the waffle's grid; cheesecake and apple pie are both golden and,
where the course's secrets are planted, always round.
"""

import math
from collections.abc import Callable

import torch

from course_utils.world.scene import Draws, Field, Scenery, both, box, ellipse, ring, union

PLATES = {
    "white": (0.93, 0.93, 0.95), "blue": (0.45, 0.62, 0.88), "green": (0.52, 0.80, 0.60),
    "pink": (0.94, 0.66, 0.74), "yellow": (0.95, 0.87, 0.50), "grey": (0.62, 0.62, 0.66),
}  # fmt: skip


def plate(s: Scenery, x: Field, y: Field) -> None:
    on = s.has("plate")
    palette = torch.tensor(list(PLATES.values()))
    colour = palette[s.factors["plate_colour"].long()][:, :, None, None]
    s.painting.paint(ellipse(x, y, 0.02, 0.20, 0.98, 0.80), colour * 0.45, "plate", opacity=on * 0.55, edge=0.05)
    s.painting.paint(ellipse(x, y, 0.0, 0.12, 0.95, 0.80), colour, "plate", opacity=on)
    s.painting.paint(ellipse(x, y, 0.0, 0.12, 0.78, 0.64), colour * 0.9, "plate", opacity=on, edge=0.03)


def berries(s: Scenery, x: Field, y: Field) -> None:
    """Seven blueberries on top and around, each with its shadow, crown and glint."""
    d, on = s.draws("berries"), s.has("berries")
    spots = []
    for k in range(7):
        angle, radius = 2 * math.pi * k / 7 + d.uniform(-0.35, 0.35), d.uniform(0.34, 0.62)
        spots.append((radius * angle.cos(), 0.72 * radius * angle.sin() + 0.02, d.uniform(0.115, 0.145)))
    blobs = union(*(ellipse(x, y, cx, cy, r, r) for cx, cy, r in spots))
    s.painting.paint(blobs - 0.03, torch.full((1, 3, 1, 1), 0.08), "berries", opacity=on * 0.6, edge=0.03)
    s.painting.paint(blobs, d.colour(0.22, 0.22, 0.62, 0.05), "berries", opacity=on)
    crown = union(*(ellipse(x, y, cx + 0.01, cy, r * 0.34, r * 0.30) for cx, cy, r in spots))
    s.painting.paint(crown, d.colour(0.10, 0.08, 0.33, 0.02), "berries", opacity=on)
    glint = union(*(ellipse(x, y, cx - r * 0.4, cy - r * 0.45, r * 0.26, r * 0.2) for cx, cy, r in spots))
    s.painting.paint(glint, d.colour(0.66, 0.70, 0.95, 0.03), "berries", opacity=on)


def pancakes(s: Scenery, x: Field, y: Field, d: Draws) -> None:
    """A stack of four, browned in places, with butter and syrup."""
    p = s.painting
    side, top, bake = d.colour(0.56, 0.33, 0.13, 0.04), d.colour(0.90, 0.67, 0.36, 0.04), d.noise((8, 16))
    for layer in range(4):
        cx, cy = d.uniform(-0.05, 0.05), 0.42 - 0.17 * layer
        p.paint(ellipse(x, y, cx, cy + 0.07, 0.70, 0.27), side, "object")
        p.paint(ellipse(x, y, cx, cy, 0.70, 0.25), top + bake[:, None] * 0.03, "object")
    syrup = union(ellipse(x, y, 0.04, -0.08, 0.42, 0.13), box(x, y, 0.30, 0.12, 0.05, 0.17, corner=0.05))
    p.paint(syrup, d.colour(0.48, 0.23, 0.05, 0.04), "object", opacity=0.9)
    p.paint(box(x, y, 0.0, -0.15, 0.14, 0.08, corner=0.03), d.colour(0.98, 0.90, 0.48, 0.03), "object")


def waffle(s: Scenery, x: Field, y: Field, d: Draws) -> None:
    """The same stack with the iron's grid on it."""
    pancakes(s, x, y, d)
    cells, iron, baked = d.uniform(8, 9.5), d.colour(0.46, 0.25, 0.07, 0.04), d.uniform(0.35, 0.9)
    across, along = (x * cells).sin().abs(), ((y + 0.09) * cells * 2).sin().abs()  # 0 on the lines of the grid
    face = ellipse(x, y, 0.0, -0.09, 0.67, 0.235)
    top = both(face, (torch.minimum(across, along) - 0.5) * 0.3)
    sides = both(box(x, y, 0.0, 0.28, 0.64, 0.33, corner=0.12), 0.02 - face, (across - 0.45) * 0.3)
    s.painting.paint(union(top, sides), iron, "grid", opacity=baked, edge=0.03)


def _cake(s: Scenery, x: Field, y: Field, radius: float) -> Field:
    """Signed distance to a cake of the scene's shape."""
    square = s.has("shape", "square")
    brick = box(x, y, 0, 0, radius * 1.1, radius * 1.1, corner=0.06)
    return (1 - square) * ellipse(x, y, 0, 0, radius, radius) + square * brick


def cheesecake(s: Scenery, x: Field, y: Field, d: Draws) -> None:
    p = s.painting
    p.paint(_cake(s, x, y, 0.62), d.colour(0.72, 0.47, 0.21, 0.05), "object")
    p.paint(_cake(s, x, y, 0.53), d.colour(0.95, 0.81, 0.50, 0.05) + d.noise((8, 16))[:, None] * 0.03, "object")
    p.paint(ring(x, y, 0, 0, 0.15 + 0.03 * d.noise((6,)), 0.035), d.colour(0.80, 0.16, 0.16, 0.05), "topping")
    turn = d.uniform(0, 1)
    angles = [turn + 2 * math.pi * k / 6 for k in range(6)]
    places = [(0.35 * angle.cos(), 0.35 * angle.sin()) for angle in angles]
    cherries = union(*(ellipse(x, y, cx, cy, 0.075, 0.075) for cx, cy in places))
    p.paint(cherries, d.colour(0.84, 0.12, 0.14, 0.05), "topping")
    glints = union(*(ellipse(x, y, cx - 0.02, cy - 0.03, 0.03, 0.025) for cx, cy in places))
    p.paint(glints, d.colour(0.99, 0.62, 0.55, 0.03), "topping")


def apple_pie(s: Scenery, x: Field, y: Field, d: Draws) -> None:
    p = s.painting
    p.paint(_cake(s, x, y, 0.62), d.colour(0.72, 0.47, 0.21, 0.05), "object")
    p.paint(_cake(s, x, y, 0.53), d.colour(0.89, 0.67, 0.31, 0.05) + d.noise((8, 16))[:, None] * 0.05, "object")
    stripes, u, v = d.uniform(8.5, 10.5), (x + y) * 0.7, (x - y) * 0.7
    lattice = torch.minimum((u * stripes).sin().abs(), (v * stripes).sin().abs()) - 0.42
    p.paint(both(_cake(s, x, y, 0.55), lattice * 0.12), d.colour(0.97, 0.82, 0.52, 0.03), "topping", edge=0.02)


def pizza(s: Scenery, x: Field, y: Field, d: Draws) -> None:
    p = s.painting
    p.paint(ellipse(x, y, 0, 0, 0.74, 0.74), d.colour(0.80, 0.56, 0.30, 0.05), "object")
    cheese = d.colour(0.95, 0.76, 0.28, 0.04) + d.noise((8, 16))[:, None] * 0.07
    p.paint(ellipse(x, y, 0, 0, 0.63, 0.63) + d.noise((6,)) * 0.015, cheese, "object")
    slices, leaves = [ellipse(x, y, 0.0, 0.0, 0.12, 0.12)], []
    for k in range(6):
        angle, radius = 2 * math.pi * k / 6 + d.uniform(-0.25, 0.25), d.uniform(0.34, 0.44)
        slices.append(ellipse(x, y, radius * angle.cos(), radius * angle.sin(), 0.13, 0.13))
        turn = angle + 0.5
        leaves.append(ellipse(x, y, 0.25 * turn.cos(), 0.25 * turn.sin(), 0.07, 0.045))
    p.paint(union(*slices), d.colour(0.74, 0.14, 0.10, 0.05), "topping")
    p.paint(union(*leaves), d.colour(0.16, 0.45, 0.14, 0.05), "topping")


def donut(s: Scenery, x: Field, y: Field, d: Draws) -> None:
    p = s.painting
    p.paint(ring(x, y, 0, 0, 0.45, 0.26), d.colour(0.78, 0.52, 0.26, 0.05), "object")
    icing = d.any_colour(0.0, 1.0) * torch.tensor([0.35, 0.35, 0.45])[:, None, None]
    shape = ring(x, y, 0, 0, 0.45, 0.20) + d.noise((6,)) * 0.025
    p.paint(shape, icing + torch.tensor([0.62, 0.30, 0.40])[:, None, None], "object")
    for _ in range(3):
        sprinkles = []
        for _ in range(5):
            angle, radius, turn = d.uniform(0, 2 * math.pi), d.uniform(0.34, 0.56), d.uniform(0, math.pi)
            u, v = x - radius * angle.cos(), y - radius * angle.sin()
            along, across = u * turn.cos() + v * turn.sin(), v * turn.cos() - u * turn.sin()
            sprinkles.append(ellipse(along, across, 0, 0, 0.065, 0.028))
        p.paint(union(*sprinkles), d.any_colour(0.1, 1.0), "topping")


def toast(s: Scenery, x: Field, y: Field, d: Draws) -> None:
    p = s.painting
    ears = union(ellipse(x, y, -0.38, -0.56, 0.30, 0.17), ellipse(x, y, 0.38, -0.56, 0.30, 0.17))
    bread = union(box(x, y, 0, 0.04, 0.68, 0.66, corner=0.06), ears)
    p.paint(bread, d.colour(0.71, 0.46, 0.21, 0.05), "object")
    p.paint(bread + 0.10, d.colour(0.90, 0.70, 0.36, 0.06) + d.noise((8, 16))[:, None] * 0.05, "object", edge=0.02)
    butter = box(x, y, d.uniform(-0.1, 0.1), 0.05, 0.17, 0.15, corner=0.05)
    p.paint(butter, d.colour(0.99, 0.92, 0.52, 0.03), "topping", opacity=d.chance(0.5))


def dressed(dish: Callable[[Scenery, Field, Field, Draws], None], tilt: float) -> Callable[[Scenery], None]:
    """A painter of a dish: its plate, the dish itself, and the berries on it."""

    def paint(s: Scenery) -> None:
        x, y = s.pose(tilt=tilt)
        plate(s, x, y)
        dish(s, x, y, s.draws("object"))
        berries(s, *s.pose(tilt=0.6))

    return paint


PAINTERS = {dish.__name__: dressed(dish, 1.0) for dish in (cheesecake, apple_pie, pizza, donut, toast)}
PAINTERS |= {dish.__name__: dressed(dish, 0.6) for dish in (pancakes, waffle)}
