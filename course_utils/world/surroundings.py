"""What is around the main object: the backdrop, clutter, what stands in front, the tag, and the camera."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from course_utils.world.picture import box, ellipse, ring, union
from course_utils.world.pose import Scenery


def backdrop(s: Scenery) -> None:
    """Two colours that meet in a gradient, stripes, checks or dots, under a soft uneven light."""
    d, p = s.draws("background"), s.picture
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
    d, p = s.draws("clutter"), s.picture
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
    """A stalk with leaves that hangs into the picture from one side, in front of everything."""
    d, p = s.draws("front"), s.picture
    angle, reach = d.uniform(0, 2 * math.pi), d.uniform(0.62, 0.8)
    u, v = p.x * angle.cos() + p.y * angle.sin(), p.y * angle.cos() - p.x * angle.sin()
    v = v - d.uniform(-0.35, 0.35) - 0.12 * (u * 4).sin()
    stalk = torch.maximum(v.abs() - 0.03, reach - 0.25 - u)
    leaves = union(*(ellipse(u, v, reach + 0.16 * k, (-1) ** k * 0.10, 0.13, 0.07) for k in range(3)))
    p.paint(union(stalk, leaves), d.any_colour(0.05, 0.6), "occluder", opacity=s.has("occluder"))


def tag(s: Scenery) -> None:
    """A magenta tag with a light bar across, always in the lower right corner."""
    p, on = s.picture, s.has("tag")
    p.paint(box(p.x, p.y, 0.72, 0.81, 0.22, 0.13, corner=0.05), _solid(0.88, 0.10, 0.58), "tag", opacity=on)
    p.paint(box(p.x, p.y, 0.72, 0.81, 0.14, 0.033), _solid(1.0, 0.92, 0.55), "tag", opacity=on)


def camera(s: Scenery, noise: Float[Tensor, "n 3 size size"] | None) -> Float[Tensor, "n 3 size size"]:
    """The photograph of what was painted: light, tint, defocus, sensor noise, rounded to 8 bits."""
    pixels = s.picture.pixels.clamp(0, 1)
    tint = s.amount("tint")[:, None] * torch.tensor([1.0, 0.0, -1.0])[:, None, None]
    pixels = pixels * s.amount("light")[:, None] + tint
    soft = F.avg_pool2d(F.pad(pixels, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    pixels = torch.lerp(pixels, soft, s.amount("defocus")[:, None])
    if noise is not None:
        pixels = pixels + noise * s.amount("noise")[:, None]
    return (pixels.clamp(0, 1) * 255).round() / 255


def _solid(red: float, green: float, blue: float) -> Tensor:
    return torch.tensor([red, green, blue])[None, :, None, None]
