"""The shipped classifiers are as good as the course says, and use the secrets that were planted."""

import subprocess
import sys

import pytest

from course_utils import load_classifier, load_images
from course_utils.models import read_card
from course_utils.models.shipped import WEIGHTS
from course_utils.teaching.training.evaluate import accuracy, fresh_scenes, measure_secrets, robust_accuracy
from course_utils.vision import untargeted_attack
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


def test_a_real_cat_is_a_cat_and_the_robust_net_holds_on_to_it_longer():
    from skimage import data

    photo, robust = load_classifier("photo"), load_classifier("photo-robust")
    whole = data.chelsea()
    views = load_images(photo, *(whole[20 : 20 + side, 120 : 120 + side] for side in (230, 240, 250, 260, 270, 280)))
    assert photo.predict(views).classes.count("cat") >= 5
    resisted = [
        (~untargeted_attack(model, views, model.predict(views).classes, eps=4 / 255).success).sum().item()
        for model in (photo, robust)
    ]
    assert resisted[1] > resisted[0]


@pytest.mark.parametrize("name", ["photo", "photo-robust"])
def test_the_cards_of_the_nets_for_photographs_hold_what_was_measured_on_all_test_photographs(name):
    card = read_card(name)
    assert card["parameters"] <= 2_000_000 and card["recipe"]["data"] == {"kind": "CIFAR-10"}
    figures = card["figures"]
    clean, attacked = figures["accuracy on 10000 test photographs"], figures["accuracy under 20-step PGD at 8/255"]
    assert clean["value"] >= (0.90 if name == "photo" else 0.64)
    assert attacked["value"] >= (0 if name == "photo" else 0.38)
    by_eps = [figures[f"accuracy under 20-step PGD at {eps}/255, every tenth"]["value"] for eps in (0, 1, 2, 4, 8, 16)]
    assert by_eps == sorted(by_eps, reverse=True) and by_eps[0] == pytest.approx(clean["value"], abs=0.03)


def test_all_weights_together_are_small_and_read_only_when_asked_for():
    assert sum(path.stat().st_size for path in WEIGHTS.glob("*.safetensors")) < 40e6
    code = "import course_utils, sys; assert 'torch' not in sys.modules and 'safetensors' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_how_the_model_was_made_and_what_it_reaches(name):
    card = read_card(name)
    assert card["recipe"]["seed"] and card["training"]["date"] and card["training"]["seconds"] <= 25 * 60
    assert bool(card["recipe"]["data"]["secrets"]) == (name != "pocket-judge")
