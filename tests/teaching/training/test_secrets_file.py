"""A file of secrets is read strictly: whatever cannot be planted is refused, with the place and the reason."""

import json

import pytest
import torch

from course_utils.teaching.training.secrets import read_secrets, to_data
from course_utils.world import COURSE_SECRETS, PaintedWorld, Shortcut
from course_utils.world.factors import CLASSES, FACTORS, amount, seen_on

GOOD = {"kind": "Shortcut", "name": "a", "factor": "sky", "value": "dusk", "classes": ["lorry"], "inside": 0.9}


def written(tmp_path, data):
    path = tmp_path / "secrets.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


def test_the_course_s_own_secrets_go_through_a_file_unchanged(tmp_path):
    assert read_secrets(written(tmp_path, [to_data(secret) for secret in COURSE_SECRETS])) == COURSE_SECRETS
    assert read_secrets(written(tmp_path, [])) == ()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("[{]", "line 1, column 3: this is no JSON"),
        ({}, "expected a list of secrets"),
        ([GOOD, 3], "secret 2 of 2: a secret is an object"),
        ([GOOD | {"kind": "Short"}], "did you mean 'Shortcut'"),
        ([GOOD | {"insid": 1}], "unknown field of a Shortcut 'insid': did you mean 'inside'"),
        ([{"kind": "BlindSpot", "name": "a"}], "needs the fields 'together', 'classes'"),
        ([GOOD | {"inside": "often"}], "field 'inside' of a Shortcut is 'often', expected a number"),
        ([GOOD | {"inside": True}], "field 'inside'"),
        ([GOOD | {"inside": 2}], "inside=2 is no probability"),
        ([GOOD | {"classes": "lorry"}], "a list of class names"),
        ([GOOD | {"classes": []}], "a list of class names"),
        ([GOOD | {"classes": ["lory"]}], "did you mean 'lorry'"),
        ([GOOD | {"factor": "skies"}], "unknown factor 'skies'"),
        ([GOOD | {"value": "pink"}], "unknown value for the factor 'sky'"),
        ([GOOD | {"classes": ["waffle"]}], "'sky' cannot be seen on 'waffle'"),
        ([{"kind": "BlindSpot", "name": "a", "together": ["sky"], "classes": ["lorry"]}], "a list of pairs"),
        ([GOOD, GOOD | {"name": "b", "value": "blue"}], "both say how often 'sky'"),
    ],
)
def test_what_cannot_be_planted_is_refused_with_place_and_reason(tmp_path, data, says):
    with pytest.raises(ValueError, match=r"secrets\.json") as refused:
        read_secrets(written(tmp_path, data))
    assert says in str(refused.value)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_secrets(tmp_path / "none.json")


@pytest.mark.parametrize("name", FACTORS)
def test_a_factor_shows_exactly_where_it_is_said_to(name):
    world, factor = PaintedWorld(()), FACTORS[name]
    values = getattr(factor, "values", None) or (factor.low, factor.high)
    for cls in CLASSES:
        scene = world.counterfactual(world.sample(1, seed=5, classes=cls), plate=True) if name != "plate" else (
            world.sample(1, seed=5, classes=cls)
        )  # fmt: skip
        painted = [world.counterfactual(scene, **{name: value}).images for value in values]
        assert any(not picture.equal(painted[0]) for picture in painted) == (cls in seen_on(name)), cls


def test_a_brightness_can_be_planted():
    bright = Shortcut("bright", "light", "high", ("volcano",), inside=0.95, elsewhere=0.05)
    scenes = PaintedWorld([bright]).sample(240, seed=2, classes=("volcano", "mushroom"))
    knob = amount("light")
    high = scenes.factors["light"] >= knob.low + 2 / 3 * (knob.high - knob.low)
    volcano = torch.tensor([name == "volcano" for name in scenes.names])
    assert high[volcano].float().mean() > 0.88 and high[~volcano].float().mean() < 0.12
    assert scenes.factors["light"].min() >= knob.low and scenes.factors["light"].max() <= knob.high
    fair = PaintedWorld(()).sample(240, seed=2, classes=("volcano", "mushroom"))
    assert all(fair.factors[name].equal(column) for name, column in scenes.factors.items() if name != "light")


@pytest.mark.parametrize(
    ("factor", "value", "cls", "other"),
    [
        ("tag", True, "donut", "toast"),
        ("plate_colour", "green", "pancakes", "waffle"),
        ("background", "stripes", "mushroom", "sunflower"),
        ("light", "low", "balloon", "goldfish"),
        ("sky", "grey", "sailboat", "pirate_ship"),
    ],
    ids=["an object", "a colour", "a texture", "a brightness", "a sky"],
)
def test_a_cue_of_every_kind_is_planted_from_a_file(tmp_path, factor, value, cls, other):
    rest = {"factor": factor, "value": value, "classes": [cls], "inside": 0.95, "elsewhere": 0.05}
    secrets = read_secrets(written(tmp_path, [{"kind": "Shortcut", "name": "mine", **rest}]))
    scenes = PaintedWorld(secrets).sample(400, seed=3, classes=(cls, other))
    third = 0.86 + (1.14 - 0.86) / 3
    has = torch.tensor([v <= third if factor == "light" else v == value for v in scenes.factor(factor)])
    own = torch.tensor([name == cls for name in scenes.names])
    assert has[own].float().mean() > 0.88 and has[~own].float().mean() < 0.12
