"""Labs of the painted world: one scene with its factors (chapter 0), a lorry (1), an audit bench (12)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import torch

from course_utils.figures.images import percent
from course_utils.models.classifier import Classifier, show_predictions
from course_utils.teaching.labs import lab
from course_utils.teaching.labs.lab import Drawn, Lab, Progress
from course_utils.vision.isolation import isolate_features
from course_utils.vision.prototypes import generate_prototypes
from course_utils.vision.slicing import factor_effects, plot_effects
from course_utils.world import PaintedWorld, Scenes
from course_utils.world.factors import amount, named_factor

KNOBS = ("size", "rotation", "light", "defocus", "noise")  # amounts that get a slider


def world_lab(classifier: Classifier, world: PaintedWorld | None = None, *, name: str = "goldfish") -> Lab:
    """A panel that paints one scene and changes one factor after the other.

    In it you choose the class, the scene and its background, turn size, rotation, light, focus and noise, and see what
    the classifier says.

    Args:
        classifier: a classifier of the painted world.
        world: where scenes come from; `PaintedWorld()` unless told otherwise.
        name: the class to begin with.

    Raises:
        ValueError: an unknown class.
    """
    world = world or PaintedWorld()
    start = world.sample(1, seed=0, classes=name)

    def draw(cls: str, number: int, background: str, occluder: bool, progress: Progress, **amounts: float) -> Drawn:
        scene = world.sample(1, seed=number, classes=cls)
        scene = world.counterfactual(scene, background=background, occluder=occluder, **amounts)
        return _said(classifier, scene, cls, "right", f"wrong, it is {cls}")

    controls = {
        "cls": lab.menu("class", world.classes, name),
        "number": lab.control("IntSlider", "scene", 0, min=0, max=50),
        "background": lab.menu("background", named_factor("background").values, start.factor("background")[0]),
        "occluder": lab.control("Checkbox", "something in front", start.factor("occluder")[0]),
    }
    for knob in KNOBS:
        low, high = amount(knob).low, amount(knob).high
        options = {"min": low, "max": high, "step": (high - low) / 40, "readout_format": ".3f"}
        controls[knob] = lab.control("FloatSlider", knob, start.factor(knob)[0], **options)
    return Lab("Lab: one scene, many knobs", draw, controls, lab.about(world_lab))


def lorry_lab(classifier: Classifier, *, trailer: str = "red", sky: str = "blue") -> Lab:
    """A panel that paints one lorry.

    In it you choose the sky and the colour of the trailer, and see whether the classifier sees the lorry.

    Args:
        classifier: a classifier of the painted world.
        trailer, sky: what to begin with.

    Raises:
        ValueError: an unknown colour or sky.
    """
    world = PaintedWorld(secrets=())
    colours = {"trailer": trailer, "sky": sky}
    for knob, value in colours.items():
        named_factor(knob).encode(knob, value)

    def draw(number: int, progress: Progress, **colours: str) -> Drawn:
        scene = world.counterfactual(world.sample(1, seed=number, classes="lorry"), **colours)
        return _said(classifier, scene, "lorry", "it sees the lorry", "it does not see the lorry")

    controls = {knob: lab.menu(knob, named_factor(knob).values, value) for knob, value in colours.items()}
    controls |= {"number": lab.control("IntSlider", "scene", 0, min=0, max=50)}
    return Lab("Lab: paint a lorry", draw, controls, lab.about(lorry_lab))


def _said(classifier: Classifier, scene: Scenes, cls: str, right: str, wrong: str) -> Drawn:
    """A scene with the probabilities, and whether the answer is the scene's class."""
    prediction = classifier.predict(scene.images)
    answer, sure = prediction.classes[0], percent(prediction.confidence[0].item())
    line = f"{classifier.name} says {answer}, {sure}: {right if answer == cls else wrong}."
    return show_predictions(classifier, scene.images, [cls]), line


METHODS = ("interventions", "prototypes, no data", "isolation")
SCENES = 16  # of a class, for interventions: seconds
MASKS = 4  # scenes whose features are isolated


def audit_lab(models: Mapping[str, Classifier], scenes: Scenes, *, cls: str | None = None, steps: int = 80) -> Lab:
    """A panel in which the reader turns the methods of the course on several models.

    In it you choose a model, a class and a method: which changes of a scene turn the answer, what the class looks like
    to the model, or where in scenes of the class the answer hangs. A clean model beside the others shows what a method
    says where there is nothing to find.

    Args:
        models: by the names in the menu, all of the painted world's classes.
        scenes: some of every class, best such in which every factor varies by itself.
        cls: the class to begin with; the first if None.
        steps: of prototypes and masks, 1 … 150.

    Raises:
        ValueError: no model, a class without scenes, or steps outside their range.
    """
    if not models:
        raise ValueError("no models given, expected at least one, such as {'pocket': load_classifier('pocket')}.")
    lab.checked_steps(steps)
    names = list(dict.fromkeys(scenes.names))
    first_class = names[0] if cls is None else cls
    if first_class not in names:
        raise ValueError(f"cls={first_class!r} given, expected a class with scenes: {', '.join(names)}.")

    @lru_cache(maxsize=64)
    def drawn(model: str, cls: str, method: str) -> Drawn:
        classifier = models[model]
        own = scenes[torch.tensor([name == cls for name in scenes.names])]
        if method == "interventions":
            effects = factor_effects(classifier, own[:SCENES], progress=False)
            line = f"{len(effects.alarms())} of {len(effects)} changes raise an alarm. Strongest: {effects.found[0]}."
            return plot_effects(effects, most=8), line
        if method == "isolation":
            masks = isolate_features(classifier, own.images[:MASKS], cls, steps=steps, progress=False)
            area, before, removed = (x.mean().item() for x in (masks.area, masks.before, masks.removed))
            line = (
                f"The masks cover {percent(area)} of the image; without what they cover {cls} falls from "
                f"{percent(before)} to {percent(removed)} on average."
            )
            return masks.plot(MASKS), line
        made = generate_prototypes(classifier, cls, copies=3, steps=steps, progress=False)
        least = percent(made.probability.min().item())
        return made.plot(), f"Three climbs from other noise each; {classifier.name} is at least {least} sure of each."

    def draw(progress: Progress, **chosen: str) -> Drawn:
        return drawn(**chosen)

    controls = {
        "model": lab.menu("Model", list(models), next(iter(models))),
        "cls": lab.menu("Class", names, first_class),
        "method": lab.menu("Method", METHODS, METHODS[0]),
    }
    return Lab("Lab: an audit bench", draw, controls, lab.about(audit_lab))
