"""Weights drawn anew: only those that were named, alike for the same seed, and of the size that a fresh net has."""

import pytest
import torch
from torch import nn

from course_utils import Classifier, load_classifier
from course_utils.models.randomized import cascade, randomized
from course_utils.world import PaintedWorld


class Scaled(nn.Module):
    """A module whose weights PyTorch has no rule for."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(5 + 2 * torch.randn(3, 400, generator=torch.Generator().manual_seed(0)))

    def forward(self, x):
        return x.mean((2, 3)) @ self.scale


@pytest.fixture(scope="module")
def pocket():
    return load_classifier("pocket")


def changed(before, after):
    """Names of the parameters and buffers that differ."""
    now = after.module.state_dict()
    return {name for name, value in before.module.state_dict().items() if not torch.equal(value, now[name])}


def test_only_what_lies_inside_the_named_layers_changes(pocket):
    assert changed(pocket, randomized(pocket, "head")) == {"head.weight", "head.bias"}
    block = changed(pocket, randomized(pocket, ["layer2"]))
    assert block and all(name.startswith("layer2.") for name in block)
    assert {"layer2.conv1.weight", "layer2.norm1.running_mean", "layer2.shortcut.0.weight"} <= block


def test_the_given_classifier_and_the_readers_random_state_stay_as_they_are(pocket):
    before = {name: value.clone() for name, value in pocket.state_dict().items()}
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    randomized(pocket, "layer3")
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(value, before[name]) for name, value in pocket.state_dict().items())


def test_a_layers_new_weights_depend_on_the_seed_and_not_on_what_else_is_drawn(pocket):
    alone, together = randomized(pocket, "head", seed=3), randomized(pocket, ["layer3", "head"], seed=3)
    assert torch.equal(alone.module.head.weight, together.module.head.weight)
    assert not torch.equal(alone.module.head.weight, randomized(pocket, "head", seed=4).module.head.weight)


def test_weights_are_drawn_as_a_fresh_module_draws_them(pocket):
    fresh = nn.Linear(pocket.module.head.in_features, pocket.module.head.out_features)
    ratio = randomized(pocket, "head").module.head.weight.std() / fresh.weight.std()
    assert ratio.item() == pytest.approx(1, abs=0.05)


def test_without_a_rule_of_pytorchs_weights_keep_their_mean_and_spread():
    net = nn.Sequential(Scaled())
    drawn = randomized(Classifier(net, classes=[str(i) for i in range(400)], size=4), "0").module[0].scale
    assert not torch.equal(drawn, net[0].scale)
    assert drawn.mean().item() == pytest.approx(5, abs=0.25) and drawn.std().item() == pytest.approx(2, abs=0.15)


def test_the_cascade_goes_from_the_head_to_the_whole_net_and_ends_at_chance(pocket):
    steps = list(cascade(pocket))
    assert steps[0] == ("head",) and steps[1] == ("head", "layer3") and steps[-1][-1] == "stem"
    scenes = PaintedWorld().sample(160, seed=31)
    said = randomized(pocket, steps[-1]).predict(scenes.images).logits.argmax(1)
    assert (said == scenes.labels).float().mean() < 0.3  # 16 classes: chance is 0.06


def test_layers_that_do_not_exist_or_hold_nothing_are_refused(pocket):
    with pytest.raises(ValueError, match="did you mean 'layer3'"):
        randomized(pocket, "layer33")
    with pytest.raises(ValueError, match="no layers given"):
        randomized(pocket, [])
    with pytest.raises(ValueError, match="hold no weights"):
        randomized(pocket, "dropout")
