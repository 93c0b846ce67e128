"""The checks of chapter 6 accept what is right and name the mistake in what is wrong."""

import random

import torch
from torch.nn import functional as F

from course_utils.teaching.exercises.chapter_06 import jitter, kept


def draw(images, pixels, generator):
    return torch.randint(-pixels, pixels + 1, (len(images), 2), generator=generator)


def moved(images, moves, move=lambda image, by: image.roll(by, dims=(1, 2))):
    return torch.stack([move(image, tuple(by)) for image, by in zip(images, moves.tolist(), strict=True)])


def with_moves(draw):
    return lambda images, pixels, generator: moved(images, draw(images, pixels, generator))


def with_move(move):
    return lambda images, pixels, generator: moved(images, draw(images, pixels, generator), move)


def bordered(mode):
    def move(image, by):
        height, width = image.shape[1:]
        padded = F.pad(image[None], [4] * 4, mode=mode)[0]
        return padded[:, 4 - by[0] : 4 - by[0] + height, 4 - by[1] : 4 - by[1] + width]

    return with_move(move)


def one_draw(images, pixels, generator):
    down, across = torch.randint(-pixels, pixels + 1, (2,), generator=generator).tolist()
    return images.roll((down, across), dims=(2, 3))


def range_one_too_small(images, pixels, generator):
    return moved(images, torch.randint(-pixels, pixels, (len(images), 2), generator=generator))


def only_positive(images, pixels, generator):
    return moved(images, torch.randint(0, pixels + 1, (len(images), 2), generator=generator))


def along_the_diagonal(images, pixels, generator):
    return moved(images, torch.randint(-pixels, pixels + 1, (len(images), 1), generator=generator).expand(-1, 2))


def colours_apart(images, pixels, generator):
    return one_draw_each(images.flatten(0, 1)[:, None], pixels, generator).reshape(images.shape)


def one_draw_each(images, pixels, generator):
    return moved(images, draw(images, pixels, generator))


def half_pixels(images, pixels, generator):
    by = pixels * (2 * torch.rand(len(images), 2, generator=generator) - 1)
    return by_grid(images, by, "bilinear")


def by_grid(images, by, mode):
    height, width = images.shape[2:]
    grid = F.affine_grid(torch.eye(2, 3).expand(len(images), 2, 3), list(images.shape), align_corners=False)
    shift = 2 * by.flip(1) / torch.tensor([width, height])
    around = (grid - shift[:, None, None] + 1) % 2 - 1
    return F.grid_sample(images, around, mode=mode, align_corners=False, padding_mode="border")


def through_numpy(images, pixels, generator):
    return torch.from_numpy(moved(images, draw(images, pixels, generator)).numpy())


def in_place(images, pixels, generator):
    for number, by in enumerate(draw(images, pixels, generator).tolist()):
        images[number] = images[number].roll(tuple(by), dims=(1, 2))
    return images


def its_own_seed(images, pixels, generator):
    return jitter(images, pixels, generator.manual_seed(0))


def without_the_generator(images, pixels, generator):
    return moved(images, torch.randint(-pixels, pixels + 1, (len(images), 2)))


def with_pythons_random(images, pixels, generator):
    return moved(images, torch.tensor([[random.randint(-pixels, pixels) for _ in range(2)] for _ in images]))


def by_indexing(images, pixels, generator):
    """All pictures at once: rows and columns by number, drawn down and across one after the other."""
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


def share(combine=lambda drawn: drawn.mean(0), divide=lambda drawn, clean: drawn / clean, extra=0):
    """The share with one of its pieces done otherwise."""

    @torch.no_grad()
    def kept(activation, images, transform, draws):
        drawn = torch.stack([activation(transform(images)) for _ in range(draws + extra)])
        return divide(combine(drawn), activation(images))

    return kept


@torch.no_grad()
def one_draw_only(activation, images, transform, draws):
    return activation(transform(images)) / activation(images)


@torch.no_grad()
def piling_up(activation, images, transform, draws):
    total, clean = 0, activation(images)
    for _ in range(draws):
        images = transform(images)
        total = total + activation(images)
    return total / draws / clean


@torch.no_grad()
def last_one_divided(activation, images, transform, draws):
    for _ in range(draws):
        total = activation(transform(images))
    return total / draws / activation(images)


@torch.no_grad()
def average_picture(activation, images, transform, draws):
    return activation(sum(transform(images) for _ in range(draws)) / draws) / activation(images)


@torch.no_grad()
def untransformed(activation, images, transform, draws):
    return sum(activation(images) for _ in range(draws)) / draws / activation(images)


def with_a_graph(activation, images, transform, draws):
    return sum(activation(transform(images)) for _ in range(draws)) / draws / activation(images)


@torch.no_grad()
def clean_transformed_too(activation, images, transform, draws):
    drawn = sum(activation(transform(images)) for _ in range(draws)) / draws
    return drawn / activation(transform(images))


@torch.no_grad()
def all_in_one_batch(activation, images, transform, draws):
    drawn = activation(transform(images.repeat(draws, 1, 1, 1))).reshape(draws, len(images))
    return drawn.mean(0) / activation(images)


@torch.no_grad()
def picture_by_picture(activation, images, transform, draws):
    result = []
    for picture in images.split(1):
        values = [activation(transform(picture)).item() / activation(picture).item() for _ in range(draws)]
        result.append(sum(values) / draws)
    return torch.tensor(result)


WRONG = {
    "06-own-draws": {
        "one draw for the batch": (one_draw, "all pictures move alike"),
        "only positive moves": (only_positive, "only down and right, by 0 to 2"),
        "range one too small": (range_one_too_small, "never gives its upper end"),
        "range too large": (with_moves(lambda images, p, g: draw(images, p + 1, g)), "yours run from -3 to 3"),
        "gaps in the range": (with_moves(lambda images, p, g: p * draw(images, 1, g)), "no picture moves by -1 down"),
        "only down": (with_moves(lambda images, p, g: draw(images, p, g) * torch.tensor([1, 0])), "moves across"),
        "only across": (with_moves(lambda images, p, g: draw(images, p, g) * torch.tensor([0, 1])), "moves down"),
        "along the diagonal": (along_the_diagonal, "along the diagonal"),
        "colours move apart": (colours_apart, "colours of a picture move apart"),
        "dims of the wrong axes": (with_move(lambda image, by: image.roll(by, dims=(0, 1))), "colours change places"),
        "the batch rolled": (lambda images, p, g: images.roll(int(draw(images, p, g)[0, 0]) or 1, 0), "change places"),
        "black border": (bordered("constant"), "border"),
        "mirrored border": (bordered("reflect"), "border"),
        "parts of pixels": (half_pixels, "by whole pixels"),
        "nothing moves": (lambda images, pixels, generator: images.clone(), "nothing has moved"),
        "generator not used": (without_the_generator, "from the generator that is given"),
        "python's random": (with_pythons_random, "from the generator that is given"),
        "seed set in it": (its_own_seed, "draw anew"),
        "through numpy": (through_numpy, "no gradient reaches `images`"),
        "data": (lambda images, pixels, generator: jitter(images.data, pixels, generator), "no gradient"),
        "changed in place": (in_place, "in place"),
    },
    "06-survives": {
        "one draw only": (one_draw_only, "once only"),
        "one draw too many": (share(extra=1), "transformed 8 times"),
        "no transform": (untransformed, "never called"),
        "changes pile up": (piling_up, "pile up"),
        "the last draw counts": (share(combine=lambda drawn: drawn[-1]), "only the last draw"),
        "the last draw, divided": (last_one_divided, "`total = total + …`"),
        "max": (share(combine=lambda drawn: drawn.amax(0)), "best of the draws"),
        "min": (share(combine=lambda drawn: drawn.amin(0)), "worst of the draws"),
        "median": (share(combine=lambda drawn: drawn.median(0).values), "median"),
        "sum": (share(combine=lambda drawn: drawn.sum(0)), "sum over the draws"),
        "upside down": (share(divide=lambda drawn, clean: clean / drawn), "upside down"),
        "not divided": (share(divide=lambda drawn, clean: drawn), "activation itself"),
        "what is lost": (share(divide=lambda drawn, clean: 1 - drawn / clean), "share that is lost"),
        "difference": (share(divide=lambda drawn, clean: drawn - clean), "difference"),
        "per cent": (share(divide=lambda drawn, clean: 100 * drawn / clean), "per cent"),
        "mean over the batch": (share(combine=torch.mean), "picture by picture"),
        "one for the batch": (share(divide=lambda drawn, clean: (drawn / clean).mean()), "whole batch"),
        "one for each draw": (share(combine=lambda drawn: drawn), "shape (7, 4)"),
        "clean value of the batch": (share(divide=lambda drawn, clean: drawn / clean.mean()), "picture by picture"),
        "clean value transformed too": (clean_transformed_too, "transformed 8 times"),
        "average picture": (average_picture, "average picture"),
        "graph left on": (with_a_graph, "no_grad"),
        "squared": (share(divide=lambda drawn, clean: (drawn / clean) ** 2), "the first picture keeps"),
    },
}

RIGHT = {
    "06-own-draws": [by_indexing, in_two_rolls, with_moves(draw)],
    "06-survives": [all_in_one_batch, picture_by_picture, share()],
}


def test_the_two_fit_together():
    images = torch.rand(5, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    move = lambda pictures: jitter(pictures, 3, generator)  # noqa: E731
    everywhere, in_a_corner = (lambda x: x.mean(dim=(1, 2, 3))), (lambda x: x[:, :, :6, :6].mean(dim=(1, 2, 3)))
    images[:, :, 6:, :] = 0
    assert torch.allclose(kept(everywhere, images, move, 6), torch.ones(5), atol=1e-5)
    assert (kept(in_a_corner, images, move, 64) < 0.95).all()
