"""Painters of single things in front of a patterned backdrop: goldfish, volcano, sunflower, mushroom, balloon."""

from __future__ import annotations

import math

import torch

from course_utils.world.picture import both, box, ellipse, polygon, ring, union
from course_utils.world.pose import Scenery


def goldfish(s: Scenery) -> None:
    x, y = s.pose()
    d, p = s.draws("object"), s.picture
    fins = d.colour(0.98, 0.62, 0.16, 0.05)
    tail = union(
        ellipse(x - 0.62 + y * 0.4, y, 0, -0.22, 0.28, 0.20), ellipse(x - 0.62 - y * 0.4, y, 0, 0.22, 0.28, 0.20)
    )
    p.paint(tail, fins, "tail")
    p.paint(polygon(x, y, (-0.38, -0.26), (0.10, -0.58), (0.30, -0.20)), fins * 0.95, "object")
    p.paint(polygon(x, y, (-0.10, 0.25), (0.18, 0.22), (0.14, 0.54)), fins * 0.92, "object")
    scales = (x * 16).sin() * (y * 16).sin() * 0.04
    body = ellipse(x, y, -0.10, 0.0, 0.58, 0.34)
    p.paint(body, d.colour(0.95, 0.46, 0.08, 0.05) + scales[:, None], "object")
    p.paint(ellipse(x, y, -0.14, 0.20, 0.40, 0.12), d.colour(0.99, 0.76, 0.42, 0.04), "object", opacity=0.7, edge=0.04)
    p.paint(
        both(ring(x, y, -0.62, 0.0, 0.34, 0.025), body + 0.03), d.colour(0.75, 0.30, 0.05, 0.03), "object", opacity=0.8
    )
    p.paint(ellipse(x, y, -0.46, -0.08, 0.095, 0.095), d.colour(0.97, 0.97, 0.95, 0.02), "object")
    p.paint(ellipse(x, y, -0.48, -0.08, 0.052, 0.052), d.colour(0.04, 0.04, 0.06, 0.02), "object")
    bubbles = union(*(ring(x, y, -0.78 - 0.04 * k, -0.25 - 0.21 * k, 0.05 + 0.015 * k, 0.016) for k in range(3)))
    p.paint(bubbles, d.colour(0.92, 0.96, 1.0, 0.02), "bubbles", opacity=d.chance(0.7) * 0.85)


def volcano(s: Scenery) -> None:
    x, y = s.pose(tilt=0.4)
    d, p = s.draws("object"), s.picture
    ash = d.noise()
    smoke = union(
        ellipse(x, y, d.uniform(-0.1, 0.1), -0.50, 0.20, 0.17),
        ellipse(x, y, d.uniform(-0.2, 0.2), -0.70, 0.30, 0.20),
        ellipse(x, y, d.uniform(-0.2, 0.3), -0.88, 0.26, 0.17),
    )
    p.paint(smoke + ash * 0.025, d.colour(0.60, 0.58, 0.60, 0.08) + ash[:, None] * 0.07, "smoke", edge=0.03)
    spray = union(*(ellipse(x, y, d.uniform(-0.28, 0.28), d.uniform(-0.66, -0.36), 0.045, 0.055) for _ in range(5)))
    p.paint(spray, d.colour(0.99, 0.62, 0.10, 0.05), "lava")
    mountain = polygon(x, y, (-0.20, -0.30), (0.20, -0.30), (0.95, 0.80), (-0.95, 0.80)) + d.noise((8, 16)) * 0.012
    rock = d.colour(0.36, 0.29, 0.28, 0.12) + d.noise((8, 16))[:, None] * 0.05
    p.paint(mountain, rock - 0.10 * (x > 0.1)[:, None], "object")
    wobble = 0.07 * (y * 8 + d.uniform(0, 6)).sin()
    stream = (x - wobble).abs() - 0.075 - 0.07 * (y + 0.3)
    side = (x - 0.35 * (y + 0.3) - wobble * 0.7).abs() - 0.05
    lava = union(
        both(stream, y - d.uniform(0.35, 0.6)),
        both(side, y - d.uniform(0.1, 0.35)),
        ellipse(x, y, 0, -0.29, 0.21, 0.06),
    )
    p.paint(both(lava, mountain - 0.03), d.colour(0.95, 0.28, 0.04, 0.04), "lava")
    p.paint(both(lava + 0.055, mountain), d.colour(1.0, 0.72, 0.12, 0.04), "lava", edge=0.02)


def sunflower(s: Scenery) -> None:
    x, y = s.pose()
    d, p = s.draws("object"), s.picture
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
    d, p = s.draws("object"), s.picture
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
    d, p = s.draws("object"), s.picture
    ropes = union((x - 0.22 * (0.75 - y)).abs() - 0.012, (x + 0.22 * (0.75 - y)).abs() - 0.012)
    p.paint(both(ropes, 0.25 - y, y - 0.68), d.colour(0.25, 0.18, 0.12, 0.03), "basket")
    p.paint(box(x, y, 0, 0.74, 0.13, 0.10, corner=0.03), d.colour(0.50, 0.31, 0.14, 0.05), "basket")
    cone = polygon(x, y, (-0.52, 0.05), (0.52, 0.05), (0.15, 0.46), (-0.15, 0.46))
    envelope = union(ellipse(x, y, 0, -0.22, 0.62, 0.62), cone)
    p.paint(envelope, d.any_colour(0.1, 0.95), "object")
    bulge = x / (0.64**2 - (y + 0.22).clamp(-0.6, 0.5) ** 2).clamp(min=0.03).sqrt()
    p.paint(
        both(envelope, -(bulge.clamp(-1, 1).asin() * 5).cos() * 0.08), d.any_colour(0.1, 0.95), "stripes", edge=0.02
    )
    p.paint(ellipse(x, y, -0.24, -0.42, 0.14, 0.2), d.colour(1.0, 1.0, 1.0, 0.0), "object", opacity=0.28, edge=0.08)


PAINTERS = {thing.__name__: thing for thing in (goldfish, volcano, sunflower, mushroom, balloon)}
