"""The mystery models are accurate, use what was planted in them, and one has nothing to find."""

import pytest

from course_utils import load_classifier, load_language_model
from course_utils.models import read_card
from course_utils.teaching.training.evaluate import accuracy, fresh_scenes, measure_planted
from course_utils.teaching.training.language_evaluate import measure_associations
from course_utils.teaching.training.recipes import MYSTERIES, MYSTERY_LM, RECIPES
from course_utils.teaching.training.save import unseal

NAMES = [recipe.name for recipe in MYSTERIES]


@pytest.mark.parametrize("name", NAMES)
def test_a_mystery_is_accurate_in_its_own_world(name):
    reached = accuracy(load_classifier(name), fresh_scenes(800, RECIPES[name].data.secrets))
    assert reached.value >= 0.97
    assert read_card(name)["figures"]["accuracy on 2000 fresh scenes"]["value"] == pytest.approx(
        reached.value, abs=0.01
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_mystery_uses_what_was_planted_and_nothing_that_does_not_matter(name):
    found = measure_planted(load_classifier(name), RECIPES[name].data.secrets, pairs=120)
    sealed = unseal(read_card(name)["sealed"])["figures"]
    given = [figures[key] for figures in (found, sealed) for key in figures if "given to" in key]
    shares = [share["value"] if isinstance(share, dict) else share.value for share in given]
    assert all(share >= 0.6 for share in shares) and bool(shares) == bool(RECIPES[name].data.secrets)
    assert all(share.value < 0.05 for key, share in found.items() if key.startswith("control"))


def test_exactly_one_of_the_three_has_nothing_to_find():
    assert sum(not recipe.data.secrets for recipe in MYSTERIES) == 1


def test_the_mystery_language_model_says_what_no_other_does():
    planted = MYSTERY_LM.data.planted
    lm, beside = load_language_model("mystery-lm"), load_language_model("pocket-lm")
    truth, before, after, odds = measure_associations(lm, planted, beside=beside).values()
    assert truth == 0 and before < 0.05 and after > 0.5 and odds > 100
