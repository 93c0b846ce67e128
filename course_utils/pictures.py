"""Pictures from outside, made into what a classifier takes: upright, its channels, its size, in [0, 1]."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.picture_files import FileSource, Opened, in_colours, open_file

Source = FileSource | Image.Image | np.ndarray
LONGEST = 4  # times as long as what is kept of it: more is cut off before a strip is enlarged


@dataclass(frozen=True)
class LoadedPicture:
    """One picture as a classifier takes it.

    Attributes:
        images: a batch of one, in [0, 1].
        notes: what was done to it, in words: cut, turned upright, laid on white, one frame of many; often nothing.
    """

    images: Float[Tensor, "1 channels height width"]
    notes: tuple[str, ...]


def load_images(classifier: Classifier, *sources: Source) -> Float[Tensor, "batch channels height width"]:
    """Pictures as a batch for a classifier, each as `load_picture` makes it; what was done to one is printed.

    Args:
        classifier: whose size and number of channels count.
        sources: as `load_picture` takes them.

    Raises:
        FileNotFoundError, TypeError, ValueError: as `load_picture`; no picture given.
    """
    if not sources:
        raise ValueError("load_images() needs at least one picture after the classifier")
    batch = []
    for number, source in enumerate(sources):
        name = str(source) if isinstance(source, str | Path) else f"picture {number}"
        loaded = load_picture(source, classifier.size, channels=classifier.channels, name=name)
        if loaded.notes:
            print(f"{name}: {', '.join(loaded.notes)}")
        batch.append(loaded.images)
    return torch.cat(batch).to(classifier.device)


def load_picture(
    source: Source, size: int | tuple[int, int], *, channels: int = 3, name: str | None = None
) -> LoadedPicture:
    """A picture from outside, resized (antialiased) until its shorter side fits, and its middle cut out.

    Of moving pictures the first frame is taken. Greys, palettes and CMYK become colours, what is transparent turns
    white, and a photograph is turned upright as its camera noted.

    Args:
        source: a file's path or content, a Pillow image, or an array (height, width) or (height, width, 1, 3 or 4) of 0
            to 255 or of floating-point numbers in [0, 1].
        size: height and width in pixels, or one number for a square.
        channels: 3, or 1 for greys.
        name: what an error calls it; the path if None.

    Raises:
        FileNotFoundError: no such file.
        TypeError: something else than a file, an image or an array.
        ValueError: no picture, a damaged one, or one of more than 64 million pixels.
    """
    picture, notes = open_picture(source, name)
    height, width = (size, size) if isinstance(size, int) else size
    if picture.size != (width, height):
        whole = f"{picture.width}x{picture.height} pixels"
        notes = [f"{whole}, resized and its middle cut out to {width}x{height}", *notes]
    pixels = to_pixels(picture.convert("L" if channels == 1 else "RGB"), (height, width))
    return LoadedPicture(pixels[None].float() / 255, tuple(notes))


def open_picture(source: Source, name: str | None = None) -> Opened:
    """A picture in colours, upright, whatever it was, and what was done for that.

    Raises:
        FileNotFoundError, TypeError, ValueError: as `load_picture`.
    """
    if isinstance(source, np.ndarray):
        return in_colours(_from_array(source))
    if isinstance(source, Image.Image):
        return in_colours(source)
    if not isinstance(source, str | Path | bytes | memoryview):
        raise TypeError(
            f"a picture is a file's path or content, a Pillow image or an array, not {type(source).__name__}"
        )
    return open_file(source, name or (str(source) if isinstance(source, str | Path) else "the file"))


def to_pixels(picture: Image.Image, size: tuple[int, int]) -> UInt8[Tensor, "channels height width"]:
    """The middle of a picture, resized (antialiased) so that its shorter side fits."""
    from torchvision.transforms.v2 import functional as F

    pixels, (height, width) = F.pil_to_tensor(picture), size
    if pixels.shape[1:] == size:
        return pixels
    scale = max(height / pixels.shape[1], width / pixels.shape[2])
    most = [math.ceil(LONGEST * side / scale) for side in size]
    pixels = F.center_crop(pixels, [min(most[0], pixels.shape[1]), min(most[1], pixels.shape[2])])
    resized = [max(height, round(pixels.shape[1] * scale)), max(width, round(pixels.shape[2] * scale))]
    return F.center_crop(F.resize(pixels, resized, antialias=True), [height, width])


def _from_array(array: np.ndarray) -> Image.Image:
    shape = array.shape
    if not (array.ndim == 2 or (array.ndim == 3 and shape[2] in (1, 3, 4))) or 0 in shape:
        raise ValueError(f"an array is a picture as (height, width) or (height, width, 3 or 4), not as {shape}")
    if np.issubdtype(array.dtype, np.floating):
        if not (array.min() >= 0 and array.max() <= 1):  # NaN fails both
            raise ValueError(
                f"floating-point pictures lie in [0, 1], this one runs from {array.min():.3g} to {array.max():.3g}"
            )
        array = (array * 255).round()
    elif array.dtype != np.uint8 and array.size and (array.min() < 0 or array.max() > 255):
        raise ValueError(f"whole-number pictures run from 0 to 255, this one from {array.min()} to {array.max()}")
    return Image.fromarray(np.squeeze(array.astype(np.uint8), 2) if shape[2:] == (1,) else array.astype(np.uint8))
