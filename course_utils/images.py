"""Images from outside, made into what a classifier takes: upright, its channels, its size, in [0, 1].

Images come from anywhere, so nothing is taken on trust: only formats that Pillow decodes by itself (no PostScript,
which would start another program), at most `MOST_PIXELS` once unpacked (a small file can hold an image that fills the
memory), and whatever a damaged file makes Pillow raise becomes one sentence.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base
from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.utils import expanded, first_line
from course_utils.validation import check_settings, unknown

FORMATS = ("JPEG", "MPO", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "JPEG2000", "PPM")
MOST_PIXELS = 64_000_000  # more than nearly all cameras take; three bytes each, and three copies on the way
LONGEST = 4  # times as long as what is kept of it: more is cut off before a strip is enlarged
FileSource = str | Path | bytes | memoryview
Source = FileSource | Image.Image | np.ndarray


def load_images(classifier: Classifier, *sources: Source) -> Float[Tensor, "batch channels height width"]:
    """Images as a batch for a classifier, each as `load_image` makes it; what was done to one is printed.

    Args:
        classifier: whose size and number of channels count.
        sources: as `load_image` takes them; or a folder, for all images in it, sorted by name. Of a folder one line
            is printed, and its other files and subfolders are left out.

    Raises:
        FileNotFoundError, TypeError, ValueError: as `load_image`; no image given, or a folder without any.
    """
    listed: list[tuple[Source, Path | None]] = []
    for source in sources:
        folder = Path(source) if isinstance(source, str | Path) and Path(source).is_dir() else None
        listed += [(file, folder) for file in images_in(folder)] if folder else [(source, None)]
    if not listed:
        raise ValueError("load_images() needs at least one image after the classifier")
    height, width = classifier.size
    batch = torch.empty(len(listed), classifier.channels, height, width, device=classifier.device)
    changed = Counter[Path]()
    for number, (source, folder) in enumerate(listed):
        name = str(source) if isinstance(source, str | Path) else f"image {number}"
        loaded = load_image(source, classifier.size, channels=classifier.channels, name=name)
        batch[number] = loaded.images[0]
        if folder:
            changed[folder] += bool(loaded.notes)
        elif loaded.notes:
            print(f"{Path(name).name}: {', '.join(loaded.notes)}")
    for folder, count in changed.items():
        whole = sum(each == folder for _, each in listed)
        print(f"{folder}: {whole} image{'s' * (whole > 1)}, {count} resized or otherwise fitted to {width}x{height}")
    return batch


def load_labelled_images(
    classifier: Classifier, folder: Path
) -> tuple[Float[Tensor, "batch channels height width"], list[str]]:
    """Images in a folder with a subfolder for each class, and the name of each one's class.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: a subfolder that is called as no class is, or without images; no subfolder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; it should hold a folder of images for each class")
    found = sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))
    if not found:
        raise ValueError(f"{folder} holds no folders, expected one for each class, called by its name")
    for each in found:
        if each.name not in classifier.classes:
            raise ValueError(f"the folder {each}: {unknown('class', each.name, classifier.classes)}")
    batches = [load_images(classifier, each) for each in found]
    return torch.cat(batches), [each.name for each, batch in zip(found, batches, strict=True) for _ in batch]


def images_in(folder: Path) -> list[Path]:
    """Files in a folder whose names end as those of images do, sorted by name; hidden ones are left out.

    Raises:
        ValueError: there are none.
    """
    Image.init()
    endings = {ending for ending, kind in Image.EXTENSION.items() if kind in FORMATS}
    named = [each for each in folder.iterdir() if each.suffix.lower() in endings and not each.name.startswith(".")]
    found = sorted(each for each in named if each.is_file())
    if not found:
        raise ValueError(
            f"the folder {folder} holds no image: none of its files, of which those in subfolders do not count, has a "
            f"name that ends as those of {', '.join(FORMATS)} do"
        )
    return found


def photographs() -> Photographs:
    """Paths of openly licensed photographs that installed packages carry, by name: `load_images(net, *….values())`.

    From scikit-image: `cat` (Chelsea; CC0, Stefan van der Walt), `coffee` (CC0, Rachel Michetti), `cameraman` (CC0, Lav
    Varshney; greys) and `rocket` (public domain, SpaceX). From matplotlib: `grace_hopper` (public domain, US Navy).
    """
    return Photographs({name: Path(str(files(package))) / file for name, (package, file, _) in CARRIED.items()})


CARRIED = {  # name: the package, the file in there, author and licence
    "cat": ("skimage", "data/chelsea.png", "Stefan van der Walt, CC0"),
    "coffee": ("skimage", "data/coffee.png", "Rachel Michetti, CC0"),
    "cameraman": ("skimage", "data/camera.png", "Lav Varshney, CC0"),
    "rocket": ("skimage", "data/rocket.jpg", "SpaceX, public domain"),
    "grace_hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "US Navy, public domain"),
}


class Photographs(dict[str, Path]):
    """Paths of photographs by name.

    Attributes:
        licences: author and licence of each, by name.
    """

    @property
    def licences(self) -> dict[str, str]:
        return {name: CARRIED[name][2] for name in self}


def load_image(
    source: Source, size: int | tuple[int, int], *, channels: int = 3, name: str | None = None
) -> LoadedImage:
    """An image from outside, resized (antialiased) until its shorter side fits, and its middle cut out.

    Of moving images the first frame is taken. Greys, palettes and CMYK become colours, what is transparent turns
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
        ValueError: no image, a damaged one, or one of more than 64 million pixels.
    """
    height, width = size if isinstance(size, tuple | list) else (size, size)
    check_settings(height=height, width=width)
    if channels not in (1, 3):
        raise ValueError(f"channels={channels!r} given, expected 3, or 1 for greys.")
    image, notes = open_image(source, name)
    if image.size != (width, height):
        whole = f"{image.width}x{image.height} pixels"
        notes = [f"{whole}, resized and its middle cut out to {width}x{height}", *notes]
    pixels = to_pixels(image.convert("L" if channels == 1 else "RGB"), (height, width))
    return LoadedImage(pixels[None].float() / 255, tuple(notes))


@dataclass(frozen=True)
class LoadedImage:
    """One image as a classifier takes it.

    Attributes:
        images: a batch of one, in [0, 1].
        notes: what was done to it, in words: cut, turned upright, laid on white, one frame of many; often nothing.
    """

    images: Float[Tensor, "1 channels height width"]
    notes: tuple[str, ...]


Opened = tuple[Image.Image, list[str]]  # an image in colours, and what was done to make it one (nothing, mostly)


def open_image(source: Source, name: str | None = None) -> Opened:
    """An image in colours, upright, whatever it was, and what was done for that.

    Raises:
        FileNotFoundError, TypeError, ValueError: as `load_image`.
    """
    if isinstance(source, np.ndarray):
        return in_colours(_from_array(source))
    if isinstance(source, Image.Image):
        return in_colours(source)
    if not isinstance(source, FileSource):
        raise TypeError(f"an image is a file's path or content, a Pillow image or array, not {type(source).__name__}")
    name = name or (str(source) if isinstance(source, str | Path) else "the file")
    Image.init()
    formats = [each for each in FORMATS if each in Image.OPEN]  # those that this computer's Pillow was built with
    file = expanded(source) if isinstance(source, str | Path) else BytesIO(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata does not matter, and size is looked at here
            with Image.open(file, formats=formats) as image:
                if image.width * image.height > MOST_PIXELS:
                    raise Image.DecompressionBombError(f"{image.width}x{image.height} pixels")
                (opened, notes), frames = in_colours(image), getattr(image, "n_frames", 1)
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {name}") from None
    except Exception as error:  # a damaged file makes Pillow's readers raise a dozen kinds
        reason, advice = first_line(error), ""
        if isinstance(error, UnidentifiedImageError):
            reason = "its format is unknown"
            advice = f"; save it as JPEG or PNG. What can be read: {', '.join(FORMATS)}."
        if isinstance(error, Image.DecompressionBombError):
            reason = f"it is too large: {error}"
            advice = f"; make it smaller first: at most {MOST_PIXELS // 10**6} million pixels."
        raise ValueError(f"{name} cannot be read as an image ({reason}){advice}") from None
    return opened, notes + [f"the first of its {frames} frames"] * (frames > 1)


def in_colours(image: Image.Image) -> Opened:
    """A Pillow image with three opaque channels, upright.

    Raises:
        ValueError: floating-point numbers outside [0, 1].
    """
    notes = []
    if image.getexif().get(Base.Orientation, 1) in range(2, 9):
        notes.append("turned upright as its camera noted")
    image = _shallow(ImageOps.exif_transpose(image))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if image.getchannel("A").getextrema() != (255, 255):
            notes.append("what is transparent lies on white")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB"), notes


def _shallow(image: Image.Image) -> Image.Image:
    """Greys of 16 and 32 bits as greys of 8: Pillow's own conversion would cut them off at 255."""
    if image.mode not in ("F", "I") and not image.mode.startswith("I;16"):
        return image
    values = np.asarray(image)
    if image.mode == "F":
        if not (values.min() >= 0 and values.max() <= 1):  # NaN fails both
            raise ValueError(f"its numbers run from {values.min():.3g} to {values.max():.3g}, expected [0, 1]")
        values = (values * 255).round()
    elif image.mode != "I" or values.max() > 255:
        values = values.clip(0, 65535) // 256
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def to_pixels(image: Image.Image, size: tuple[int, int]) -> UInt8[Tensor, "channels height width"]:
    """The middle of an image, resized (antialiased) so that its shorter side fits."""
    from torchvision.transforms.v2 import functional as F

    pixels, (height, width) = F.pil_to_tensor(image), size
    if pixels.shape[1:] == size:
        return pixels
    scale = max(height / pixels.shape[1], width / pixels.shape[2])
    most = [math.ceil(LONGEST * side / scale) for side in size]
    pixels = F.center_crop(pixels, [min(most[0], pixels.shape[1]), min(most[1], pixels.shape[2])])
    resized = [max(height, round(pixels.shape[1] * scale)), max(width, round(pixels.shape[2] * scale))]
    return F.center_crop(F.resize(pixels, resized, antialias=True), [height, width])


def _from_array(array: np.ndarray) -> Image.Image:
    shape, array = array.shape, 255 * array.astype(np.uint8) if array.dtype == bool else array
    if not np.issubdtype(array.dtype, np.number) or np.iscomplexobj(array):
        raise TypeError(f"an array of {array.dtype} given, expected whole numbers, floating-point ones or truth values")
    if not (array.ndim == 2 or (array.ndim == 3 and shape[2] in (1, 3, 4))) or 0 in shape:
        raise ValueError(f"an array is an image as (height, width) or (height, width, 3 or 4), not as {shape}")
    if np.issubdtype(array.dtype, np.floating):
        low, high = array.min(), array.max()
        if not (low >= 0 and high <= 1):  # NaN fails both
            raise ValueError(f"images of floats lie in [0, 1], this one runs from {low:.3g} to {high:.3g}")
        array = (array * 255).round()
    elif array.dtype != np.uint8 and array.size and (array.min() < 0 or array.max() > 255):
        raise ValueError(f"whole-number images run from 0 to 255, this one from {array.min()} to {array.max()}")
    return Image.fromarray(np.squeeze(array.astype(np.uint8), 2) if shape[2:] == (1,) else array.astype(np.uint8))


__all__ = ["LoadedImage", "Photographs", "load_image", "load_images", "photographs"]
