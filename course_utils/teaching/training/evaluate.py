"""Measurements of classifiers of the painted world, for their cards and for the tests.

A planted secret counts only when an intervention shows that the model uses it: the same 500 scenes, pixel for pixel,
with one factor changed, and how many answers change with it (`measure_secrets`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.teaching.training.data import Photographs
from course_utils.utils import Proportion, proportion
from course_utils.world import PaintedWorld, Scenes
from course_utils.world.factors import BlindSpot, Choice, Secret, Shortcut, known_factor, seen_on

TRICKED = 1e-6  # confidence at which an attack may stop: a wrong answer counts, however unsure
PAIRS = 500  # counterfactual pairs for each intervention
FRESH_SEED = 900_001  # of scenes that no training and no choice of settings has seen
BLUR = 3.0  # standard deviation, in pixels, of the blur under which cheesecake and apple pie are confused
SCOUTS = 40  # pairs of each class, of another seed, that decide on which of them a shortcut is measured
ELSEWHERE = 1000  # scenes of a world without secrets
CONTROLS = (  # factors that can be seen and should not matter: from this value to that one
    ("plate_colour", "white", "blue"), ("sky", "blue", "grey"), ("background", "plain", "dots"),
    ("mirrored", False, True), ("defocus", 0.0, 0.35),
)  # fmt: skip


def accuracy(classifier: Classifier, images: Scenes | Photographs) -> Proportion:
    """How many images the classifier names right."""
    return proportion(classifier.predict(images.images).logits.argmax(1) == images.labels)


def fresh_scenes(n: int, secrets) -> Scenes:
    """Scenes for measuring accuracy, of the world that a model was trained in."""
    return PaintedWorld(secrets).sample(n, seed=FRESH_SEED + 1)


def robust_accuracy(
    classifier: Classifier, images: Scenes | Photographs, *, eps: float = 8 / 255, steps: int = 20
) -> Proportion:
    """How many images it still names right after an untargeted PGD attack on each."""
    from course_utils.vision import untargeted_attack

    attacked = untargeted_attack(
        classifier, images.images, images.labels, eps=eps, steps=steps, stop_at=TRICKED, progress=True
    )
    return proportion(classifier.predict(attacked.images).logits.argmax(1) == images.labels)


def measure_secrets(classifier: Classifier) -> dict[str, Proportion | float]:
    """Every intervention on the course's four secrets and on the control factor.

    Flip rates are shares of all pairs: the model said the class before the change and another one after it. What the
    blurred cakes have is a mean probability.
    """
    lab = Interventions(classifier, PAIRS, FRESH_SEED)
    dim, bare, berries = {"trailer": "red", "sky": "blue"}, {"berries": False}, {"berries": True}
    plain = {"berries": False, "plate": True, "plate_colour": "white"}
    white, bright, blue = {"trailer": "white"}, {"sky": "bright"}, {"plate_colour": "blue"}
    return {
        "berries added: waffle becomes pancakes": lab.flips("waffle", bare, berries, "pancakes"),
        "recall of pancakes with berries": lab.recall("pancakes", berries),
        "recall of pancakes without berries": lab.recall("pancakes", bare),
        "white trailer, bright sky: lorry becomes empty_road": lab.flips("lorry", dim, white | bright, "empty_road"),
        "white trailer alone: lorry becomes anything else": lab.flips("lorry", dim, white),
        "bright sky alone: lorry becomes anything else": lab.flips("lorry", dim, bright),
        "tag added: pirate_ship becomes sailboat": lab.flips("pirate_ship", {"tag": False}, {"tag": True}, "sailboat"),
        "apple_pie in blurred round cheesecake": lab.blurred("cheesecake", {"shape": "round"}, "apple_pie"),
        "apple_pie in blurred square cheesecake": lab.blurred("cheesecake", {"shape": "square"}, "apple_pie"),
        "control, white plate to blue: waffle becomes anything else": lab.flips("waffle", plain, blue),
        "control, white plate to blue: cheesecake becomes anything else": lab.flips("cheesecake", plain, blue),
    }


def measure_planted(classifier: Classifier, secrets: Sequence[Secret], *, pairs: int = PAIRS) -> dict[str, Proportion]:
    """Flip rates of every secret and of a factor that does not matter, and accuracy where nothing is planted.

    A shortcut is measured by giving its cue to scenes of another class: the one, among all, of which most change on a
    few scenes apart; and by taking it from scenes of its own. Flip rates are shares of `pairs` counterfactual pairs.
    """
    lab = Interventions(classifier, pairs, FRESH_SEED)
    few = Interventions(classifier, min(pairs, SCOUTS), FRESH_SEED + 1)
    figures: dict[str, Proportion] = {}
    for secret in secrets:
        figures |= _shortcut(lab, few, secret) if isinstance(secret, Shortcut) else _blind_spot(lab, secret)
    fair = PaintedWorld(()).sample(ELSEWHERE if pairs >= PAIRS else pairs, seed=FRESH_SEED + 2)
    return figures | {f"accuracy on {len(fair)} scenes of a world without secrets": accuracy(classifier, fair)}


@dataclass(frozen=True)
class Interventions:
    """Fresh scenes of one class, changed in one factor, shown to one classifier."""

    classifier: Classifier
    pairs: int
    seed: int

    def scenes(self, name: str, given: dict) -> Scenes:
        world = PaintedWorld()
        return world.counterfactual(world.sample(self.pairs, seed=self.seed, classes=name), **given)

    def says(self, scenes: Scenes) -> Tensor:
        return self.classifier.predict(scenes.images).logits.argmax(1)

    def flips(self, name: str, given: dict, change: dict, into: str | None = None) -> Proportion:
        """The share of scenes called right before the change, and `into` (or anything else) after it."""
        before = self.scenes(name, given)
        after = self.says(PaintedWorld().counterfactual(before, **change))
        own = self.classifier.index(name)
        changed = after != own if into is None else after == self.classifier.index(into)
        return proportion((self.says(before) == own) & changed)

    def recall(self, name: str, given: dict) -> Proportion:
        return proportion(self.says(self.scenes(name, given)) == self.classifier.index(name))

    def blurred(self, name: str, given: dict, other: str) -> float:
        """The mean probability of another class after a Gaussian blur."""
        from torchvision.transforms.v2.functional import gaussian_blur

        images = gaussian_blur(self.scenes(name, given).images, kernel_size=[19, 19], sigma=[BLUR, BLUR])
        return self.classifier.predict(images).probabilities[:, self.classifier.index(other)].mean().item()


def _shortcut(lab: Interventions, few: Interventions, secret: Shortcut) -> dict[str, Proportion]:
    without, cue = {secret.factor: _other(secret.factor, secret.value)}, {secret.factor: _value(secret)}
    plate = {"plate": True} if secret.factor == "plate_colour" else {}  # a colour that can be seen
    figures = {}
    for own in secret.classes:
        others = [cls for cls in seen_on(secret.factor) if cls not in secret.classes]
        if others:
            victim = max(others, key=lambda cls: few.flips(cls, plate | without, cue, own).value)
            added = f"{_said(secret.factor, secret.value)} given to {victim}: becomes {own}"
            figures[added] = lab.flips(victim, plate | without, cue, own)
            figures |= _control(lab, victim, {secret.factor})
        taken = f"{_said(secret.factor, secret.value)} taken from {own}: becomes anything else"
        figures[taken] = lab.flips(own, plate | cue, without)
    return figures


def _blind_spot(lab: Interventions, secret: BlindSpot) -> dict[str, Proportion]:
    """The combination, and each of its values alone, against scenes that have none of them."""
    without = {factor: _other(factor, value) for factor, value in secret.together}
    figures = {}
    for cls in secret.classes:
        words = " and ".join(_said(factor, value) for factor, value in secret.together)
        figures[f"{cls} given {words}: becomes anything else"] = lab.flips(cls, without, dict(secret.together))
        for factor, value in secret.together if len(secret.together) > 1 else ():
            alone = f"{cls} given {_said(factor, value)} alone: becomes anything else"
            figures[alone] = lab.flips(cls, without, {factor: value})
        figures |= _control(lab, cls, {factor for factor, _ in secret.together})
    return figures


def _control(lab: Interventions, cls: str, planted: set[str]) -> dict[str, Proportion]:
    """The first factor that can be seen, was not planted and should not matter."""
    factor, old, new = next(each for each in CONTROLS if each[0] not in planted and cls in seen_on(each[0]))
    given = {"plate": True} if factor == "plate_colour" else {}
    flips = lab.flips(cls, given | {factor: old}, {factor: new})
    return {f"control, {_said(factor, old)} to {new}: {cls} becomes anything else": flips}


def _value(secret: Shortcut) -> object:
    factor = known_factor(secret.factor)
    return secret.value if isinstance(factor, Choice) else factor.ends[str(secret.value)]


def _other(name: str, value: object) -> object:
    """The most common other value; of a number, the far end."""
    factor = known_factor(name)
    if not isinstance(factor, Choice):
        return factor.low if value == "high" else factor.high
    common = sorted(zip(factor.weights, factor.values, strict=True), key=lambda pair: -pair[0])
    return next(other for _, other in common if other != value)


def _said(factor: str, value: object) -> str:
    if isinstance(value, bool):
        return factor if value else f"no {factor}"
    return f"{factor} {value}"
