"""Isolation: it finds the part that causes an answer, says what it was asked, and goes when the weights go."""

import copy
import math

import pytest
import torch
from torch import nn

from course_utils import Classifier, load_classifier
from course_utils.activations import Outputs
from course_utils.models.randomized import randomized
from course_utils.show import show_isolation
from course_utils.transforms import Noise
from course_utils.vision import deletion_and_insertion, gradients, isolate_features, known_causes, relevance_mass
from course_utils.vision.isolation import CLEARLY, Answer, LogOdds
from course_utils.world import PaintedWorld

QUICK = {"steps": 40, "progress": False}


@pytest.fixture(scope="module")
def robust():
    return load_classifier("pocket-robust")


@pytest.fixture(scope="module")
def scenes(robust):
    return known_causes(robust, 1, seed=5)


@pytest.fixture(scope="module")
def isolation(robust, scenes):
    return isolate_features(robust, scenes.images, progress=False)


class Corners(nn.Module):
    """Says where the light is: in the upper left, the lower right, or nowhere."""

    def forward(self, x):
        light = torch.stack([x[:, :, :4, :4].mean((1, 2, 3)), x[:, :, -4:, -4:].mean((1, 2, 3))], 1)
        return 20 * torch.cat([light, torch.full_like(light[:, :1], 0.25)], 1)


@pytest.fixture
def corners():
    return Classifier(Corners(), classes=("upper", "lower", "dark"), size=16, name="corners")


def lights(*where):
    """Dark images with light in the upper left (u), in the lower right (l), in both (b)."""
    images = torch.zeros(len(where), 3, 16, 16)
    for image, letter in zip(images, where, strict=True):
        if letter in "ub":
            image[:, :4, :4] = 1
        if letter in "lb":
            image[:, -4:, -4:] = 1
    return images


DARK = torch.zeros(1, 3, 16, 16)


def outputs(logits):
    return Outputs(logits, {}, nn.Identity(), None, len(logits))


def test_masks_cover_the_part_whose_removal_changes_the_answer(isolation, scenes):
    assert relevance_mass(isolation.masks, scenes.truth).mean() > 0.6  # the parts cover 7 % of these images
    assert isolation.area.max() < 0.2
    assert isolation.targets == isolation.answers == scenes.targets
    assert (isolation.removed < isolation.before).all() and (isolation.before > 0.5).all()
    assert (isolation.removed < 0.5).float().mean() >= 0.5  # not all: a blurred tag is still a little of a tag


def test_with_the_weights_drawn_anew_masks_lose_the_part(robust, scenes, isolation):
    lost = isolate_features(randomized(robust, ["head", "layer3"]), scenes.images, **QUICK)
    trained = relevance_mass(isolation.masks, scenes.truth).mean()
    assert relevance_mass(lost.masks, scenes.truth).mean() < trained / 2


def test_a_net_that_looks_at_one_corner_gets_a_mask_over_that_corner(corners):
    result = isolate_features(corners, lights("u", "l"), fill=DARK, **QUICK)
    assert result.answers == ["upper", "lower"]
    truth = lights("u", "l")[:, 0]
    assert (relevance_mass(result.masks, truth) > 0.9).all()
    assert result.area.max() < 0.15


def test_versus_asks_what_speaks_for_one_class_and_not_for_the_other(corners):
    both = lights("b", "b")
    result = isolate_features(corners, both, ["upper", "lower"], versus=["lower", "upper"], fill=DARK, **QUICK)
    assert (relevance_mass(result.masks, lights("u", "l")[:, 0]) > 0.9).all()
    assert result.versus == ["lower", "upper"]


def test_a_class_that_the_model_does_not_say_is_looked_for_by_preservation(corners):
    result = isolate_features(corners, lights("b", "b"), ["lower", "upper"], fill=DARK, **QUICK)
    said = result.answers[0]
    assert [game == "deletion" for game in result.games] == [name == said for name in ("lower", "upper")]
    other = result.targets.index({"lower": "upper", "upper": "lower"}[said])
    assert result.kept[other] > 0.9 and not result.agrees[other]
    assert "the classifier says something else of 1" in repr(result)


def test_both_games_can_be_asked_for(corners):
    kept = isolate_features(corners, lights("u"), game="preservation", fill=DARK, **QUICK)
    removed = isolate_features(corners, lights("u"), game="deletion", fill=DARK, **QUICK)
    assert kept.kept.item() > 0.8 and kept.games == ["preservation"]
    assert removed.removed.item() < 0.2 and removed.games == ["deletion"]


def test_without_a_target_it_isolates_what_the_model_says_right_or_wrong(robust):
    world = PaintedWorld()
    waffles = world.counterfactual(world.sample(3, seed=9, classes="waffle"), berries=True)
    result = isolate_features(robust, waffles.images, steps=2)
    assert result.targets == result.answers == ["pancakes"] * 3  # they show waffles
    asked = isolate_features(robust, waffles.images, "waffle", steps=2)
    assert asked.targets == ["waffle"] * 3 and asked.answers == ["pancakes"] * 3 and not asked.agrees.any()
    assert "the classifier says something else of 3" in repr(asked)


def test_a_filling_that_shows_the_class_by_itself_is_said_to_be_of_no_use(corners):
    result = isolate_features(corners, lights("u"), fill=lights("u"), **QUICK)
    assert result.filled.item() > 0.9 and result.removed.item() > 0.9
    assert "take another fill" in repr(result)
    assert isolate_features(corners, lights("u"), fill=DARK, **QUICK).filled.item() < 0.1


def test_a_larger_area_weight_makes_smaller_masks(robust, scenes):
    areas = [isolate_features(robust, scenes.images, area_weight=w, **QUICK).area.mean() for w in (2.0, 25.0)]
    assert areas[1] < areas[0]


def test_a_image_does_not_depend_on_what_stands_beside_it(robust, scenes):
    together = isolate_features(robust, scenes.images[:3], fill="noise", steps=3)
    apart = isolate_features(robust, scenes.images[:3], fill="noise", steps=3, batch_size=1)
    torch.testing.assert_close(apart.masks, together.masks, atol=0.02, rtol=0)  # Adam enlarges what rounding leaves
    again = isolate_features(robust, scenes.images[:3], fill="noise", steps=3)
    assert torch.equal(again.masks, together.masks)


def test_the_model_and_the_images_are_left_as_found(robust, scenes):
    before, images = copy.deepcopy(robust.state_dict()), scenes.images.clone()
    isolate_features(robust, scenes.images, steps=2)
    assert all(torch.equal(value, before[name]) for name, value in robust.state_dict().items())
    assert all(weight.requires_grad for weight in robust.parameters())
    assert torch.equal(images, scenes.images)


def test_probabilities_are_those_of_the_two_parts(robust, scenes, isolation):
    from course_utils.canvas import filling

    shown = isolation.masks[:, None]
    blurred = filling(scenes.images, "blur")
    for part, said in ((shown, isolation.kept), (1 - shown, isolation.removed)):
        seen = robust.predict(part * scenes.images + (1 - part) * blurred)
        at = torch.tensor([robust.index(name) for name in isolation.targets])
        torch.testing.assert_close(said, seen.probabilities.gather(1, at[:, None])[:, 0], atol=1e-4, rtol=1e-3)


def test_an_interrupt_keeps_what_was_reached(corners):
    calls = iter(range(100))

    def stop(step, *_):
        if next(calls) == 25:  # in the second batch
            raise KeyboardInterrupt

    result = isolate_features(corners, lights("u", "l", "b"), batch_size=1, steps=20, fill=DARK, on_step=stop)
    assert result.interrupted and len(result) == 2
    assert len(result.targets) == len(result.kept) == len(result.answers) == 2
    assert "interrupted" in repr(result)


def test_log_odds_are_those_of_the_probabilities():
    logits = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, 3.0]])
    p = logits.double().softmax(1)[:, 1]
    torch.testing.assert_close(LogOdds(1)(outputs(logits)), (p / (1 - p)).log().float())
    torch.testing.assert_close(LogOdds(1, [0, 2])(outputs(logits)), torch.tensor([-3.0, 0.0]))


def test_an_answer_levels_off_once_it_has_clearly_fallen_or_stayed():
    logits = torch.tensor([[8.0, 0.0], [8.0, 0.0]])
    stays, falls = Answer(0, falls=[False, True])(outputs(logits)).tolist()
    assert stays == pytest.approx(-math.log1p(math.exp(CLEARLY - 8)), rel=1e-4)
    assert falls == pytest.approx(-math.log1p(math.exp(CLEARLY + 8)), rel=1e-4)
    assert Answer(1, falls=False)(outputs(logits))[0].item() == pytest.approx(falls, rel=1e-4)


def test_grain_has_the_spread_asked_for_and_stays_among_images():
    grey = torch.full((2, 3, 32, 32), 0.5)
    noisy = Noise(0.05)(grey, [torch.Generator().manual_seed(i) for i in range(2)])
    assert noisy.std().item() == pytest.approx(0.05, rel=0.05) and not torch.equal(noisy[0], noisy[1])
    assert Noise(5.0)(grey, [torch.Generator() for _ in range(2)]).abs().max() <= 1


def test_known_causes_are_causes(robust, scenes):
    assert robust.predict(scenes.images).classes == scenes.targets
    assert all(target != other for target, other in zip(scenes.targets, scenes.versus, strict=True))
    assert scenes.truth.shape == scenes.images[:, 0].shape and scenes.truth.sum((1, 2)).min() >= 8
    assert "2 by berries, 2 by tag" in repr(scenes)


def test_a_model_that_does_not_use_the_part_has_no_known_causes():
    with pytest.raises(ValueError, match="does not use it"):
        known_causes(load_classifier("pocket-judge"), 5)
    with pytest.raises(ValueError, match="each=0"):
        known_causes(load_classifier("pocket-judge"), 0)


def test_the_figure_shows_both_parts_with_their_probabilities_and_other_methods(robust, scenes, isolation):
    picture = show_isolation(isolation, gradients(robust, scenes.images), truth=scenes.truth, most=2)
    titles = [axes.get_title().replace("\n", " ") for axes in picture.figure.axes]
    assert titles[:5] == ["image", "isolated part", "the rest", "gradients", "known cause"]
    assert "without" in picture.alt and "2 images" in picture.alt
    assert "<img" in isolation._repr_html_()
    other = gradients(robust, scenes.images.flip(0))
    with pytest.raises(ValueError, match="other images"):
        show_isolation(isolation, other)


def test_bad_input_is_answered_in_a_sentence(corners, unchecked):
    images = lights("u", "l")
    refused = [
        (ValueError, "did you mean 'upper'", {"target": "uper"}),
        (ValueError, "versus is 'upper', and so is the target for image 1", {"target": ["lower", "upper"],
                                                                              "versus": ["upper", "upper"]}),
        (ValueError, "which is what the classifier says of it", {"versus": "lower"}),
        (ValueError, "got 3 classes for 2 images", {"target": ["upper"] * 3}),
        (ValueError, "unknown game", {"game": "chess"}),
        (ValueError, "unknown fill", {"fill": "black"}),
        (ValueError, "steps=0", {"steps": 0}),
        (ValueError, "cells=0", {"cells": 0}),
        (ValueError, "weight -1", {"area_weight": -1.0}),
    ]  # fmt: skip
    for kind, words, options in refused:
        with pytest.raises(kind, match=words):
            isolate_features(corners, images, **options)
    with pytest.raises(ValueError, match="NaN"):
        isolate_features(corners, images * torch.nan)
    with pytest.raises(ValueError, match="not 8x8 pixels"):
        isolate_features(corners, images[..., :8, :8])
    with pytest.raises(TypeError, match="expected a Classifier"):
        isolate_features(corners.module, images)


@pytest.mark.parametrize(
    ("size", "usual"),
    [
        (16, {"game": "deletion", "fill": "blur", "area_weight": 25.0, "cells": 8}),
        (128, {"game": "preservation", "fill": "mean", "area_weight": 5.0, "cells": 4}),
    ],
)
def test_settings_follow_the_size_of_the_images(size, usual):
    torch.manual_seed(0)
    net = Classifier(Corners(), classes=["upper", "lower", "dark"], size=size, mean=0, std=1)
    images = 0.8 * torch.rand(2, 3, size, size)
    agreed = net.predict(images).classes
    chosen = isolate_features(net, images, steps=3, progress=False)
    said = isolate_features(net, images, agreed, steps=3, progress=False, **usual)
    assert torch.equal(chosen.masks, said.masks) and chosen.games == said.games == [usual["game"]] * 2


def test_what_is_hidden_or_uncovered_first_is_what_the_map_says(unchecked, corners):
    images = lights("u", "l")
    cause = (images - images.flatten(1).median(1).values[:, None, None, None]).abs().sum(1)
    classes = corners.predict(images).classes
    good, bad = (deletion_and_insertion(corners, images, m, classes, fill=DARK) for m in (cause, -cause))
    assert (good[0] < bad[0]).all() and (good[1] > bad[1]).all()
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            good, deletion_and_insertion(corners, images, 3 * cause + 1, classes, fill=DARK, batch_size=1), strict=True
        )
    )
    with pytest.raises(ValueError, match="one map for each image"):
        deletion_and_insertion(corners, images, cause[:1], classes)
