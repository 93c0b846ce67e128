"""Painters of sea and road: sailboat, pirate ship, lorry, empty road.

A white trailer under a bright sky is hard to see here, as it was said to be on a Florida road in May 2016. Sailboat
and pirate ship are one boat, told apart by a pennant and a skull.
"""

from __future__ import annotations

import torch

from course_utils.world.draws import Draws
from course_utils.world.picture import Field, both, box, ellipse, polygon, union
from course_utils.world.pose import Scenery

SKIES = {
    "bright": (0.93, 0.95, 0.97),
    "blue": (0.36, 0.60, 0.88),
    "grey": (0.52, 0.55, 0.60),
    "dusk": (0.50, 0.34, 0.52),
}
LOW_SKIES = {
    "bright": (0.97, 0.97, 0.96),
    "blue": (0.66, 0.82, 0.94),
    "grey": (0.64, 0.66, 0.68),
    "dusk": (0.93, 0.56, 0.38),
}
TRAILERS = {
    "white": (0.95, 0.95, 0.95), "red": (0.76, 0.16, 0.14), "blue": (0.14, 0.28, 0.66),
    "green": (0.12, 0.48, 0.26), "orange": (0.92, 0.52, 0.10),
}  # fmt: skip


def _shade(colours: dict[str, tuple], index: torch.Tensor) -> torch.Tensor:
    return torch.tensor(list(colours.values()))[index.long()][:, :, None, None]


def sky(s: Scenery, horizon: Field, d: Draws) -> None:
    """A gradient from the high to the low colour of the scene's sky, with drifting clouds, above the horizon."""
    p = s.picture
    height = ((p.y + 1) / 1.3).clamp(0, 1)[:, None]
    high, low = _shade(SKIES, s.factors["sky"]), _shade(LOW_SKIES, s.factors["sky"])
    jitter = d.colour(0, 0, 0, 0.025)
    p.paint(p.y - horizon, high * (1 - height) + low * height + jitter, "sky")
    clouds = d.noise() - d.uniform(0.3, 1.3)
    p.paint(both(p.y - horizon, -clouds * 0.12), (low * 0.5 + 0.5).clamp(max=0.98), "sky", opacity=0.55, edge=0.05)


def sea(s: Scenery, d: Draws) -> Field:
    """Sky above, waves below; returns the waterline."""
    p = s.picture
    horizon = d.uniform(-0.02, 0.16) + 0 * p.x
    sky(s, horizon, d)
    water = d.colour(0.13, 0.36, 0.56, 0.07)
    depth = ((p.y - horizon) / 1.2).clamp(0, 1)
    waves = (p.y * 26 + d.noise((4, 8)) * 1.2).sin() * (0.02 + 0.05 * depth)
    p.paint(horizon - p.y, water - 0.10 * depth[:, None] + waves[:, None], "sea")
    return horizon


def _foam(s: Scenery, x: Field, y: Field, line: float, width: float, d: Draws) -> None:
    crest = (y - line - 0.025 * (x * 14 + d.uniform(0, 6)).sin()).abs() - 0.03
    s.picture.paint(both(crest, x.abs() - width), d.colour(0.80, 0.88, 0.92, 0.03), "sea", opacity=0.7, edge=0.02)


def _boat(s: Scenery, d: Draws) -> Field:
    """A hull, a mast and two pale sails; returns the larger sail."""
    x, y = s.pose(tilt=0.35)
    p = s.picture
    hull = polygon(x, y, (-0.58, 0.34), (0.60, 0.34), (0.40, 0.56), (-0.42, 0.56))
    p.paint(hull, d.any_colour(0.1, 0.7), "hull")
    p.paint(box(x, y, 0.02, -0.14, 0.022, 0.50), d.colour(0.40, 0.27, 0.14, 0.04), "object")
    cloth = d.colour(0.93, 0.93, 0.93, 0.05)
    sail = polygon(x, y, (0.06, -0.60), (0.60, 0.26), (0.06, 0.26))
    p.paint(sail, cloth, "sails")
    p.paint(
        polygon(x, y, (-0.02, -0.48), (-0.02, 0.26), (-0.44, 0.26)), cloth * d.uniform(0.82, 0.97)[..., None], "sails"
    )
    _foam(s, x, y, 0.56, 0.62, d)
    return sail


def sailboat(s: Scenery) -> None:
    sea(s, s.draws("scenery"))
    _boat(s, s.draws("object"))


def pirate_ship(s: Scenery) -> None:
    """The same boat under a black pennant, a weathered skull on its sail."""
    sea(s, s.draws("scenery"))
    d, p = s.draws("object"), s.picture
    sail = _boat(s, d)
    x, y = s.pose(tilt=0.35)
    black, worn = d.colour(0.10, 0.09, 0.11, 0.04), d.uniform(0.28, 0.85)
    p.paint(polygon(x, y, (0.05, -0.66), (0.05, -0.52), (-0.26, -0.59)), black, "pennant", opacity=worn)
    skull = union(ellipse(x, y, 0.23, -0.01, 0.13, 0.12), box(x, y, 0.23, 0.12, 0.07, 0.06, corner=0.02))
    eyes = union(ellipse(x, y, 0.185, 0.0, 0.035, 0.04), ellipse(x, y, 0.28, 0.0, 0.035, 0.04))
    p.paint(both(skull, -eyes, sail), black, "skull", opacity=worn)


def road(s: Scenery, d: Draws) -> None:
    """Sky, distant hills and bushes, verge, asphalt running to the horizon with its dashes and dark patches."""
    p = s.picture
    horizon = d.uniform(0.16, 0.26) + 0 * p.x
    sky(s, horizon, d)
    hills = horizon - 0.05 - 0.05 * d.noise((4, 8))
    p.paint(both(hills - p.y, p.y - horizon), d.colour(0.36, 0.48, 0.42, 0.08), "land", edge=0.02)
    p.paint(horizon - p.y, d.colour(0.45, 0.52, 0.25, 0.10) + d.noise((8, 16))[:, None] * 0.04, "land")
    depth, centre = (p.y - horizon).clamp(min=0), d.uniform(-0.12, 0.12)
    middle = p.x - centre
    asphalt = d.colour(0.27, 0.27, 0.29, 0.05) + d.noise((8, 16))[:, None] * 0.03
    p.paint(both(middle.abs() - 0.14 - 1.25 * depth, horizon - p.y), asphalt, "road")
    dashes = both(
        middle.abs() - 0.012 - 0.04 * depth, 0.02 - depth, -(4.5 / (depth + 0.18) + d.uniform(0, 6)).sin() * 0.1
    )
    p.paint(dashes, d.colour(0.93, 0.90, 0.80, 0.04), "road", edge=0.02)
    crossing = both(p.y - horizon - 0.34, horizon + 0.08 - p.y)
    p.paint(crossing, asphalt * 0.92, "road", edge=0.02)
    for _ in range(2):
        patch = ellipse(p.x, p.y, d.uniform(-0.7, 0.7), d.uniform(0.45, 0.85), 0.22, 0.06)
        p.paint(patch, d.colour(0.13, 0.13, 0.14, 0.03), "road", opacity=d.chance(0.5) * 0.8, edge=0.03)
    for side in (-1, 1):
        bush = union(
            *(
                ellipse(p.x, p.y, side * d.uniform(0.6, 1.0), horizon + d.uniform(-0.06, 0.03), 0.17, 0.12)
                for _ in range(2)
            )
        )
        p.paint(bush, d.colour(0.20, 0.36, 0.18, 0.06), "land", opacity=d.chance(0.6), edge=0.02)


def empty_road(s: Scenery) -> None:
    road(s, s.draws("scenery"))


def lorry(s: Scenery) -> None:
    """A lorry that crosses the road: a long trailer against the sky, its cab often out of the picture."""
    road(s, s.draws("scenery"))
    x, y = s.pose(tilt=0.12)
    d, p = s.draws("object"), s.picture
    paint = _shade(TRAILERS, s.factors["trailer"]) + d.colour(0, 0, 0, 0.02)
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


PAINTERS = {scene.__name__: scene for scene in (sailboat, pirate_ship, lorry, empty_road)}
