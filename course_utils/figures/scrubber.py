"""A slider over images made beforehand, in plain HTML: no kernel, no network, no library.

All frames are ordinary `<img>` elements of which one shows. Without JavaScript that is the first, with its
caption, and the slider does not appear; with JavaScript a native `<input type="range">` takes over, which
brings the keyboard, touch and screen readers with it. The script finds its own figure through
`document.currentScript`, so that any number of scrubbers on a page, or the same one twice, do not interfere.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from torch import Tensor

from course_utils.figures.images import as_images
from course_utils.figures.style import WIDTH, DescribedFigure, data_uri, described, render

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PIXELS = 320  # CSS pixels that a small image is enlarged to


class Scrubber:
    """Images with captions and a slider that moves through them.

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
        frames: Tensor | np.ndarray | Sequence[DescribedFigure | Figure],
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
        return render(
            "scrubber.html",
            frames=list(zip(self.sources, self.captions, strict=True)),
            alt=self.alt,
            title=self.title,
            width=self.width,
            pixelated=self.pixelated,
        )

    def __repr__(self) -> str:
        return f"Scrubber of {len(self.captions)} frames, {self.captions[0]} … {self.captions[-1]}: {self.alt}"

    def __len__(self) -> int:
        return len(self.captions)


def _sources(frames: Any) -> tuple[list[str], int, bool]:
    """The frames as data URIs, their width in CSS pixels, and whether to enlarge them pixel by pixel."""
    from matplotlib.figure import Figure

    if isinstance(frames, (list, tuple)) and frames and isinstance(frames[0], (DescribedFigure, Figure)):
        # A frame's own words are not needed: the scrubber's and the caption stand for it.
        images = [
            frame if isinstance(frame, DescribedFigure) else DescribedFigure(frame, alt="frame") for frame in frames
        ]
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
