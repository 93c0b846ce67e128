"""Images side by side, alone or with what a classifier says about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import BytesIO
from math import ceil
from textwrap import fill
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from course_utils.figures.style import PALETTE, WIDTH, DescribedFigure, data_uri, described, new_figure, render, styled
from course_utils.validation import check_settings

LARGEST = 2.2  # inches: a small image drawn larger than this shows its pixels and nothing more
FINE = 128  # pixels of the shorter side from which an image has something to show at half the column
LETTERS = 10  # letters of a title that fit into an inch, and leave room between two titles


@styled
def show_images(
    images: Any, titles: Sequence[str] | None = None, *, columns: int | None = None, alt: str
) -> DescribedFigure:
    """Images in a grid, each with a title.

    Args:
        images: (batch, 3, height, width) in [0, 1], or maps (batch, 1, height, width).
        titles: one for each image, or none.
        columns: images in a row; up to five by default.
        alt: what the images show, in a sentence.

    Raises:
        TypeError, ValueError: no alt text, images of another shape or range, titles of another number.
    """
    described(alt)
    arrays = as_images(images)
    titles = [""] * len(arrays) if titles is None else [str(title) for title in titles]
    if len(titles) != len(arrays):
        raise ValueError(f"{len(titles)} titles given for {len(arrays)} images, expected one for each.")
    columns = _columns(columns, len(arrays))
    rows = ceil(len(arrays) / columns)
    cell = cell_width(arrays, columns)
    titles = [_folded(title, max(8, round(cell * LETTERS))) for title in titles]
    lines = [title.count("\n") + 1 if title else 0 for title in titles]
    above = sum(max(lines[row * columns : (row + 1) * columns]) for row in range(rows))  # lines of titles in all rows
    figure = new_figure(rows * cell * arrays.shape[1] / arrays.shape[2] + 0.24 * above, width=columns * cell)
    for index, image in enumerate(arrays):
        draw_image(figure.add_subplot(rows, columns, index + 1), image, titles[index])
    return DescribedFigure(figure, alt=alt)


def cell_width(images: np.ndarray, columns: int, largest: float = LARGEST) -> float:
    """Inches for each of the columns that images (batch, height, width, 3) stand in; small images at most `largest`."""
    return min(WIDTH / columns, largest if min(images.shape[1:3]) < FINE else WIDTH / 2)


def _folded(title: str, letters: int) -> str:
    """A title in lines, its own kept; the name of a class, `pirate_ship`, is taken apart rather than cut.

    The name of a layer or of a channel, `_blocks.6:20`, stays as it is, to be pasted back.
    """
    lines = [" ".join(map(_spaced, line.split(" "))) if len(line) > letters else line for line in title.split("\n")]
    return "\n".join(fill(line, letters, break_long_words=False) for line in lines)


def _spaced(word: str) -> str:
    return word if re.search("[.:].", word) else word.replace("_", " ")


@styled
def show_probabilities(
    images: np.ndarray, classes: Sequence[str], probabilities: np.ndarray, titles: Sequence[str],
    *, top: int, columns: int | None, alt: str,
) -> DescribedFigure:  # fmt: skip
    """Images (batch, height, width, 3), each over the bars of its `top` most probable classes (batch, classes)."""
    columns = _columns(columns, len(images), most=4)
    rows = ceil(len(images) / columns)
    cell = cell_width(images, columns)
    height, bars, heading = cell * images.shape[1] / images.shape[2], 0.27 * min(top, len(classes)), 0.27 * any(titles)
    figure = new_figure(rows * (height + bars + heading + 0.16), width=columns * cell)
    cells = figure.add_gridspec(2 * rows, columns, height_ratios=[height, bars] * rows)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        draw_image(figure.add_subplot(cells[2 * row, column]), image, titles[index])
        below = figure.add_subplot(cells[2 * row + 1, column])
        draw_probabilities(below, classes, probabilities[index].tolist(), top=top)
    return DescribedFigure(figure, alt=alt)


def draw_image(axes: Any, image: np.ndarray, title: str = "") -> None:
    """One image, without axes around it."""
    axes.imshow(image, vmin=0, vmax=1)
    axes.set_axis_off()
    axes.set_anchor("S")  # what a cell has to spare goes above the image, to its title
    if title:
        axes.set_title(title)


def draw_probabilities(axes: Any, classes: Sequence[str], probabilities: Sequence[float], *, top: int = 3) -> None:
    """The `top` most probable classes as bars, the best above, each with its name and percentage on it."""
    best = sorted(zip(probabilities, classes, strict=True), reverse=True)[:top]
    for place, (probability, name) in enumerate(best):
        # Light enough for black text on it.
        axes.barh(place, probability, height=0.86, color=PALETTE[5], alpha=0.7)
        axes.text(0.03, place, f"{name} {percent(probability)}", va="center", fontsize=10.5)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(best) - 0.5, -0.5)
    axes.set_axis_off()


def percent(probability: float) -> str:
    """A probability as a reader wants it: no `100 %` for what is only nearly certain."""
    rounded = f"{100 * probability:.0f} %"
    if rounded == "100 %" and probability < 1:
        return ">99 %"
    return "<1 %" if rounded == "0 %" and probability > 0 else rounded


def _columns(columns: int | None, number: int, most: int = 5) -> int:
    check_settings(columns=columns)
    return min(columns or most, number)


# Rounding in a model's or an attack's arithmetic may leave [0, 1] by this much.
TOLERANCE = 1e-3


MOST_CHANNELS = 16  # of an image: more along that axis is something else


def as_images(images: object, name: str = "images") -> np.ndarray:
    """A batch of images as an array (batch, height, width, 3) of float32 in [0, 1].

    Args:
        images: colour images (batch, 3, height, width) or (batch, height, width, 3), or maps such as masks
            (batch, 1, height, width); of 4 to 16 channels the first three are shown. Floats in [0, 1], truth values, or
            bytes in 0 … 255.
        name: what an error calls them.

    Raises:
        TypeError: not a tensor, an array or a list of those.
        ValueError: another shape, an empty batch, NaN, or values outside [0, 1].
    """
    array = _as_array(images, name)
    if array.ndim == 4 and array.shape[3] != 3 and 4 <= array.shape[1] <= MOST_CHANNELS:
        array = array[:, :3]
    if array.ndim != 4 or not (array.shape[1] in (1, 3) or array.shape[3] == 3):
        advice = f"; for one image write {name}[None], for maps {name}[:, None]" if array.ndim == 3 else ""
        raise ValueError(
            f"{name} has the shape {tuple(array.shape)}, expected (batch, 3, height, width), "
            f"(batch, 1, height, width) or (batch, height, width, 3){advice}."
        )
    if 0 in array.shape:
        raise ValueError(f"{name} has the shape {tuple(array.shape)}, expected at least one image.")
    if array.shape[1] in (1, 3):
        array = array.transpose(0, 2, 3, 1)
    array = array.astype(np.float32) / (255 if array.dtype == np.uint8 else 1)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} contains NaN or infinity, expected values in [0, 1].")
    low, high = float(array.min()), float(array.max())
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise ValueError(
            f"{name} has values from {low:.3g} to {high:.3g}, expected [0, 1]: "
            "clamp them, or draw a difference with show_perturbation."
        )
    return np.broadcast_to(array, (*array.shape[:3], 3)).clip(0, 1)


def _as_array(images: object, name: str) -> np.ndarray:
    if isinstance(images, (list, tuple)) and images:
        return np.stack([_as_array(image, name) for image in images])
    if isinstance(images, torch.Tensor) and images.layout == torch.strided and not images.is_meta:
        images = images.detach().cpu().numpy()
    if not isinstance(images, np.ndarray):
        raise TypeError(f"{name} is {type(images).__name__}, expected a tensor or an array of images.")
    return images


PIXELS = 320  # CSS pixels that a small image is enlarged to


class Scrubber:
    """Images with captions and a slider that moves through them; the last one shows first.

    Args:
        frames: images (n, 3, height, width) or (n, height, width, 3) in [0, 1], which are shown enlarged,
            their pixels visible; or a sequence of n `DescribedFigure`s or matplotlib figures.
        captions: what each frame shows, such as `"ε = 4/255: volcano, 98 %"`; n of them. They stand under
            the image and are what a screen reader says when the slider moves.
        alt: what the frames together show, in a sentence.
        title: the heading above the image, and the slider's name; the alt text names it otherwise.

    Raises:
        TypeError, ValueError: no alt text, no frames, captions of another number or empty ones, or frames
            that cannot be drawn.
    """

    def __init__(
        self,
        frames: Tensor | np.ndarray | Sequence[Any],
        captions: Sequence[str],
        *,
        alt: str,
        title: str | None = None,
    ) -> None:
        self.alt = described(alt)
        self.title = title
        self.captions = [str(caption).strip() for caption in captions]
        self.sources, self.width, self.pixelated = _sources(frames)
        if len(self.captions) != len(self.sources):
            raise ValueError(f"{len(self.captions)} captions given for {len(self.sources)} frames, expected one each.")
        if not all(self.captions):
            raise ValueError("a caption is empty, expected a few words for every frame: they are read out loud.")

    def _repr_html_(self) -> str:
        frames = list(zip(self.sources, self.captions, strict=True))
        settings = {name: getattr(self, name) for name in ("alt", "title", "width", "pixelated")}
        return render("scrubber.html", frames=frames, **settings)

    def __repr__(self) -> str:
        return f"Scrubber of {len(self.captions)} frames, {self.captions[0]} … {self.captions[-1]}: {self.alt}"

    def __len__(self) -> int:
        return len(self.captions)


def _sources(frames: Any) -> tuple[list[str], int, bool]:
    """The frames as data URIs, their width in CSS pixels, and whether to enlarge them pixel by pixel."""
    from matplotlib.figure import Figure

    if isinstance(frames, (list, tuple)) and frames and isinstance(frames[0], (DescribedFigure, Figure)):
        # A frame's own words are not needed: the scrubber's and the caption stand for it.
        images = [each if isinstance(each, DescribedFigure) else DescribedFigure(each, alt="frame") for each in frames]
        width = round(96 * max(image.figure.get_figwidth() for image in images))
        return [data_uri(image.webp(), "image/webp") for image in images], width, False
    array = as_images(frames, "frames")
    width = min(round(96 * WIDTH), round(PIXELS * array.shape[2] / array.shape[1]))
    return [data_uri(png(image)) for image in array], width, True


def png(image: np.ndarray) -> bytes:
    """An image (height, width, 3) in [0, 1] as the bytes of a PNG file."""
    buffer = BytesIO()
    Image.fromarray((255 * image).round().astype(np.uint8)).save(buffer, format="png", optimize=True)
    return buffer.getvalue()
