"""The controls by which a reader chooses a picture for a lab: one of the lab's own, or a file from this computer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from jaxtyping import Float
from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.pictures import LoadedPicture, load_picture

OWN = -1  # in the menu of pictures: the reader's own
FIRST: Mapping[str, Any] = {"picture": 0, "upload": ()}  # what a lab begins with
ABOUT = "A button takes a picture of your own."
# A Jupyter server takes messages of 10 MB at most unless it is told otherwise, as the Makefile does. Of a larger file
# nothing arrives here, and the page has to be loaded again.
LARGEST = "100 MB where `make lab` opened it, 10 MB on most other servers"


def picture_controls(names: Sequence[str], first: Mapping[str, Any]) -> dict[str, Any]:
    """A menu of pictures whose last entry is the reader's own, and the button that uploads it and then selects it."""
    import ipywidgets as widgets

    numbered = [(f"{index + 1} · {name}", index) for index, name in enumerate(names)]
    menu = widgets.Dropdown(
        options=[*numbered, ("your own (the button below)", OWN)], value=first["picture"], description="Picture"
    )
    button = widgets.FileUpload(
        accept="image/*",
        description="A picture of yours",
        tooltip=f"A photograph or a drawing, at most {LARGEST}. It goes to this notebook's kernel and nowhere else.",
    )
    button.observe(lambda change: setattr(menu, "value", OWN) if change.new else None, names="value")
    return {"picture": menu, "upload": button}


def chosen_picture(
    classifier: Classifier,
    images: Float[Tensor, "pictures channels height width"],
    picture: int,
    upload: Sequence[Mapping[str, Any]],
) -> tuple[Float[Tensor, "1 channels height width"], str]:
    """The picture that the controls stand for, as the classifier takes it, and what was done to it as a sentence.

    Raises:
        ValueError: the reader's own was chosen and none uploaded, or one that cannot be read.
    """
    if picture != OWN:
        return images[picture][None], ""
    if not upload:
        raise ValueError('press the button "A picture of yours" and choose a file first.')
    file = upload[0]
    loaded = _loaded(bytes(file["content"]), classifier.size, classifier.channels, file["name"])
    said = f" {file['name']}: {', '.join(loaded.notes)}." if loaded.notes else ""
    return loaded.images.to(classifier.device), said


@lru_cache(maxsize=1)  # a photograph is read once, not again at every move of another control
def _loaded(content: bytes, size: tuple[int, int], channels: int, name: str) -> LoadedPicture:
    return load_picture(content, size, channels=channels, name=name)
