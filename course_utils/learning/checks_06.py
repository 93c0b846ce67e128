"""What the check of chapter 6's jitter looks at (`checks_06_kept.py` has the share that survives)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course_utils.learning.exercises import Mistake
from course_utils.learning.properties import close, inputs_untouched, require_flow, require_tensor_like

PICTURES, SIZE = 64, (9, 13)  # 64 pictures leave out none of the few possible moves, but for one time in millions


def check_jitter(function: Callable, reference: Callable) -> None:
    """Each picture rolled as a whole, by moves of its own, over the whole range, from the generator given."""
    images = torch.rand(PICTURES, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    for pixels in (2, 1):
        generator = torch.Generator().manual_seed(1)
        with inputs_untouched(images=images):
            first = require_tensor_like(function(images, pixels, generator), images)
            second = require_tensor_like(function(images, pixels, generator), images)
            again = function(images, pixels, torch.Generator().manual_seed(1))
        if close(first, images):
            raise Mistake("nothing has moved: return the moved pictures.")
        _require_moves(_moves(first, images), pixels)
        if torch.equal(first, second):
            raise Mistake("two calls move the pictures alike: every call should draw anew, so do not set a seed in it.")
        if not torch.equal(first, again):
            raise Mistake(
                "the same seed gives other moves: draw from the generator that is given, "
                "`torch.randint(…, generator=generator)`."
            )
    require_flow(lambda images: function(images, 2, torch.Generator().manual_seed(2)), images, "images")


def _moves(moved: Tensor, images: Tensor) -> Tensor:
    """How far each picture was rolled down and across, (pictures, 2), the shorter way round."""
    if close(moved.sum(0), images.sum(0)):
        raise Mistake("whole pictures change places: the batch's axis, dim 0, must not move. Roll height and width.")
    found = [_roll_of(after, before) for after, before in zip(moved, images, strict=True)]
    bad = torch.tensor([each is None for each in found])
    if bad.any():
        raise Mistake(_why_no_roll(moved[bad], images[bad]))
    return torch.tensor(found)


def _roll_of(after: Tensor, before: Tensor) -> tuple[int, int] | None:
    """The roll that makes one picture of the other, or None. The upper left pixel says where to look."""
    distance = (before - after[:, :1, :1]).abs().sum(0)
    y, x = divmod(int(distance.argmin()), SIZE[1])
    down, across = ((-by + size // 2) % size - size // 2 for by, size in zip((y, x), SIZE, strict=True))
    return (down, across) if close(before.roll((down, across), dims=(1, 2)), after) else None


def _why_no_roll(moved: Tensor, images: Tensor) -> str:
    (height, width), most = SIZE, 3
    inside = moved[:, :, most:-most, most:-most]
    parts = [
        images[:, :, most - down : height - most - down, most - across : width - most - across]
        for down in range(-most, most + 1)
        for across in range(-most, most + 1)
    ]
    same = torch.stack([torch.isclose(part, inside, atol=1e-5).flatten(2).all(2) for part in parts])
    if same.all(2).any(0).all():  # for every picture there is a move that all channels have made
        return (
            "the pictures move, but their border is filled in another way: what leaves on one side comes back on the "
            "other, as `roll` does it."
        )
    if same.any(0).all():
        return "the colours of a picture move apart: move all its channels together, `dims=(1, 2)` of one picture."
    if close(moved.sum((2, 3)).sort(1).values, images.sum((2, 3)).sort(1).values):
        return "colours change places: of one picture (3, height, width) roll the last two axes, `dims=(1, 2)`."
    return (
        f"{len(moved)} of {PICTURES} pictures are not the given ones moved by whole pixels: `image.roll((down, "
        "across), dims=(1, 2))` moves one picture."
    )


def _require_moves(moves: Tensor, pixels: int) -> None:
    down, across = moves[:, 0], moves[:, 1]
    low, high = int(moves.min()), int(moves.max())
    span = f"with pixels={pixels} the moves should run from {-pixels} to {pixels}"
    if len(moves.unique(dim=0)) == 1:
        raise Mistake("all pictures move alike: draw for each picture, `torch.randint(…, (len(images), 2), …)`.")
    for fixed, name in ((down, "down"), (across, "across")):
        if not fixed.any():
            raise Mistake(f"nothing moves {name}: draw two numbers a picture, one down and one across.")
    if torch.equal(down, across):
        raise Mistake("each picture moves as far down as across, along the diagonal: draw two numbers a picture.")
    if low >= 0 or high <= 0:
        way = "down and right" if low >= 0 else "up and left"
        raise Mistake(f"the pictures move only {way}, by {low} to {high} pixels: {span}.")
    if (low, high) == (-pixels, pixels - 1):
        raise Mistake(f"{span}, yours end at {high}: `randint` never gives its upper end, so make that `pixels + 1`.")
    if (low, high) != (-pixels, pixels):
        raise Mistake(f"{span}, yours run from {low} to {high}.")
    for both, name in ((down, "down"), (across, "across")):
        missing = set(range(-pixels, pixels + 1)) - set(both.tolist())
        if missing:
            raise Mistake(f"no picture moves by {min(missing)} {name}: {span}, with all whole numbers between.")
