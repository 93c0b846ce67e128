"""What is asked about pictures: which class, and against which other; the same for isolation and for attributions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from course_utils.models.classifier import Classifier, Prediction
from course_utils.objectives import Target


@dataclass(frozen=True, eq=False)
class Question:
    """Pictures ready for a classifier, and the classes that are asked about, one row a picture.

    Attributes:
        images: in [0, 1], on the classifier's device.
        target: index of the class in question.
        versus: index of the class that it is held against; None for all others together.
        prediction: what the classifier says of the pictures.
    """

    classifier: Classifier
    images: Float[Tensor, "batch channels height width"]
    target: Int[Tensor, "batch"]
    versus: Int[Tensor, "batch"] | None
    prediction: Prediction

    @property
    def targets(self) -> list[str]:
        """The classes in question by name."""
        return self._names(self.target)

    @property
    def against(self) -> list[str] | None:
        """The classes that they are held against by name, if there are any."""
        return None if self.versus is None else self._names(self.versus)

    @property
    def agrees(self) -> Bool[Tensor, "batch"]:
        """Whether the class in question is what the classifier says."""
        return self.prediction.logits.argmax(1) == self.target.cpu()

    def _names(self, indices: Tensor) -> list[str]:
        return [self.classifier.classes[index] for index in indices.tolist()]


def ask(classifier: Classifier, images: Tensor, target: Target | None, versus: Target | None) -> Question:
    """The question, checked; without a target it is about what the classifier says, right or wrong.

    Raises:
        TypeError: a model that is no `Classifier`.
        ValueError: images that it refuses, an unknown class, another number of classes than of pictures, or a class
            that is to be held against itself.
    """
    if not isinstance(classifier, Classifier):
        given = type(classifier).__name__
        raise TypeError(f"classifier is {given}, expected a Classifier: Classifier(module, classes=…, size=…).")
    prediction = classifier.predict(images)
    ready = images.detach().to(classifier.device, classifier.dtype).clamp(0, 1)
    if target is None:
        wanted = prediction.logits.argmax(1).to(classifier.device)
    else:
        wanted = classifier.targets(target, len(ready))
    other = None if versus is None else classifier.targets(versus, len(ready))
    if other is not None and (same := (wanted == other)).any():
        name = classifier.classes[int(wanted[same][0])]
        said = ", which is what the classifier says of it," if target is None else ""
        raise ValueError(
            f"versus is {name!r}, and so is the target{said} for picture {int(same.nonzero()[0])}: "
            "name two different classes."
        )
    return Question(classifier, ready, wanted, other, prediction)


@torch.no_grad()
def probability(classifier: Classifier, images: Tensor, classes: Int[Tensor, "batch"]) -> Float[Tensor, "batch"]:
    """The probability of each picture's class, on the CPU."""
    return classifier.predict(images).probabilities.gather(1, classes.cpu()[:, None]).squeeze(1)
