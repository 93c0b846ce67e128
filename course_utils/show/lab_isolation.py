"""The lab of chapter 3: which part of a picture speaks for one class, and not for another?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.show import lab_upload
from course_utils.show.arrays import as_pictures
from course_utils.show.figures import percent
from course_utils.show.isolation import show_isolation
from course_utils.show.lab import Lab, Progress
from course_utils.show.style import Picture
from course_utils.world import Scenes

MOST_SCENES = 20  # what a menu can hold
SAID = "what the model says"
ALL = "all others"
FILLS = ("blur", "mean", "noise")
ABOUT = (
    "In it you choose a picture, the class that is asked about, the one that it is held against, and what stands where "
    "something is hidden; you see the part on which the answer hangs, and what the model says with it and without it. "
    f"{lab_upload.ABOUT}"
)


def isolation_lab(classifier: Classifier, scenes: Scenes, *, steps: int = 100) -> Lab:
    """A panel in which the reader asks which part of a picture makes the classifier answer as it does.

    Args:
        classifier: a `Classifier`.
        scenes: the pictures to choose from, with `.images` and `.labels`; the first twenty are offered.
        steps: of the mask's optimisation, 1 … 200.

    Raises:
        ValueError: pictures that are none, or steps outside their range.
    """
    images, labels = scenes.images[:MOST_SCENES], scenes.labels[:MOST_SCENES]
    as_pictures(images, "scenes.images")
    if not 1 <= steps <= 200:
        raise ValueError(f"steps={steps} given, expected 1 … 200: a lab has to answer in seconds.")
    names = [classifier.classes[int(label)] for label in labels]

    def draw(
        picture: int, upload: tuple, target: str, versus: str, fill: str, progress: Progress
    ) -> tuple[Picture, str]:
        image, note = lab_upload.chosen_picture(classifier, images, picture, upload)
        drawn, line = _draw(classifier, image, target, versus, fill, steps, progress)
        return drawn, line + note

    def controls(first: Mapping[str, Any]) -> dict[str, Any]:
        import ipywidgets as widgets

        menus = {"target": [SAID, *classifier.classes], "versus": [ALL, *classifier.classes], "fill": list(FILLS)}
        words = {"target": "Why", "versus": "and not", "fill": "Hidden behind"}
        return lab_upload.picture_controls(names, first) | {
            name: widgets.Dropdown(options=options, value=first[name], description=words[name])
            for name, options in menus.items()
        }

    first = {**lab_upload.FIRST, "target": SAID, "versus": ALL, "fill": FILLS[0]}
    return Lab("Lab: what does this answer hang on?", draw, first, controls, ABOUT)


def _draw(
    classifier: Classifier, image: Tensor, target: str, versus: str, fill: str, steps: int, progress: Progress
) -> tuple[Picture, str]:
    from course_utils.vision import isolate_features

    said = classifier.predict(image).classes[0]
    asked = said if target == SAID else target
    if asked == versus:
        raise ValueError(f"Why {asked} and not {versus}? Choose two different classes.")
    found = isolate_features(
        classifier,
        image,
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
        f"alone {kept}, without it {removed}. The part covers {percent(float(found.area[0]))} of the picture."
    )
    if found.filled[0] > 0.5:
        line += f" But the filling alone is called {asked} as well: hide things behind something else."
    return show_isolation(found, alt=f"A picture, the part of it that speaks for {asked}, and the rest. {line}"), line
