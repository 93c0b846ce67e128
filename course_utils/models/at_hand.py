"""`at_hand`: a pretrained model where it can be had, and otherwise one sentence.

    resnet = at_hand("resnet50")
    if resnet:
        visualize(resnet, "layer3:12").plot()

So a chapter's cell that wants a pretrained model runs everywhere, and says why it shows nothing where it shows nothing.
"""

from __future__ import annotations

from typing import Any

from course_utils.messages import unknown
from course_utils.models.caches import megabytes, mode
from course_utils.models.hugging_face import OWNERS, is_hub_name, snapshot
from course_utils.models.pretrained import checkpoint, source, torchvision_names


def at_hand(name: str) -> Any:
    """A classifier of torchvision or a language model of Hugging Face, if its weights are at hand; otherwise None.

    Weights that are on this computer are used; others are fetched only where the environment says
    COURSE_MODELS=pretrained. If there is nothing to use, one printed sentence says what to run. COURSE_MODELS=shipped
    uses neither; nor does the book, unless it is built with COURSE_MODELS=pretrained.

    Args:
        name: what `load_classifier` or `load_language_model` takes, of torchvision or Hugging Face.

    Returns:
        A `Classifier`, a `LanguageModel`, or None.

    Raises:
        ValueError: an unknown name (offers close ones), or weights that are damaged.
    """
    vision = name in torchvision_names()
    if not vision and not is_hub_name(name):
        raise ValueError(unknown("pretrained model", name, [*OWNERS, *torchvision_names()]))
    chosen = mode()
    if chosen == "stand-in":
        return _stand_in(name, vision)
    if chosen == "shipped":
        print(f"This part runs on {name} where the environment says COURSE_MODELS=pretrained; {_fetch(name, vision)}")
        return None
    if chosen == "cached" and (checkpoint(name) if vision else snapshot(name)) is None:
        print(f"This part stays empty, for {name} is not on this computer: {_fetch(name, vision)}")
        return None
    from course_utils.models.language_load import load_language_model
    from course_utils.models.load import load_classifier

    try:
        return load_classifier(name) if vision else load_language_model(name)
    except OSError as error:  # no network, no room, no permission: the sentence says which
        print(f"This part stays empty, for {error}")
        return None


def _fetch(name: str, vision: bool) -> str:
    size = f" ({megabytes(source(name).bytes)})" if vision else ""
    return f"`python -m course_utils prefetch {name}` fetches it{size}."


def _stand_in(name: str, vision: bool) -> Any:
    from course_utils.models.stand_ins import classifier_stand_in, language_stand_in

    print(f"A stand-in: this is the architecture of {name} with random weights, and what it shows means nothing.")
    return classifier_stand_in(name) if vision else language_stand_in(name)
