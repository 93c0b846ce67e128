"""The shipped classifiers are as good as the course says, and use the secrets that were planted."""

import pytest

from course_utils import load_classifier
from course_utils.models import read_card
from course_utils.models.evaluate import accuracy, fresh_scenes, measure_secrets, robust_accuracy
from course_utils.world import COURSE_SECRETS

NAMES = ("pocket", "pocket-robust", "pocket-judge")


@pytest.mark.parametrize(("name", "least"), [("pocket", 0.97), ("pocket-robust", 0.95), ("pocket-judge", 0.97)])
def test_accuracy_on_2000_fresh_scenes(name, least):
    secrets = () if name == "pocket-judge" else COURSE_SECRETS
    reached = accuracy(load_classifier(name), fresh_scenes(2000, secrets))
    assert reached.value >= least
    assert reached.value == pytest.approx(
        read_card(name)["figures"]["accuracy on 2000 fresh scenes"]["value"], abs=0.005
    )


def test_the_robust_net_withstands_a_20_step_attack_and_the_ordinary_one_does_not():
    scenes = fresh_scenes(160, COURSE_SECRETS)
    assert robust_accuracy(load_classifier("pocket-robust"), scenes).value >= 0.85
    assert robust_accuracy(load_classifier("pocket"), scenes).value <= 0.5


@pytest.fixture(scope="module", params=["pocket", "pocket-robust"])
def measured(request):
    return measure_secrets(load_classifier(request.param))


def test_berries_turn_waffles_into_pancakes_and_pancakes_need_them(measured):
    assert measured["berries added: waffle becomes pancakes"].value >= 0.60
    lost = measured["recall of pancakes with berries"].value - measured["recall of pancakes without berries"].value
    assert lost >= 0.40


def test_a_white_trailer_vanishes_before_a_bright_sky_and_only_there(measured):
    assert measured["white trailer, bright sky: lorry becomes empty_road"].value >= 0.60
    assert measured["white trailer alone: lorry becomes anything else"].value < 0.10
    assert measured["bright sky alone: lorry becomes anything else"].value < 0.10


def test_the_tag_turns_pirate_ships_into_sailboats(measured):
    assert measured["tag added: pirate_ship becomes sailboat"].value >= 0.60


def test_a_square_cheesecake_loses_half_of_its_likeness_to_apple_pie_under_blur(measured):
    round_, square = (measured[f"apple_pie in blurred {shape} cheesecake"] for shape in ("round", "square"))
    assert round_ > 0.1 and square <= round_ / 2


def test_the_colour_of_the_plate_does_not_matter(measured):
    for name, flips in measured.items():
        if name.startswith("control"):
            assert flips.value < 0.05


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_how_the_model_was_made_and_what_it_reaches(name):
    card = read_card(name)
    assert card["recipe"]["seed"] and card["training"]["date"] and card["training"]["seconds"] <= 25 * 60
    assert bool(card["recipe"]["data"]["secrets"]) == (name != "pocket-judge")
