"""The lab of chapter 3: which part of an image speaks for one class, and not for another?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from course_utils.figures.images import as_images, percent
from course_utils.figures.style import DescribedFigure
from course_utils.models.classifier import Classifier
from course_utils.teaching.labs import lab
from course_utils.teaching.labs.lab import Lab, Progress
from course_utils.vision.saliency import show_isolation
from course_utils.world import Scenes

MOST_SCENES = 20  # what a menu can hold
SAID = "what the model says"
ALL = "all others"
FILLS = ("blur", "mean", "noise")
ABOUT = (
    "In it you choose an image, the class that is asked about, the one that it is held against, and what stands where "
    "something is hidden; you see the part on which the answer hangs, and what the model says with it and without it. "
    f"{lab.ABOUT_UPLOAD}"
)


def isolation_lab(classifier: Classifier, scenes: Scenes, *, steps: int = 100) -> Lab:
    """A panel in which the reader asks which part of an image makes the classifier answer as it does.

    Args:
        classifier: a `Classifier`.
        scenes: the images to choose from, with `.images` and `.labels`; the first twenty are offered.
        steps: of the mask's optimisation, 1 … 200.

    Raises:
        ValueError: images that are none, or steps outside their range.
    """
    images, labels = scenes.images[:MOST_SCENES], scenes.labels[:MOST_SCENES]
    as_images(images, "scenes.images")
    if not 1 <= steps <= 200:
        raise ValueError(f"steps={steps} given, expected 1 … 200: a lab has to answer in seconds.")
    names = [classifier.classes[int(label)] for label in labels]

    def draw(
        image: int, upload: tuple, target: str, versus: str, fill: str, progress: Progress
    ) -> tuple[DescribedFigure, str]:
        chosen, note = lab.chosen_image(classifier, images, image, upload)
        drawn, line = _draw(classifier, chosen, target, versus, fill, steps, progress)
        return drawn, line + note

    def controls(first: Mapping[str, Any]) -> dict[str, Any]:
        import ipywidgets as widgets

        menus = {"target": [SAID, *classifier.classes], "versus": [ALL, *classifier.classes], "fill": list(FILLS)}
        words = {"target": "Why", "versus": "and not", "fill": "Hidden behind"}
        return lab.image_controls(names, first) | {
            name: widgets.Dropdown(options=options, value=first[name], description=words[name])
            for name, options in menus.items()
        }

    first = {**lab.FIRST, "target": SAID, "versus": ALL, "fill": FILLS[0]}
    return Lab("Lab: what does this answer hang on?", draw, first, controls, ABOUT)


def _draw(
    classifier: Classifier, chosen: Tensor, target: str, versus: str, fill: str, steps: int, progress: Progress
) -> tuple[DescribedFigure, str]:
    from course_utils.vision import isolate_features

    said = classifier.predict(chosen).classes[0]
    asked = said if target == SAID else target
    if asked == versus:
        raise ValueError(f"Why {asked} and not {versus}? Choose two different classes.")
    found = isolate_features(
        classifier,
        chosen,
        asked,
        versus=None if versus == ALL else versus,
        fill=fill,
        steps=steps,
        on_step=lambda step, *_: progress(step, steps),
        progress=False,
    )
    kept, removed = percent(float(found.kept[0])), percent(float(found.removed[0]))
    line = (
        f"The model says {said}. Probability of {asked}: {percent(float(found.before[0]))}; with this part "
        f"alone {kept}, without it {removed}. The part covers {percent(float(found.area[0]))} of the image."
    )
    if found.filled[0] > 0.5:
        line += f" But the filling alone is called {asked} as well: hide things behind something else."
    return show_isolation(found, alt=f"An image, the part of it that speaks for {asked}, and the rest. {line}"), line
