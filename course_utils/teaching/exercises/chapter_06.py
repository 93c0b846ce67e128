"""The exercises of chapter 6, transformation robustness: a transform, and the share of activation left under it."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import cycle, product

import torch
from torch import Tensor

from course_utils.teaching.exercises.checks import (
    Compared,
    a_small_case,
    close,
    one_each,
    require_flow,
    tensor_like,
    untouched,
)
from course_utils.teaching.exercises.exercise import Exercise, Mistake


def jitter(images, pixels, generator):
    """Return `images`, each moved down and across by its own two random whole
    numbers of pixels, from -pixels to pixels. What leaves on one side comes
    back on the other.

    Why: A pattern that works at exactly one position says little. An image that is moved anew before each step cannot
    rely on one position. Each image needs random numbers of its own, or all would depend on the same ones.

    Hint: Each image needs two random whole numbers, one for down and one for across. How many is that for the
    batch?

    Hint: `torch.randint(low, high, shape, generator=generator)` never gives `high` itself: for moves up to `pixels`
    it has to be `pixels + 1`.

    Hint: `image.roll((down, across), dims=(1, 2))` moves one image (3, height, width), and gradients pass
    through. `torch.stack` makes a batch of the moved ones.
    """
    moves = torch.randint(-pixels, pixels + 1, (len(images), 2), generator=generator)
    moved = []
    for number, (down, across) in enumerate(moves.tolist()):
        moved.append(images[number].roll((down, across), dims=(1, 2)))
    return torch.stack(moved)


def share_left(activation, images, transform, draws):
    """Return, for each image, the share of its activation that random
    transforms leave: the mean over `draws` of them, divided by the activation
    of the untouched image.

    Why: This chapter compares methods by one number for each image: how much of its activation is left when the
    image is moved, turned and scaled.

    Hint: `transform(images)` gives another random result at each call. A single result depends on chance, so take the
    mean over many.

    Hint: Add up `activation(transform(images))` over `draws` calls, each on the untouched images, and divide by
    `draws`.

    Hint: Then divide by `activation(images)`, image by image. All of it inside `with torch.no_grad():`, since
    nothing is optimised here.
    """
    with torch.no_grad():
        total = 0
        for _ in range(draws):
            total = total + activation(transform(images))
        return total / draws / activation(images)


def check_jitter(function: Callable, exercise: Exercise) -> None:
    """Each image rolled as a whole, by moves of its own, over the whole range, from the generator given."""
    # 64 images leave out none of the few possible moves, except once in a hundred thousand times
    images = torch.rand(64, 3, 9, 13, generator=torch.Generator().manual_seed(0))
    for pixels in (2, 1):
        generator = torch.Generator().manual_seed(1)
        with untouched(images=images):
            first = tensor_like(function(images, pixels, generator), images)
            second = function(images, pixels, generator)
            again = function(images, pixels, torch.Generator().manual_seed(1))
        require_moves(moves_between(images, first), pixels)
        if torch.equal(first, second):
            raise Mistake("two calls move the images alike: every call should draw anew, so do not set a seed in it.")
        if not torch.equal(first, again):
            raise Mistake("the same seed gives other moves: use `torch.randint(…, generator=generator)`.")
    require_flow(function, (images, 2, torch.Generator().manual_seed(2)), "images")


def moves_between(images: Tensor, moved: Tensor) -> Tensor:
    """The rolls down and across that make `moved` of the images, (images, 2)."""
    moves = list(product(range(-4, 5), range(-6, 7)))  # all that an image of 9 × 13 pixels can make
    same = torch.stack([torch.isclose(images.roll(by, (2, 3)), moved, atol=1e-5) for by in moves])
    if close(moved, images):
        raise Mistake("nothing has moved: return the moved images.")
    if close(moved.sum(0), images.sum(0)):
        raise Mistake("whole images change places: leave dim 0, the batch's, and roll height and width.")
    found = same.flatten(2).all(2)
    if found.any(0).all():
        return torch.tensor(moves)[found.int().argmax(0)]
    if same[..., 3:-3, 3:-3].flatten(2).all(2).any(0).all():
        raise Mistake("the border is filled in another way: what leaves on one side comes back on the other (`roll`).")
    if close(moved.sum((2, 3)).sort(1).values, images.sum((2, 3)).sort(1).values):
        raise Mistake("colours change places or move apart: roll the last two axes of an image, `dims=(1, 2)`.")
    raise Mistake("images are not moved by whole pixels: `image.roll((down, across), dims=(1, 2))` moves one image.")


def require_moves(moves: Tensor, pixels: int) -> None:
    """Moves of its own for each image, in both directions, over the whole range."""
    if len(moves.unique(dim=0)) == 1:
        raise Mistake("all images move alike: draw for each image, `torch.randint(…, (len(images), 2), …)`.")
    for axis, way in enumerate(("down", "across")):
        found, expected = moves[:, axis].unique().tolist(), list(range(-pixels, pixels + 1))
        if found == expected[:-1]:
            raise Mistake(f"no image moves by {pixels}: `randint` never gives its upper end, so make it `pixels + 1`.")
        if found != expected:
            raise Mistake(f"with pixels={pixels} images move {way} by {found}, expected all of {expected}.")
    if torch.equal(moves[:, 0], moves[:, 1]):
        raise Mistake("each image moves as far down as across, along the diagonal: draw two numbers an image.")


class Transform:
    """A random transform whose first, second, … result for an image is the same in batches of any size."""

    def __init__(self) -> None:
        strengths = (0.9, 0.1, 0.3, 0.15, 0.95, 0.2, 0.5, 0.05)
        self.strengths: dict[float, Iterator[float]] = defaultdict(lambda: cycle(strengths))

    def __call__(self, images: Tensor) -> Tensor:
        strength = torch.tensor([next(self.strengths[float(image.sum())]) for image in images]).view(-1, 1, 1, 1)
        return images.roll(1, 3) * strength + 0.5 * (1 - strength)


def shares_to_check() -> Iterator[tuple]:
    """Arguments of a share, for two numbers of draws."""
    classifier, images, _ = a_small_case()
    for draws in (7, 4):
        yield lambda x: classifier(x)[:, 0].exp(), images, Transform(), draws


def one_each_without_graph(result: object, right: Tensor) -> None:
    """Form of a share: one number an image, free of a graph."""
    one_each(result, right)
    if isinstance(result, Tensor) and result.requires_grad:
        raise Mistake("your result holds a graph of all draws, which fills the memory: use `with torch.no_grad():`.")


def share(combine: Callable[[Tensor], Tensor]) -> Callable:
    """The share with the draws combined in another way than by their mean."""
    return lambda a, x, transform, draws: combine(torch.stack([a(transform(x)) for _ in range(draws)])) / a(x)


OWN_DRAWS = Exercise(
    id="06-own-draws",
    title="Jitter, different for each image",
    minutes=8,
    difficulty=2,
    reference=jitter,
    check=check_jitter,
    wrong={
        "all images move alike": {"moves.tolist": "moves[:1].expand_as(moves).tolist"},
        "never gives its upper end": {"pixels + 1": "pixels"},
        "expected all of [-2, -1, 0, 1, 2]": {
            "moves.tolist": ("moves.abs().tolist", "(moves + moves.sign()).tolist", "(moves // 2 * 2).tolist")
        },
        "the same seed gives other moves": lambda images, pixels, _: jitter(images, pixels, None),
        "images move across by [0]": {"roll((down, across)": "roll((down, 0)"},
        "images move down by [0]": {"roll((down, across)": "roll((0, across)"},
        "along the diagonal": {"roll((down, across)": "roll((down, down)"},
        "whole images change places": lambda images, *_: images.roll(1, 0),
        "colours change places or move apart": lambda images, *_: images.roll((1, 1), (1, 2)),
        "two calls move the images alike": lambda x, pixels, g: jitter(x, pixels, g.manual_seed(0)),
        "nothing has moved": lambda images, *_: images,
    },
)


SURVIVES = Compared(
    id="06-survives",
    title="The share that is left",
    minutes=6,
    difficulty=1,
    reference=share_left,
    cases=shares_to_check,
    otherwise="the first image keeps {right[0]:.3f} of its activation, your function says {result[0]:.3f}: "
    "is it the mean activation of the transformed images over that of the untouched one?",
    form=one_each_without_graph,
    wrong={
        "only one draw counts: add all of them up, `total = total + …`, then divide by `draws`.": (
            share(lambda drawn: drawn[0]),
            {"total + ": "", " / draws": ("", " / draws")},
        ),
        "a mean over the batch is in it: divide image by image, and average over the draws alone.": (
            {"total / draws": "total.mean() / draws"},
            {"/ activation(images)": "/ activation(images).mean()"},
        ),
        "this is the activation itself: divide it by `activation(images)`.": {" / activation(images)": ""},
        "this is the sum over the draws: divide it by `draws`.": {" / draws": ""},
        "the changes pile up: transform the untouched `images` each time.": {
            "total = 0": "start, total = images, 0",
            "transform(images)": "(images := transform(images))",
            "/ activation(images)": "/ activation(start)",
        },
        "the ratio is upside down: divide by the activation of the untouched images.": (
            lambda *given: 1 / share_left(*given),
            {" / draws / activation(images)": " / draws", "+ activation": "+ activation(images) / activation"},
        ),
        "this is the activation of the average image: take the activation of each draw, then their mean.": (
            lambda a, x, transform, draws: a(sum(transform(x) for _ in range(draws)) / draws) / a(x)
        ),
        "there are more transforms than `draws`: the divisor is the activation without one.": (
            lambda a, x, transform, draws: share_left(a, x, transform, draws + 1),
            lambda a, x, transform, draws: share_left(a, x, transform, draws) * a(x) / a(transform(x)),
            lambda a, x, transform, draws: a(x) / a(transform(x)) * share_left(a, x, transform, draws),
        ),
        "`transform` is never called: measure `activation(transform(images))`.": lambda a, x, *_: a(x) / a(x),
        "this is the best, the worst or the median of the draws: take their mean.": (
            share(lambda drawn: drawn.amax(0)),
            share(lambda drawn: drawn.amin(0)),
            share(lambda drawn: drawn.median(0).values),
        ),
        "this is the share that is lost: return the share that is left.": lambda *given: 1 - share_left(*given),
        "this is the difference: divide by the untouched images' activation.": {"draws /": "draws -"},
        "this is in per cent: return the share itself.": lambda *given: 100 * share_left(*given),
    },
)
