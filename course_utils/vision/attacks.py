"""Attacks: small changes of a picture, within an epsilon ball, that change what a classifier says.

Training moves the weights and leaves the pictures alone; an attack moves the picture and leaves the weights
alone. Both follow a gradient. An attack that fails proves little: another start, more steps or another attack
may succeed, so the share of pictures that withstand one attack is an upper bound of the model's robustness.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from course_utils.models.classifier import Classifier
from course_utils.objectives import Target
from course_utils.vision.attack_result import AttackResult
from course_utils.vision.pgd import OnStep, ProjectedAscent


def targeted_attack(
    classifier: Classifier,
    images: Float[Tensor, "batch channels height width"],
    target: Target,
    *,
    eps: float = 8 / 255,
    norm: str = "linf",
    steps: int = 20,
    step_size: float | None = None,
    random_start: bool = False,
    restarts: int = 1,
    stop_at: float | None = None,
    seed: int = 0,
    batch_size: int = 128,
    on_step: OnStep | None = None,
    progress: bool | None = None,
) -> AttackResult:
    """Change pictures within an epsilon ball until the classifier calls them `target` (PGD).

    Projected gradient descent climbs the log-probability of the target by steps of fixed length, along the
    gradient's sign in `"linf"` and along the gradient itself in `"l2"`, each followed by the projection onto
    the ball and onto [0, 1]. `steps=1` is the fast gradient sign method. Of each picture the best iterate is
    kept: one that the classifier calls `target`, if there is any, and of those the most certain one.

    Args:
        classifier: what is tricked; used in eval mode and left as found.
        images: in [0, 1].
        target: class name or index, one for all or one a picture. Single pictures that are called so already
            are attacked all the same, and marked `.already`.
        eps: radius of the ball: in `"linf"` the most by which a number may change, 0 … 1; in `"l2"` the
            length of the whole change. 0 returns the pictures as they are.
        norm: `"linf"` or `"l2"`.
        steps: gradient steps in a run, at least 1.
        step_size: length of a step in the same norm; 2.5 · eps / steps if None.
        random_start: whether the first run, too, starts at a random point of the ball instead of at the
            picture.
        restarts: number of runs, at least 1. Each after the first starts at random, with those not yet
            tricked.
        stop_at: confidence in (0, 1] at which a picture is left alone; None uses all steps to gain
            confidence.
        seed: of the random starts; picture i starts at the same point whatever stands beside it.
        batch_size: pictures that go through the classifier at once.
        on_step: called in each batch of each run as `course_utils.loop.optimize` does.
        progress: True shows a bar, False none, None one for work of over a second.

    Raises:
        ValueError: all pictures are called `target` already; a setting out of range; images that the
            classifier refuses; an unknown class; another number of targets than of pictures.
        TypeError: a model that is not a `Classifier`.
        RuntimeError, FloatingPointError: no usable gradient (see `course_utils.loop.optimize`).

    Source: Goodfellow et al. 2015 (one step), Madry et al. 2018 (PGD); they keep the last iterate, we the
    best.
    """
    ascent = ProjectedAscent(
        eps, norm, steps, step_size, random_start, restarts, stop_at, seed, batch_size, on_step, progress
    )
    return ascent(classifier, images, target, targeted=True)


def untargeted_attack(
    classifier: Classifier,
    images: Float[Tensor, "batch channels height width"],
    labels: Target,
    *,
    eps: float = 8 / 255,
    norm: str = "linf",
    steps: int = 20,
    step_size: float | None = None,
    random_start: bool = False,
    restarts: int = 1,
    stop_at: float | None = None,
    seed: int = 0,
    batch_size: int = 128,
    on_step: OnStep | None = None,
    progress: bool | None = None,
) -> AttackResult:
    """Change pictures within an epsilon ball until the classifier calls them anything but their label.

    Descends the log-probability of the label: as `targeted_attack`, with the sign turned round, and with its
    settings. A picture that the classifier gets wrong already counts as tricked, and is marked `.already`.

    Args:
        labels: what the pictures show: class name or index, one for all or one a picture.

    Raises:
        ValueError, TypeError, RuntimeError, FloatingPointError: as `targeted_attack`.

    Source: as `targeted_attack`.
    """
    ascent = ProjectedAscent(
        eps, norm, steps, step_size, random_start, restarts, stop_at, seed, batch_size, on_step, progress
    )
    return ascent(classifier, images, labels, targeted=False)
