"""What is measured about a classifier of the painted world, for its card and for the tests.

A planted secret counts only when an intervention shows that the model uses it: the same 500 scenes, pixel for pixel,
with one factor changed, and how many answers change with it (`measure_secrets`).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.models.photographs import Photographs
from course_utils.proportions import Proportion, proportion
from course_utils.world import PaintedWorld, Scenes

TRICKED = 1e-6  # confidence at which an attack may stop: a wrong answer counts, however unsure
PAIRS = 500  # counterfactual pairs for each intervention
FRESH_SEED = 900_001  # of scenes that no training and no choice of settings has seen
BLUR = 3.0  # standard deviation, in pixels, of the blur under which cheesecake and apple pie are confused


def accuracy(classifier: Classifier, pictures: Scenes | Photographs) -> Proportion:
    """How many pictures the classifier names right."""
    return proportion(classifier.predict(pictures.images).logits.argmax(1) == pictures.labels)


def robust_accuracy(
    classifier: Classifier, pictures: Scenes | Photographs, *, eps: float = 8 / 255, steps: int = 20
) -> Proportion:
    """How many pictures it still names right after an untargeted PGD attack on each."""
    from course_utils.vision import untargeted_attack

    attacked = untargeted_attack(
        classifier, pictures.images, pictures.labels, eps=eps, steps=steps, stop_at=TRICKED, progress=True
    )
    return proportion(classifier.predict(attacked.images).logits.argmax(1) == pictures.labels)


def measure_secrets(
    classifier: Classifier, *, pairs: int = PAIRS, seed: int = FRESH_SEED
) -> dict[str, Proportion | float]:
    """Every intervention on the course's four secrets and on the control factor.

    Flip rates are shares of all pairs: the model said the class before the change and another one after it. What the
    blurred cakes have is a mean probability.
    """
    lab = Laboratory(classifier, pairs, seed)
    dim = {"trailer": "red", "sky": "blue"}
    plain = {"berries": False, "plate": True, "plate_colour": "white"}
    white, bright, blue = {"trailer": "white"}, {"sky": "bright"}, {"plate_colour": "blue"}
    return {
        "berries added: waffle becomes pancakes": lab.flips(
            "waffle", {"berries": False}, {"berries": True}, "pancakes"
        ),
        "recall of pancakes with berries": lab.recall("pancakes", {"berries": True}),
        "recall of pancakes without berries": lab.recall("pancakes", {"berries": False}),
        "white trailer, bright sky: lorry becomes empty_road": lab.flips("lorry", dim, white | bright, "empty_road"),
        "white trailer alone: lorry becomes anything else": lab.flips("lorry", dim, white),
        "bright sky alone: lorry becomes anything else": lab.flips("lorry", dim, bright),
        "tag added: pirate_ship becomes sailboat": lab.flips("pirate_ship", {"tag": False}, {"tag": True}, "sailboat"),
        "apple_pie in blurred round cheesecake": lab.blurred("cheesecake", {"shape": "round"}, "apple_pie"),
        "apple_pie in blurred square cheesecake": lab.blurred("cheesecake", {"shape": "square"}, "apple_pie"),
        "control, white plate to blue: waffle becomes anything else": lab.flips("waffle", plain, blue),
        "control, white plate to blue: cheesecake becomes anything else": lab.flips("cheesecake", plain, blue),
    }


@dataclass(frozen=True)
class Laboratory:
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


def fresh_scenes(n: int, secrets) -> Scenes:
    """Scenes for measuring accuracy, of the world that a model was trained in."""
    return PaintedWorld(secrets).sample(n, seed=FRESH_SEED + 1)
