"""The checks of chapter 6 accept what is right and name the mistake in what is wrong."""

import random

import numpy as np
import torch
from torch.nn import functional as F

from course_utils.teaching.exercises.chapter_06 import jitter, share, share_left


def draw(images, pixels, generator):
    return torch.randint(-pixels, pixels + 1, (len(images), 2), generator=generator)


def moved(images, moves, move=lambda image, by: image.roll(by, dims=(1, 2))):
    return torch.stack([move(image, tuple(by)) for image, by in zip(images, moves.tolist(), strict=True)])


def with_move(move):
    return lambda images, pixels, generator: moved(images, draw(images, pixels, generator), move)


def bordered(mode):
    def move(image, by):
        height, width = image.shape[1:]
        padded = F.pad(image[None], [4] * 4, mode=mode)[0]
        return padded[:, 4 - by[0] : 4 - by[0] + height, 4 - by[1] : 4 - by[1] + width]

    return with_move(move)


def half_pixels(images, pixels, generator):
    by = pixels * (2 * torch.rand(len(images), 2, generator=generator) - 1)
    return by_grid(images, by, "bilinear")


def by_grid(images, by, mode):
    height, width = images.shape[2:]
    grid = F.affine_grid(torch.eye(2, 3).expand(len(images), 2, 3), list(images.shape), align_corners=False)
    shift = 2 * by.flip(1) / torch.tensor([width, height])
    around = (grid - shift[:, None, None] + 1) % 2 - 1
    return F.grid_sample(images, around, mode=mode, align_corners=False, padding_mode="border")


def leaving_the_graph(images, pixels, generator):
    return torch.from_numpy(moved(images, draw(images, pixels, generator)).numpy())


def in_place(images, pixels, generator):
    for number, by in enumerate(draw(images, pixels, generator).tolist()):
        images[number] = images[number].roll(tuple(by), dims=(1, 2))
    return images


def with_pythons_random(images, pixels, generator):
    return moved(images, torch.tensor([[random.randint(-pixels, pixels) for _ in range(2)] for _ in images]))


def by_indexing(images, pixels, generator):
    """All images at once: rows and columns by number, drawn down and across one after the other."""
    count, _, height, width = images.shape
    down, across = (torch.randint(2 * pixels + 1, (count, 1), generator=generator) - pixels for _ in range(2))
    rows, columns = (torch.arange(height) - down) % height, (torch.arange(width) - across) % width
    which = torch.arange(count)[:, None, None]
    return images.permute(0, 2, 3, 1)[which, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def in_two_rolls(images, pixels, generator):
    result = []
    for image in images:
        down = int(torch.randint(-pixels, pixels + 1, (), generator=generator))
        across = torch.randint(-pixels, pixels + 1, (1,), generator=generator).item()
        result.append(torch.roll(torch.roll(image, down, -2), across, -1))
    return torch.stack(result)


def pixel_by_pixel(images, pixels, generator):
    result = []
    height, width = images.shape[2:]
    for image in images:
        down, across = torch.randint(-pixels, pixels + 1, (2,), generator=generator).numpy()
        rows = [image[:, [(y - down) % height]] for y in range(height)]
        image = torch.cat(rows, 1)
        result.append(torch.cat([image[..., [(x - across) % width]] for x in range(width)], -1))
    return torch.stack(result)


def with_a_graph(activation, images, transform, draws):
    return sum(activation(transform(images)) for _ in range(draws)) / draws / activation(images)


@torch.no_grad()
def all_in_one_batch(activation, images, transform, draws):
    drawn = activation(transform(images.repeat(draws, 1, 1, 1))).reshape(draws, len(images))
    return drawn.mean(0) / activation(images)


@torch.no_grad()
def image_by_image(activation, images, transform, draws):
    result = []
    for image in images.split(1):
        values = [activation(transform(image)).item() / activation(image).item() for _ in range(draws)]
        result.append(sum(values) / draws)
    return torch.tensor(result)


@torch.no_grad()
def in_numpy(activation, images, transform, draws):
    drawn = [activation(transform(images)).numpy() for _ in range(draws)]
    return torch.from_numpy(np.mean(drawn, axis=0) / activation(images).numpy())


@torch.no_grad()
def running_mean(activation, images, transform, draws):
    clean, mean = activation(images), torch.zeros(len(images))
    for number in range(draws):
        mean += (activation(transform(images)) / clean - mean) / (number + 1)
    return mean


WRONG = {
    "06-own-draws": {
        "one draw for the batch": (
            lambda images, p, g: images.roll(torch.randint(-p, p + 1, (2,), generator=g).tolist(), (2, 3)),
            "all images move alike",
        ),
        "the batch rolled": (lambda images, p, g: images.roll(int(draw(images, p, g)[0, 0]) or 1, 0), "change places"),
        "range one too small": (
            lambda images, p, g: moved(images, torch.randint(-p, p, (len(images), 2), generator=g)),
            "no image moves by 2",
        ),
        "gaps in the range": (lambda images, p, g: moved(images, p * draw(images, 1, g)), "move down by [-2, 0, 2]"),
        "dims of the wrong axes": (
            with_move(lambda image, by: image.roll(by, dims=(0, 1))),
            "colours change places or move apart",
        ),
        "each channel moved": (
            lambda images, p, g: jitter(images.flatten(0, 1)[:, None], p, g).view_as(images),
            "colours change places or move apart",
        ),
        "black border": (bordered("constant"), "border"),
        "mirrored border": (bordered("reflect"), "border"),
        "parts of pixels": (half_pixels, "by whole pixels"),
        "python's random": (with_pythons_random, "use `torch.randint(…, generator=generator)`"),
        "through numpy": (leaving_the_graph, "no gradient reaches `images`"),
        "data": (lambda images, pixels, generator: jitter(images.data, pixels, generator), "no gradient"),
        "changed in place": (in_place, "in place"),
    },
    "06-survives": {
        "one draw only": (lambda a, x, transform, draws: share_left(a, x, transform, 1), "only one draw counts"),
        "one for the batch": (lambda *given: share_left(*given).mean(), "whole batch"),
        "one for each draw": (share(combine=lambda drawn: drawn), "shape (7, 4)"),
        "graph left on": (with_a_graph, "no_grad"),
        "squared": (lambda *given: share_left(*given) ** 2, "the first image keeps"),
    },
}

RIGHT = {
    "06-own-draws": [
        by_indexing,
        in_two_rolls,
        pixel_by_pixel,
        with_move(lambda image, by: image.roll(by, dims=(1, 2))),
    ],
    "06-survives": [all_in_one_batch, image_by_image, in_numpy, running_mean],
}


def test_the_two_fit_together():
    images = torch.rand(5, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    move = lambda x: jitter(x, 3, generator)  # noqa: E731
    everywhere, in_a_corner = (lambda x: x.mean(dim=(1, 2, 3))), (lambda x: x[:, :, :6, :6].mean(dim=(1, 2, 3)))
    images[:, :, 6:, :] = 0
    assert torch.allclose(share_left(everywhere, images, move, 6), torch.ones(5), atol=1e-5)
    assert (share_left(in_a_corner, images, move, 64) < 0.95).all()
