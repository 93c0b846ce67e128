"""The lab of chapter 3: which part of an image speaks for one class, and not for another?"""

from __future__ import annotations

from course_utils.figures.images import percent
from course_utils.models.classifier import Classifier
from course_utils.teaching.labs import lab
from course_utils.teaching.labs.lab import Drawn, ImageMenu, Lab, Progress
from course_utils.vision.attributions import show_isolation
from course_utils.vision.isolation import isolate_features
from course_utils.world import Scenes

SAID = "what the model says"
ALL = "all others"
FILLS = ("blur", "mean", "noise")


def isolation_lab(classifier: Classifier, scenes: Scenes, *, steps: int = 100) -> Lab:
    """A panel in which the reader asks which part of an image makes the classifier answer as it does.

    In it you choose an image, the class that is asked about, the one that it is held against, and what stands where
    something is hidden; you see the part on which the answer hangs, and what the model says with it and without it. A
    button takes an image of your own.

    Args:
        classifier: a `Classifier`.
        scenes: the images to choose from, with `.images` and `.labels`; the first twenty are offered.
        steps: of the mask's optimisation, 1 … 200.

    Raises:
        ValueError: images that are none, or steps outside their range.
    """
    offered = ImageMenu(classifier, scenes)
    lab.checked_steps(steps, most=200)

    def draw(image: int, upload: tuple, target: str, versus: str, fill: str, progress: Progress) -> Drawn:
        chosen, note = offered.chosen(image, upload)
        said = classifier.predict(chosen).classes[0]
        asked = said if target == SAID else target
        if asked == versus:
            raise ValueError(f"Why {asked} and not {versus}? Choose two different classes.")
        found = isolate_features(
            classifier, chosen, asked, versus=None if versus == ALL else versus, fill=fill, steps=steps,
            on_step=lab.on_step(progress, steps), progress=False,
        )  # fmt: skip
        kept, removed = percent(float(found.kept[0])), percent(float(found.removed[0]))
        line = (
            f"The model says {said}. Probability of {asked}: {percent(float(found.before[0]))}; with this part "
            f"alone {kept}, without it {removed}. The part covers {percent(float(found.area[0]))} of the image."
        )
        if found.filled[0] > 0.5:
            line += f" But the filling alone is called {asked} as well: hide things behind something else."
        alt = f"An image, the part of it that speaks for {asked}, and the rest. {line}"
        return show_isolation(found, alt=alt), line + note

    controls = {
        **offered.controls,
        "target": lab.menu("Why", [SAID, *classifier.classes], SAID),
        "versus": lab.menu("and not", [ALL, *classifier.classes], ALL),
        "fill": lab.menu("Hidden behind", FILLS, FILLS[0]),
    }
    return Lab("Lab: what does this answer hang on?", draw, controls, lab.about(isolation_lab), offered.link)
