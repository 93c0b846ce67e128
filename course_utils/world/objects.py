"""Painters of everything that a scene shows: things, dishes on a plate, sea and road, and what lies around them.

Pancakes and waffle are one stack, told apart by the waffle's grid; cheesecake and apple pie are both golden and, where
the course's secrets are planted, always round. Sailboat and pirate ship are one boat, told apart by pennant and skull.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from course_utils.world.factors import TABLES
from course_utils.world.scene import Draws, Field, Scenery, both, box, ellipse, polygon, ring, union


def goldfish(s: Scenery) -> None:
    x, y = s.pose()
    d, p = s.draws("object"), s.painting
    fins = d.colour(0.98, 0.62, 0.16, 0.05)
    tail = union(*(ellipse(x - 0.62 - y * 0.4 * side, y, 0, 0.22 * side, 0.28, 0.20) for side in (-1, 1)))
    p.paint(tail, fins, "tail")
    p.paint(polygon(x, y, (-0.38, -0.26), (0.10, -0.58), (0.30, -0.20)), fins * 0.95, "object")
    p.paint(polygon(x, y, (-0.10, 0.25), (0.18, 0.22), (0.14, 0.54)), fins * 0.92, "object")
    scales = (x * 16).sin() * (y * 16).sin() * 0.04
    body = ellipse(x, y, -0.10, 0.0, 0.58, 0.34)
    p.paint(body, d.colour(0.95, 0.46, 0.08, 0.05) + scales[:, None], "object")
    p.paint(ellipse(x, y, -0.14, 0.20, 0.40, 0.12), d.colour(0.99, 0.76, 0.42, 0.04), "object", opacity=0.7, edge=0.04)
    gill = both(ring(x, y, -0.62, 0.0, 0.34, 0.025), body + 0.03)
    p.paint(gill, d.colour(0.75, 0.30, 0.05, 0.03), "object", opacity=0.8)
    p.paint(ellipse(x, y, -0.46, -0.08, 0.095, 0.095), d.colour(0.97, 0.97, 0.95, 0.02), "object")
    p.paint(ellipse(x, y, -0.48, -0.08, 0.052, 0.052), d.colour(0.04, 0.04, 0.06, 0.02), "object")
    bubbles = union(*(ring(x, y, -0.78 - 0.04 * k, -0.25 - 0.21 * k, 0.05 + 0.015 * k, 0.016) for k in range(3)))
    p.paint(bubbles, d.colour(0.92, 0.96, 1.0, 0.02), "bubbles", opacity=d.chance(0.7) * 0.85)


def volcano(s: Scenery) -> None:
    x, y = s.pose(tilt=0.4)
    d, p = s.draws("object"), s.painting
    ash = d.noise()
    puffs = ((-0.1, 0.1, -0.50, 0.20, 0.17), (-0.2, 0.2, -0.70, 0.30, 0.20), (-0.2, 0.3, -0.88, 0.26, 0.17))
    smoke = union(*(ellipse(x, y, d.uniform(left, right), cy, a, b) for left, right, cy, a, b in puffs))
    p.paint(smoke + ash * 0.025, d.colour(0.60, 0.58, 0.60, 0.08) + ash[:, None] * 0.07, "smoke", edge=0.03)
    spray = union(*(ellipse(x, y, d.uniform(-0.28, 0.28), d.uniform(-0.66, -0.36), 0.045, 0.055) for _ in range(5)))
    p.paint(spray, d.colour(0.99, 0.62, 0.10, 0.05), "lava")
    mountain = polygon(x, y, (-0.20, -0.30), (0.20, -0.30), (0.95, 0.80), (-0.95, 0.80)) + d.noise((8, 16)) * 0.012
    rock = d.colour(0.36, 0.29, 0.28, 0.12) + d.noise((8, 16))[:, None] * 0.05
    p.paint(mountain, rock - 0.10 * (x > 0.1)[:, None], "object")
    wobble = 0.07 * (y * 8 + d.uniform(0, 6)).sin()
    stream = (x - wobble).abs() - 0.075 - 0.07 * (y + 0.3)
    side = (x - 0.35 * (y + 0.3) - wobble * 0.7).abs() - 0.05
    flows = both(stream, y - d.uniform(0.35, 0.6)), both(side, y - d.uniform(0.1, 0.35))
    lava = union(*flows, ellipse(x, y, 0, -0.29, 0.21, 0.06))
    p.paint(both(lava, mountain - 0.03), d.colour(0.95, 0.28, 0.04, 0.04), "lava")
    p.paint(both(lava + 0.055, mountain), d.colour(1.0, 0.72, 0.12, 0.04), "lava", edge=0.02)


def sunflower(s: Scenery) -> None:
    x, y = s.pose()
    d, p = s.draws("object"), s.painting
    green = d.colour(0.18, 0.48, 0.14, 0.06)
    p.paint(both((x + 0.06 * (y * 3).sin()).abs() - 0.05, -y), green, "stem")
    p.paint(ellipse(x * 0.8 + y * 0.6, y * 0.8 - x * 0.6, 0.66, 0.33, 0.24, 0.10), green * 0.95, "stem")
    radius, angle = (x**2 + (y + 0.08) ** 2).sqrt(), torch.atan2(y + 0.08, x)
    for turn, reach, shade in ((0.5, 0.50, 0.88), (0.0, 0.47, 1.0)):
        petals = radius - (reach + 0.16 * ((angle + d.uniform(0, 1)) * 7 + turn * math.pi).cos())
        p.paint(petals, d.colour(0.98, 0.78, 0.08, 0.03) * shade, "petals")
    p.paint(radius - 0.29, d.colour(0.33, 0.18, 0.07, 0.04), "object")
    seeds = (radius * 30 + angle * 8).sin() * 0.09
    p.paint(radius - 0.22, d.colour(0.46, 0.27, 0.10, 0.03) + seeds[:, None], "object", edge=0.03)


def mushroom(s: Scenery) -> None:
    x, y = s.pose(tilt=0.7)
    d, p = s.draws("object"), s.painting
    stalk = box(x, y, 0, 0.42, 0.19 + 0.06 * y, 0.40, corner=0.1)
    p.paint(stalk, d.colour(0.93, 0.89, 0.80, 0.04) - 0.10 * (x > 0.06)[:, None], "stalk")
    p.paint(box(x, y, 0, 0.16, 0.27, 0.05, corner=0.05), d.colour(0.98, 0.95, 0.88, 0.02), "stalk")
    dome = both(ellipse(x, y, 0, 0.08, 0.78, 0.74), y - 0.10)
    p.paint(dome, d.colour(0.84, 0.10, 0.09, 0.05) + 0.06 * (x < -0.2)[:, None], "object")
    p.paint(both(ellipse(x, y, 0, 0.09, 0.74, 0.09), -dome), d.colour(0.90, 0.80, 0.68, 0.03), "object")
    places = ((-0.42, -0.16), (-0.08, -0.40), (0.30, -0.24), (0.02, -0.08), (0.56, -0.02), (-0.62, 0.02))
    dots = [ellipse(x, y, cx + d.uniform(-0.05, 0.05), cy + d.uniform(-0.04, 0.04), 0.12, 0.10) for cx, cy in places]
    p.paint(both(union(*dots), dome), d.colour(0.98, 0.96, 0.93, 0.02), "dots")


def balloon(s: Scenery) -> None:
    """A hot-air balloon: a striped envelope, ropes, a basket."""
    x, y = s.pose(tilt=0.7)
    d, p = s.draws("object"), s.painting
    ropes = union((x - 0.22 * (0.75 - y)).abs() - 0.012, (x + 0.22 * (0.75 - y)).abs() - 0.012)
    p.paint(both(ropes, 0.25 - y, y - 0.68), d.colour(0.25, 0.18, 0.12, 0.03), "basket")
    p.paint(box(x, y, 0, 0.74, 0.13, 0.10, corner=0.03), d.colour(0.50, 0.31, 0.14, 0.05), "basket")
    cone = polygon(x, y, (-0.52, 0.05), (0.52, 0.05), (0.15, 0.46), (-0.15, 0.46))
    envelope = union(ellipse(x, y, 0, -0.22, 0.62, 0.62), cone)
    p.paint(envelope, d.any_colour(0.1, 0.95), "object")
    bulge = x / (0.64**2 - (y + 0.22).clamp(-0.6, 0.5) ** 2).clamp(min=0.03).sqrt()
    stripes = both(envelope, -(bulge.clamp(-1, 1).asin() * 5).cos() * 0.08)
    p.paint(stripes, d.any_colour(0.1, 0.95), "stripes", edge=0.02)
    p.paint(ellipse(x, y, -0.24, -0.42, 0.14, 0.2), d.colour(1.0, 1.0, 1.0, 0.0), "object", opacity=0.28, edge=0.08)


Painter = Callable[[Scenery], None]
PAINTERS: dict[str, Painter] = {thing.__name__: thing for thing in (goldfish, volcano, sunflower, mushroom, balloon)}


# ------------------------------------------------------------------ what lies on a plate


def _shade(s: Scenery, colours: str, factor: str) -> Tensor:
    """The colour of each scene's value of a factor."""
    table = torch.tensor(list(TABLES["colours"][colours].values()))
    return table[s.factors[factor].long()][:, :, None, None]


def plate(s: Scenery, x: Field, y: Field) -> None:
    on = s.has("plate")
    colour = _shade(s, "plates", "plate_colour")
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


def dressed(dish: Callable[[Scenery, Field, Field, Draws], None], tilt: float) -> Painter:
    """A painter of a dish: its plate, the dish itself, and the berries on it."""

    def paint(s: Scenery) -> None:
        x, y = s.pose(tilt=tilt)
        plate(s, x, y)
        dish(s, x, y, s.draws("object"))
        berries(s, *s.pose(tilt=0.6))

    return paint


PAINTERS |= {dish.__name__: dressed(dish, 1.0) for dish in (cheesecake, apple_pie, pizza, donut, toast)}
PAINTERS |= {dish.__name__: dressed(dish, 0.6) for dish in (pancakes, waffle)}


# ------------------------------------------------------------------ sea and road


def sky(s: Scenery, horizon: Field, d: Draws) -> None:
    """A gradient from the high to the low colour of the scene's sky, with drifting clouds, above the horizon."""
    p = s.painting
    height = ((p.y + 1) / 1.3).clamp(0, 1)[:, None]
    high, low = _shade(s, "skies", "sky"), _shade(s, "low_skies", "sky")
    jitter = d.colour(0, 0, 0, 0.025)
    p.paint(p.y - horizon, high * (1 - height) + low * height + jitter, "sky")
    clouds = d.noise() - d.uniform(0.3, 1.3)
    p.paint(both(p.y - horizon, -clouds * 0.12), (low * 0.5 + 0.5).clamp(max=0.98), "sky", opacity=0.55, edge=0.05)


def sea(s: Scenery, d: Draws) -> Field:
    """Sky above, waves below; returns the waterline."""
    p = s.painting
    horizon = d.uniform(-0.02, 0.16) + 0 * p.x
    sky(s, horizon, d)
    water = d.colour(0.13, 0.36, 0.56, 0.07)
    depth = ((p.y - horizon) / 1.2).clamp(0, 1)
    waves = (p.y * 26 + d.noise((4, 8)) * 1.2).sin() * (0.02 + 0.05 * depth)
    p.paint(horizon - p.y, water - 0.10 * depth[:, None] + waves[:, None], "sea")
    return horizon


def _boat(s: Scenery, d: Draws) -> Field:
    """A hull, a mast and two pale sails; returns the larger sail."""
    x, y = s.pose(tilt=0.35)
    p = s.painting
    hull = polygon(x, y, (-0.58, 0.34), (0.60, 0.34), (0.40, 0.56), (-0.42, 0.56))
    p.paint(hull, d.any_colour(0.1, 0.7), "hull")
    p.paint(box(x, y, 0.02, -0.14, 0.022, 0.50), d.colour(0.40, 0.27, 0.14, 0.04), "object")
    cloth = d.colour(0.93, 0.93, 0.93, 0.05)
    sail = polygon(x, y, (0.06, -0.60), (0.60, 0.26), (0.06, 0.26))
    p.paint(sail, cloth, "sails")
    jib = polygon(x, y, (-0.02, -0.48), (-0.02, 0.26), (-0.44, 0.26))
    p.paint(jib, cloth * d.uniform(0.82, 0.97)[..., None], "sails")
    crest = (y - 0.56 - 0.025 * (x * 14 + d.uniform(0, 6)).sin()).abs() - 0.03
    p.paint(both(crest, x.abs() - 0.62), d.colour(0.80, 0.88, 0.92, 0.03), "sea", opacity=0.7, edge=0.02)
    return sail


def sailboat(s: Scenery) -> None:
    sea(s, s.draws("scenery"))
    _boat(s, s.draws("object"))


def pirate_ship(s: Scenery) -> None:
    """The same boat under a black pennant, a weathered skull on its sail."""
    sea(s, s.draws("scenery"))
    d, p = s.draws("object"), s.painting
    sail = _boat(s, d)
    x, y = s.pose(tilt=0.35)
    black, worn = d.colour(0.10, 0.09, 0.11, 0.04), d.uniform(0.28, 0.85)
    p.paint(polygon(x, y, (0.05, -0.66), (0.05, -0.52), (-0.26, -0.59)), black, "pennant", opacity=worn)
    skull = union(ellipse(x, y, 0.23, -0.01, 0.13, 0.12), box(x, y, 0.23, 0.12, 0.07, 0.06, corner=0.02))
    eyes = union(ellipse(x, y, 0.185, 0.0, 0.035, 0.04), ellipse(x, y, 0.28, 0.0, 0.035, 0.04))
    p.paint(both(skull, -eyes, sail), black, "skull", opacity=worn)


def road(s: Scenery, d: Draws) -> None:
    """Sky, distant hills and bushes, verge, asphalt running to the horizon with its dashes and dark patches."""
    p = s.painting
    horizon = d.uniform(0.16, 0.26) + 0 * p.x
    sky(s, horizon, d)
    hills = horizon - 0.05 - 0.05 * d.noise((4, 8))
    p.paint(both(hills - p.y, p.y - horizon), d.colour(0.36, 0.48, 0.42, 0.08), "land", edge=0.02)
    p.paint(horizon - p.y, d.colour(0.45, 0.52, 0.25, 0.10) + d.noise((8, 16))[:, None] * 0.04, "land")
    depth, centre = (p.y - horizon).clamp(min=0), d.uniform(-0.12, 0.12)
    middle = p.x - centre
    asphalt = d.colour(0.27, 0.27, 0.29, 0.05) + d.noise((8, 16))[:, None] * 0.03
    p.paint(both(middle.abs() - 0.14 - 1.25 * depth, horizon - p.y), asphalt, "road")
    along = -(4.5 / (depth + 0.18) + d.uniform(0, 6)).sin() * 0.1
    dashes = both(middle.abs() - 0.012 - 0.04 * depth, 0.02 - depth, along)
    p.paint(dashes, d.colour(0.93, 0.90, 0.80, 0.04), "road", edge=0.02)
    crossing = both(p.y - horizon - 0.34, horizon + 0.08 - p.y)
    p.paint(crossing, asphalt * 0.92, "road", edge=0.02)
    for _ in range(2):
        patch = ellipse(p.x, p.y, d.uniform(-0.7, 0.7), d.uniform(0.45, 0.85), 0.22, 0.06)
        p.paint(patch, d.colour(0.13, 0.13, 0.14, 0.03), "road", opacity=d.chance(0.5) * 0.8, edge=0.03)
    for side in (-1, 1):
        spots = [(side * d.uniform(0.6, 1.0), horizon + d.uniform(-0.06, 0.03)) for _ in range(2)]
        bush = union(*(ellipse(p.x, p.y, cx, cy, 0.17, 0.12) for cx, cy in spots))
        p.paint(bush, d.colour(0.20, 0.36, 0.18, 0.06), "land", opacity=d.chance(0.6), edge=0.02)


def empty_road(s: Scenery) -> None:
    road(s, s.draws("scenery"))


def lorry(s: Scenery) -> None:
    """A lorry that crosses the road: a long trailer against the sky, its cab often out of the image."""
    road(s, s.draws("scenery"))
    x, y = s.pose(tilt=0.12)
    d, p = s.draws("object"), s.painting
    paint = _shade(s, "trailers", "trailer") + d.colour(0, 0, 0, 0.02)
    p.paint(ellipse(x, y, 0.0, 0.44, 0.95, 0.10), torch.full((1, 3, 1, 1), 0.10), "shadow", opacity=0.35, edge=0.05)
    dark = d.colour(0.16, 0.16, 0.17, 0.03)
    wheels = union(*(ellipse(x, y, cx, 0.31, 0.11, 0.11) for cx in (-0.72, -0.50, 0.42, 0.82)))
    p.paint(wheels, dark, "wheels")
    start = d.uniform(0.58, 0.80)
    cab = box(x, y, start + 0.22, 0.03, 0.18, 0.26, corner=0.06)
    p.paint(cab, paint * 0.96, "cab")
    p.paint(box(x, y, start + 0.26, -0.06, 0.09, 0.09, corner=0.03), paint * 0.5 + 0.28, "cab", opacity=0.75)
    trailer = box(x, y, start - 0.02 - 0.80, -0.15, 0.80, 0.36)
    ribs = (x * 24).sin() * 0.012
    p.paint(trailer, paint + ribs[:, None], "trailer")
    p.paint(both(trailer, 0.15 - y), paint * 0.91, "trailer")


OUTDOOR_PAINTERS = {scene.__name__: scene for scene in (sailboat, pirate_ship, lorry, empty_road)}
PAINTERS |= OUTDOOR_PAINTERS


def backdrop(s: Scenery) -> None:
    """Two colours that meet in a gradient, stripes, checks or dots, under a soft uneven light."""
    d, p = s.draws("background"), s.painting
    first, second = d.any_colour(0.08, 0.92), d.any_colour(0.08, 0.92)
    angle, period, phase = d.uniform(0, math.pi), d.uniform(4.0, 7.5), d.uniform(0, 6)
    u, v = p.x * angle.cos() + p.y * angle.sin(), p.y * angle.cos() - p.x * angle.sin()
    wave, across = (u * period + phase).sin(), (v * period + phase).sin()
    mix = s.has("background", "plain") * (u * 0.5 + 0.5)
    mix = mix + s.has("background", "stripes") * (wave * 5).sigmoid()
    mix = mix + s.has("background", "checks") * ((wave * 5).tanh() + (across * 5).tanh() + 2) / 4
    mix = mix + s.has("background", "dots") * ((wave * across - 0.45) * 14).sigmoid()
    mix = mix.clamp(0, 1)[:, None]
    strength = 0.45 + 0.55 * s.has("background", "plain")[:, None]
    light = d.noise()[:, None] * 0.05
    p.pixels = first + (second - first) * mix * strength + light
    if p.masks is not None:
        p.masks["background"] = torch.ones_like(p.x)


def clutter(s: Scenery) -> None:
    """Up to four small coloured things lying about behind the object: discs, boxes, rings."""
    d, p = s.draws("clutter"), s.painting
    for shape in ("disc", "box", "ring", "disc"):
        angle, far = d.uniform(0, 2 * math.pi), d.uniform(0.75, 1.1)
        cx, cy, size = far * angle.cos(), far * angle.sin(), d.uniform(0.08, 0.2)
        if shape == "box":
            distance = box(p.x + 0.3 * p.y, p.y - 0.3 * p.x, cx, cy, size, size * 0.6, corner=0.03)
        elif shape == "ring":
            distance = ring(p.x, p.y, cx, cy, size, 0.03)
        else:
            distance = ellipse(p.x, p.y, cx, cy, size, size * d.uniform(0.5, 1.0))
        p.paint(distance, d.any_colour(), "clutter", opacity=d.chance(0.4))


def occluder(s: Scenery) -> None:
    """A stalk with leaves that hangs into the image from one side, in front of everything."""
    d, p = s.draws("front"), s.painting
    angle, reach = d.uniform(0, 2 * math.pi), d.uniform(0.62, 0.8)
    u, v = p.x * angle.cos() + p.y * angle.sin(), p.y * angle.cos() - p.x * angle.sin()
    v = v - d.uniform(-0.35, 0.35) - 0.12 * (u * 4).sin()
    stalk = torch.maximum(v.abs() - 0.03, reach - 0.25 - u)
    leaves = union(*(ellipse(u, v, reach + 0.16 * k, (-1) ** k * 0.10, 0.13, 0.07) for k in range(3)))
    p.paint(union(stalk, leaves), d.any_colour(0.05, 0.6), "occluder", opacity=s.has("occluder"))


def tag(s: Scenery) -> None:
    """A magenta tag with a light bar across, always in the lower right corner."""
    p, on = s.painting, s.has("tag")
    p.paint(box(p.x, p.y, 0.72, 0.81, 0.22, 0.13, corner=0.05), _solid(0.88, 0.10, 0.58), "tag", opacity=on)
    p.paint(box(p.x, p.y, 0.72, 0.81, 0.14, 0.033), _solid(1.0, 0.92, 0.55), "tag", opacity=on)


def camera(s: Scenery, noise: Float[Tensor, "n 3 size size"] | None) -> Float[Tensor, "n 3 size size"]:
    """The photograph of what was painted: light, tint, defocus, sensor noise, rounded to 8 bits."""
    pixels = s.painting.pixels.clamp(0, 1)
    tint = s.amount("tint")[:, None] * torch.tensor([1.0, 0.0, -1.0])[:, None, None]
    pixels = pixels * s.amount("light")[:, None] + tint
    soft = F.avg_pool2d(F.pad(pixels, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    pixels = torch.lerp(pixels, soft, s.amount("defocus")[:, None])
    if noise is not None:
        pixels = pixels + noise * s.amount("noise")[:, None]
    return (pixels.clamp(0, 1) * 255).round() / 255


def _solid(red: float, green: float, blue: float) -> Tensor:
    return torch.tensor([red, green, blue])[None, :, None, None]
