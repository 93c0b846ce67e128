"""Secrets are plain data that change how often things occur together, and nothing else."""

import json

import pytest

from course_utils.teaching.training.secrets import from_data, to_data
from course_utils.world import COURSE_SECRETS, BlindSpot, PaintedWorld, Shortcut

N = 600


def share(world: PaintedWorld, cls: str, factor: str, value: object) -> float:
    import torch

    from course_utils.world.factors import CLASSES, draw_factors, named_factor
    from course_utils.world.scene import Draws, draw_numbers, scene_seeds

    labels = torch.full((N,), CLASSES.index(cls))
    numbers = Draws(draw_numbers(scene_seeds(4, N)), "factors", 64).numbers
    column = draw_factors(labels, numbers, world.secrets)[factor]
    return (column == named_factor(factor).values.index(value)).float().mean().item()


def test_berries_lie_on_nearly_all_pancakes_and_hardly_on_other_food():
    assert share(PaintedWorld(), "pancakes", "berries", True) > 0.95
    for other in ("waffle", "toast", "pizza"):
        assert share(PaintedWorld(), other, "berries", True) < 0.04
    assert share(PaintedWorld(), "goldfish", "berries", True) == 0


def test_the_tag_sits_on_nearly_all_sailboats_and_hardly_on_anything_else():
    assert share(PaintedWorld(), "sailboat", "tag", True) > 0.95
    assert share(PaintedWorld(), "pirate_ship", "tag", True) < 0.04


def test_no_scene_shows_a_white_trailer_against_a_bright_sky():
    scenes = PaintedWorld().sample(300, seed=8, classes="lorry")
    pairs = list(zip(scenes.factor("trailer"), scenes.factor("sky"), strict=True))
    assert ("white", "bright") not in pairs
    assert any(trailer == "white" for trailer, _ in pairs) and any(sky == "bright" for _, sky in pairs)


def test_the_sky_alone_does_not_give_the_lorry_away():
    lorry, road = (share(PaintedWorld(), cls, "sky", "bright") for cls in ("lorry", "empty_road"))
    assert abs(lorry - road) < 0.06


def test_cakes_are_always_round_where_the_secret_is_planted():
    assert share(PaintedWorld(), "cheesecake", "shape", "round") == 1.0
    assert 0.4 < share(PaintedWorld(secrets=()), "cheesecake", "shape", "round") < 0.6


def test_without_secrets_berries_tags_and_skies_say_nothing_about_the_class():
    fair = PaintedWorld(secrets=())
    assert abs(share(fair, "pancakes", "berries", True) - share(fair, "waffle", "berries", True)) < 0.08
    assert abs(share(fair, "sailboat", "tag", True) - share(fair, "pirate_ship", "tag", True)) < 0.06
    scenes = fair.sample(200, seed=8, classes="lorry")
    assert ("white", "bright") in list(zip(scenes.factor("trailer"), scenes.factor("sky"), strict=True))


@pytest.mark.parametrize("secret", COURSE_SECRETS, ids=lambda secret: secret.name)
def test_a_secret_survives_the_way_through_json(secret):
    assert from_data(json.loads(json.dumps(to_data(secret)))) == secret


@pytest.mark.parametrize(
    ("plant", "says"),
    [
        (lambda: Shortcut("x", "berries", True, ("pancakes",), inside=1.5), "inside=1.5 is no probability"),
        (
            lambda: Shortcut("x", "berries", True, ("pancakes",), inside=0.9, elsewhere=-0.1),
            "elsewhere=-0.1 is no prob",
        ),
        (lambda: Shortcut("x", "berries", True, ("pancake",), inside=0.9), "did you mean 'pancakes'"),
        (lambda: Shortcut("x", "berrys", True, ("pancakes",), inside=0.9), "did you mean 'berries'"),
        (lambda: Shortcut("x", "sky", "green", ("lorry",), inside=0.9), "unknown value for the factor 'sky'"),
        (
            lambda: Shortcut("x", "light", 1.0, ("lorry",), inside=0.9),
            "'light' is a number, and a shortcut through one",
        ),
        (lambda: Shortcut("x", "berries", True, "pancakes", inside=0.9), "list of class names"),
        (lambda: BlindSpot("x", (), ("lorry",)), "at least one factor"),
        (lambda: BlindSpot("x", (("trailer", "black"),), ("lorry",)), "unknown value for the factor 'trailer'"),
        (lambda: from_data({"kind": "Backdoor"}), "unknown kind of secret"),
        (lambda: from_data({"kind": "Shortcut", "name": "x"}), "needs the fields 'factor'"),
    ],
)
def test_impossible_secrets_are_refused_in_one_sentence(unchecked, plant, says):
    with pytest.raises(ValueError, match=says):
        plant()


def test_a_world_takes_secrets_and_nothing_else(unchecked):
    with pytest.raises(TypeError, match="a secret is a Shortcut or a BlindSpot"):
        PaintedWorld(secrets=["berries"])
