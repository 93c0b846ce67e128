"""The checks of chapter 12 accept what is right and name the mistake in what is wrong."""

import torch
from torch import nn

from course_utils import Classifier
from course_utils.teaching.exercises.chapter_12 import caught, only_together
from course_utils.vision.effects import strongest


def scene_by_scene(right):
    rows = right.permute(2, 0, 1).tolist()
    turned = [a and b and c and not d for (a, b), (c, d) in rows]
    return sum(turned) / len(turned)


def by_counting(planted, clean, alarms):
    """Every clean score is tried as the bar, the lowest first."""
    for bar in clean.sort().values:
        if (clean > bar).sum() <= alarms:
            return float((planted > bar).sum()) / len(planted)


def interaction(right):
    means = right.float().mean(2)
    return (means[1, 0] + means[0, 1] - means[0, 0] - means[1, 1]).item()


RIGHT = {"12-together": [only_together, scene_by_scene], "12-bar": [caught, by_counting]}
WRONG = {
    "12-together": [
        (lambda r: (r[0, 0] & ~r[1, 1]).float().mean().item(), "one change alone turns"),
        (lambda r: (r[0, 0] & r[0, 1] & ~r[1, 1]).float().mean().item(), "the first change alone"),
        (lambda r: (r[0, 0] & r[1, 0] & ~r[1, 1]).float().mean().item(), "the second change alone"),
        (lambda r: (r[1, 0] & r[0, 1] & ~r[1, 1]).float().mean().item(), "named right *before*"),
        (
            lambda r: (r[0, 0] & (r[1, 0] | r[0, 1]) & ~r[1, 1]).float().mean().item(),
            "with the first and with the second",
        ),
        (lambda r: (~r[1, 1]).float().mean().item(), "every scene that is wrong after both"),
        (lambda r: int((r[0, 0] & r[1, 0] & r[0, 1] & ~r[1, 1]).sum()), "divide by the number of all scenes"),
        (lambda r: only_together(r) / r[0, 0].float().mean().item(), "among scenes that are right before"),
        (lambda r: 100 * only_together(r), "from 0 to 1"),
        (lambda r: (r[0, 0].float().mean() - r[1, 1].float().mean()).item(), "difference of averages"),
        (interaction, "scenes cancel each other"),
        (lambda r: r[0, 0] & r[1, 0] & r[0, 1] & ~r[1, 1], "take the mean"),
        (lambda r: 0.123, "not the share"),
    ],
    "12-bar": [
        (lambda p, c, n: (p >= c.sort(descending=True).values[n]).float().mean().item(), "a score at the bar"),
        (lambda p, c, n: (p > c.sort(descending=True).values[n + 1]).float().mean().item(), "one place too low"),
        (
            lambda p, c, n: (p > c.sort(descending=True).values[max(0, n - 1)]).float().mean().item(),
            "the bar is too high",
        ),
        (lambda p, c, n: (p > c.sort().values[n]).float().mean().item(), "among the smallest"),
        (lambda p, c, n: (p > c.max()).float().mean().item(), "the bar is at place 1"),
        (lambda p, c, n: 1 - caught(p, c, n), "stays below the bar"),
        (lambda p, c, n: 100 * caught(p, c, n), "from 0 to 1"),
        (lambda p, c, n: round(len(p) * caught(p, c, n)), "divide by the number of planted"),
        (lambda p, c, n: "some", "expected one number"),
        (lambda p, c, n: 0.123, "planted scores lie above it"),
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
