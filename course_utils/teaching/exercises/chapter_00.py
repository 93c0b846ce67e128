"""The exercises of chapter 0, meet the models: the two numbers with which the whole course measures."""

from collections.abc import Iterator

import torch
from torch import Tensor

from course_utils.teaching.exercises.checks import Compared


def accuracy(logits, labels):
    """Return the share of images, in [0, 1], whose largest logit is at
    their label.

    Why: Accuracy is the first number that is asked of any classifier. It also hides much: chapter 1 shows how much.

    Hint: A classifier's answer is the class with the largest logit. `logits` has one row for each image and one
    column for each class.

    Hint: `logits.argmax(dim=1)` gives the answers; `answers == labels` is True where they are right.

    Hint: `.float().mean().item()` makes a share of a tensor of truth values.
    """
    return (logits.argmax(dim=1) == labels).float().mean().item()


def flip_rate(before, after):
    """Return the share of images, in [0, 1], whose answer (the class with
    the largest logit) differs between `before` and `after`.

    Why: Change one thing in every image and count how many answers change: that is how the course finds out what a
    model uses.

    Hint: Two batches of logits come in, for the same images before and after the change. Which answer does each
    row give?

    Hint: Compare `before.argmax(dim=1)` with `after.argmax(dim=1)`; a flip is where they are not equal.

    Hint: The mean of the truth values is the share: `.float().mean().item()`.
    """
    return (before.argmax(dim=1) != after.argmax(dim=1)).float().mean().item()


def answers_to_check() -> Iterator[tuple[Tensor, Tensor]]:
    """Logits and labels, about 70 % right; first as many images as classes, where a wrong axis raises no error."""
    for seed, images, classes in ((0, 40, 40), (1, 7, 3)):
        generator = torch.Generator().manual_seed(seed)
        logits = torch.randn(images, classes, generator=generator)
        others = torch.randint(classes, (images,), generator=generator)
        right = torch.rand(images, generator=generator) < 0.7
        labels = torch.where(right, logits.argmax(1), others)
        labels[:3], labels[3] = logits.argmax(0)[:3], logits[3].argmin()  # else these mistakes would give just 0
        yield logits, labels


def changes_to_check() -> Iterator[tuple[Tensor, Tensor]]:
    """Logits before and after a change: all of them change, but not all answers; in the end no answer."""
    before, after = torch.randn(2, 40, 40, generator=torch.Generator().manual_seed(2))
    after[:10] = before[:10] + 0.1
    after[:2] = before[:2]
    yield before, after
    yield before, before + 1.0


SHARES = "your function says {result:.4g}, expected {right:.4g} for these images."

ACCURACY = Compared(
    id="00-accuracy",
    title="Accuracy",
    minutes=4,
    difficulty=1,
    reference=accuracy,
    cases=answers_to_check,
    otherwise=SHARES,
    wrong={
        "there is one number for each image: average them, `.float().mean().item()`.": {
            ".float().mean().item()": ("", ".float()")
        },
        "this counts right answers: divide it by the number of images.": lambda x, y: len(x) * accuracy(x, y),
        "`argmax` is over the wrong axis: classes are `dim=1`.": lambda x, y: accuracy(x.T, y),
        "this is the share of wrong answers: compare with ==, not with !=.": lambda x, y: 1 - accuracy(x, y),
        "this is in per cent: return the share itself, between 0 and 1.": lambda x, y: 100 * accuracy(x, y),
        "this takes the smallest logit: use `argmax`.": lambda x, y: accuracy(-x, y),
        "counted like this, not one image is right: a classifier's answers are `logits.argmax(dim=1)`, one for each "
        "image, and a share needs `/`, not `//`.": lambda x, y: 0.0,
        "this is the mean probability of the label, or of the answer: count right answers instead.": (
            lambda x, y: x.softmax(1).gather(1, y[:, None]).mean(),
            lambda x, y: x.softmax(1).amax(1).mean(),
        ),
    },
)


FLIP_RATE = Compared(
    id="00-flip-rate",
    title="Flip rate",
    minutes=4,
    difficulty=1,
    reference=flip_rate,
    cases=changes_to_check,
    otherwise=SHARES,
    wrong={
        "logits nearly always differ a little: compare the answers, `argmax(dim=1)`, not the logits.": (
            lambda x, y: (x != y).float().mean()
        ),
        "there is one number for each image: average them, `.float().mean().item()`.": {
            ".float().mean().item()": ("", ".float()")
        },
        "`argmax()` without `dim=1` is one answer for the whole batch.": lambda x, y: float(x.argmax() != y.argmax()),
        "this counts flips: divide it by the number of images.": lambda x, y: len(x) * flip_rate(x, y),
        "`argmax` is over the wrong axis: classes are `dim=1`.": lambda x, y: flip_rate(x.T, y.T),
        "this is the share of answers that stayed the same: compare with !=.": lambda x, y: 1 - flip_rate(x, y),
        "this is in per cent: return the share itself, between 0 and 1.": lambda x, y: 100 * flip_rate(x, y),
        "this counts flips in one direction only: compare with !=.": {"!=": (">", "<")},
    },
)
