"""Pictures from outside, made into what a classifier takes: upright, three channels, its size, in [0, 1]."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from course_utils.models.classifier import Classifier

Source = str | Path | Image.Image | np.ndarray


def load_images(classifier: Classifier, *sources: Source) -> Float[Tensor, "batch channels height width"]:
    """Pictures as a batch for a classifier: resized until the shorter side fits, their middle cut out; it says so.

    Args:
        classifier: whose size and number of channels count.
        sources: files, Pillow images, or arrays (height, width) or (height, width, 3 or 4) of 0 to 255, or of
            floating-point numbers in [0, 1]. Greys become colours, what is transparent turns white, and a photograph
            is turned upright as its camera noted.

    Raises:
        FileNotFoundError: no such file.
        TypeError: something else than a file, an image or an array.
        ValueError: no picture given, or one that is none.
    """
    if not sources:
        raise ValueError("load_images() needs at least one picture after the classifier")
    mode = "L" if classifier.channels == 1 else "RGB"
    batch = []
    for number, source in enumerate(sources):
        picture, (height, width) = open_picture(source), classifier.size
        if picture.size != (width, height):
            name = source if isinstance(source, str | Path) else f"picture {number}"
            print(
                f"{name}: {picture.width}x{picture.height} pixels, resized and its middle cut out "
                f"to the {width}x{height} that {classifier.name} takes"
            )
        batch.append(to_pixels(picture.convert(mode), classifier.size))
    return (torch.stack(batch).float() / 255).to(classifier.device)


def open_picture(source: Source) -> Image.Image:
    """A picture in colours, upright, whatever it was.

    Raises:
        FileNotFoundError, TypeError, ValueError: as `load_images`.
    """
    if isinstance(source, np.ndarray):
        return opaque(_from_array(source))
    if isinstance(source, Image.Image):
        return opaque(ImageOps.exif_transpose(source))
    if not isinstance(source, str | Path):
        raise TypeError(f"a picture is a file's path, a Pillow image or an array, not {type(source).__name__}")
    try:
        with Image.open(source) as picture:
            return opaque(ImageOps.exif_transpose(picture))
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {source}") from None
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError) as error:
        reason = "its format is unknown" if isinstance(error, UnidentifiedImageError) else error
        raise ValueError(f"{source} cannot be read as a picture ({reason})") from None


def opaque(picture: Image.Image) -> Image.Image:
    """Three channels; what is transparent lies on white."""
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    if picture.mode.startswith("I;16"):  # 16-bit greys: Pillow would cut them off at 255
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    return picture.convert("RGB")


def to_pixels(picture: Image.Image, size: tuple[int, int]) -> UInt8[Tensor, "channels height width"]:
    """The middle of a picture, resized (antialiased) so that its shorter side fits."""
    from torchvision.transforms.v2 import functional as F

    pixels, (height, width) = F.pil_to_tensor(picture), size
    if pixels.shape[1:] == size:
        return pixels
    scale = max(height / pixels.shape[1], width / pixels.shape[2])
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
