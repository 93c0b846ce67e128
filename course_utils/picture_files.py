"""Files with pictures in them, read safely: upright, opaque, in colours, and with a word on what was done for that.

Pictures come from anywhere, so nothing is taken on trust: only formats that Pillow decodes by itself (no PostScript,
which would start another program), at most `MOST_PIXELS` once unpacked (a small file can hold a picture that fills the
memory), and whatever a damaged file makes Pillow raise becomes one sentence.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base

FORMATS = ("JPEG", "MPO", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "JPEG2000", "PPM")
MOST_PIXELS = 64_000_000  # more than nearly all cameras take; three bytes each, and three copies on the way
FileSource = str | Path | bytes | memoryview


class Opened(NamedTuple):
    """A picture in colours, and what was done to make it one (nothing, mostly)."""

    picture: Image.Image
    notes: list[str]


def open_file(source: FileSource, name: str) -> Opened:
    """The picture in a file: its first frame, turned upright as its camera noted, what is transparent on white.

    Args:
        source: the file's path, or its content.
        name: what an error calls it.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no picture, a damaged one, or one of more than `MOST_PIXELS` pixels.
    """
    try:
        opened, frames = _first_frame(source)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {name}") from None
    except UnidentifiedImageError:
        listed = ", ".join(FORMATS)
        raise ValueError(
            f"{name} cannot be read as a picture (its format is unknown); save it as JPEG or PNG. What can be read: "
            f"{listed}."
        ) from None
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"{name} cannot be read as a picture (it is too large: {error}); make it smaller first: at most "
            f"{MOST_PIXELS // 10**6} million pixels."
        ) from None
    except Exception as error:  # a damaged file makes Pillow's readers raise a dozen kinds
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"{name} cannot be read as a picture ({reason})") from None
    return Opened(opened.picture, opened.notes + [f"the first of its {frames} frames"] * (frames > 1))


def _first_frame(source: FileSource) -> tuple[Opened, int]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd metadata does not matter, and size is looked at here
        with Image.open(_readable(source), formats=_formats()) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise Image.DecompressionBombError(f"{picture.width}x{picture.height} pixels")
            return in_colours(picture), getattr(picture, "n_frames", 1)


def in_colours(picture: Image.Image) -> Opened:
    """A Pillow image with three opaque channels, upright.

    Raises:
        ValueError: floating-point numbers outside [0, 1].
    """
    notes = []
    if picture.getexif().get(Base.Orientation, 1) in range(2, 9):
        notes.append("turned upright as its camera noted")
    picture = _shallow(ImageOps.exif_transpose(picture))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        if picture.getchannel("A").getextrema() != (255, 255):
            notes.append("what is transparent lies on white")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return Opened(picture.convert("RGB"), notes)


def _shallow(picture: Image.Image) -> Image.Image:
    """Greys of 16 and 32 bits as greys of 8: Pillow's own conversion would cut them off at 255."""
    if picture.mode not in ("F", "I") and not picture.mode.startswith("I;16"):
        return picture
    values = np.asarray(picture)
    if picture.mode == "F":
        if not (values.min() >= 0 and values.max() <= 1):  # NaN fails both
            raise ValueError(f"its numbers run from {values.min():.3g} to {values.max():.3g}, expected [0, 1]")
        values = (values * 255).round()
    elif picture.mode != "I" or values.max() > 255:
        values = values.clip(0, 65535) // 256
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def _readable(source: FileSource) -> Path | BytesIO:
    return Path(source) if isinstance(source, str | Path) else BytesIO(source)


def _formats() -> list[str]:
    """Those of the formats that this computer's Pillow has been built with."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]
