"""The checks of chapter 12 accept what is right and name the mistake in what is wrong."""

import numpy as np
import torch
from torch import nn

from course_utils import Classifier
from course_utils.teaching.exercises.chapter_12 import caught, only_together
from course_utils.vision.slicing import strongest


def scene_by_scene(right):
    rows = right.permute(2, 0, 1).tolist()
    turned = [a and b and c and not d for (a, b), (c, d) in rows]
    return sum(turned) / len(turned)


def by_counting(planted, clean, alarms):
    """Every clean score is tried as the bar, the lowest first."""
    for bar in clean.sort().values:
        if (clean > bar).sum() <= alarms:
            return float((planted > bar).sum()) / len(planted)


def together_in_numpy(right):
    r = right.numpy()
    return (r[0, 0] & r[1, 0] & r[0, 1] & ~r[1, 1]).mean()


def together_by_sums(right):
    """Three of the four right, and the one that is wrong is the last."""
    return ((right.sum((0, 1)) == 3) & ~right[1, 1]).double().mean()


def caught_in_numpy(planted, clean, alarms):
    return (planted.numpy() > np.sort(clean.numpy())[::-1][alarms]).mean()


def caught_in_a_loop(planted, clean, alarms):
    bar = sorted(clean.tolist(), reverse=True)[alarms]
    return sum(score > bar for score in planted.tolist()) / len(planted)


RIGHT = {
    "12-together": [only_together, scene_by_scene, together_in_numpy, together_by_sums],
    "12-bar": [
        caught,
        by_counting,
        caught_in_numpy,
        caught_in_a_loop,
        lambda p, c, n: (p > c.topk(n + 1).values[-1]).float().mean(),
    ],
}
WRONG = {
    "12-together": [
        (lambda r: 0.123, "not the share"),
        (lambda r: [only_together(r)], "expected one number"),
        (lambda r: only_together(r.logical_not_()), "in place"),
    ],
    "12-bar": [
        (lambda p, c, n: "some", "expected one number"),
        (lambda p, c, n: 0.123, "planted scores lie above it"),
        (lambda p, c, n: (p > c.sort(descending=True).values[n - 1]).float().mean(), "the bar is too high"),
        (lambda p, c, n: (p > c.unique().flip(0)[n]).float().mean(), "too many clean scores are above"),
        (lambda p, c, n: p > c.sort(descending=True).values[n], "expected one number"),
        (lambda p, c, n: caught(p, c.mul_(1.1), n), "in place"),
    ],
}


class Whiteness(nn.Module):
    def forward(self, images):
        white = images.mean((1, 2, 3)) - 0.5
        return torch.stack([white, -white], 1)


def test_the_blind_spot_of_the_exercise_is_the_package_s():
    """Two factors together, counted by the exercise's function and by `factor_effects`."""
    right = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 1], [1, 1, 1, 1], [0, 1, 0, 0]]).bool()  # settings in order
    settings = [(("sky", a), ("trailer", b)) for a in ("blue", "bright") for b in ("red", "white")]

    images = right.float()[..., None, None, None].expand(4, 4, 3, 2, 2)  # white where the answer is right
    says = Classifier(Whiteness(), classes=("lorry", "empty_road"), size=2)
    effect = strongest(says, "lorry", settings, images)
    assert effect.flips.value == only_together(right.reshape(2, 2, 4)) == 0.25
    assert effect.into == "empty_road"
