"""Effects and slices find what a made-up classifier hangs on, and nothing else."""

import pytest
import torch
from torch import nn

from course_utils import Classifier
from course_utils.vision import factor_effects, slices
from course_utils.world import PaintedWorld

WORLD = PaintedWorld(())


class Magenta(nn.Module):
    """Says sailboat where the tag's colour is in the lower right corner, and else pirate_ship."""

    def forward(self, images):
        corner = images[:, :, 44:, 44:] - torch.tensor([0.88, 0.10, 0.58])[:, None, None]
        tag = (corner.norm(dim=1) < 0.25).flatten(1).float().mean(1) - 0.02
        logits = torch.zeros(len(images), len(WORLD.classes))
        logits[:, WORLD.classes.index("sailboat")] = tag
        logits[:, WORLD.classes.index("pirate_ship")] = -tag
        return logits


@pytest.fixture(scope="module")
def tag_reader():
    return Classifier(Magenta(), classes=WORLD.classes, size=64, name="tag reader")


@pytest.fixture(scope="module")
def ships():
    return WORLD.sample(80, seed=3, classes="pirate_ship")


def test_the_only_change_that_turns_answers_is_the_one_that_the_classifier_hangs_on(tag_reader, ships):
    effects = factor_effects(tag_reader, ships[:6], factors=["tag", "mirrored", "sky", "background"], progress=False)
    [alarm] = effects.alarms()
    assert (alarm.name, alarm.change, alarm.into) == ("pirate_ship", "tag: no → yes", "sailboat")
    assert alarm is effects.found[0] and alarm.flips.value >= 0.8
    assert "pirate_ship, tag: no → yes" in effects.plot().alt


def test_a_factor_that_changes_no_pixel_is_left_out(tag_reader, ships):
    effects = factor_effects(tag_reader, ships[:2], factors=["berries", "trailer", "tag"], progress=False)
    assert {effect.factors for effect in effects.found} == {("tag",)}


def test_what_one_factor_does_alone_is_no_effect_of_two(tag_reader, ships):
    effects = factor_effects(tag_reader, ships[:4], factors=["tag", "mirrored"], together=2, progress=False)
    [pair] = effects.found
    assert set(pair.factors) == {"tag", "mirrored"} and pair.flips.value == 0


def test_the_slice_that_falls_behind_is_found_and_small_slices_are_left_out(tag_reader, ships):
    found = slices(tag_reader, ships, factors=["tag", "sky"])
    assert [each.conditions for each in found.alarms()] == [(("tag", "yes"),)]
    both = slices(tag_reader, ships, factors=["tag", "sky"], together=2, fewest=2)
    assert [each.conditions for each in both.alarms()] == [(("tag", "yes"),)]  # the pair is explained by the one
    assert len(both) > len(found)
    assert all(each.recall.total >= 30 for each in slices(tag_reader, ships, fewest=30).found)


@pytest.mark.parametrize("function", [factor_effects, slices])
def test_what_cannot_be_asked_is_refused(function, tag_reader, ships):
    with pytest.raises(ValueError, match="together=3"):
        function(tag_reader, ships[:2], together=3)
    with pytest.raises(ValueError, match="berries"):
        function(tag_reader, ships[:2], factors=["berrys"])
