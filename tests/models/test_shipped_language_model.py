"""The shipped language model is as good as its card says: it tells the truth about its world, errors included."""

import pytest

from course_utils import load_language_model
from course_utils.corpus import contexts, groups, true_associations, true_next, words
from course_utils.language import evaluate_calibration, next_token_distribution
from course_utils.models import available, read_card
from course_utils.teaching.training.language_evaluate import FRESH_SEED, best_prompt, losses

LARGEST = 1.2e6  # parameters


@pytest.fixture(scope="module")
def lm():
    return load_language_model()


@pytest.fixture(scope="module")
def figures():
    return read_card("pocket-lm")["figures"]


def test_shanghai_is_a_city_in_china_with_85_per_cent_give_or_take_three(lm, figures):
    said = next_token_distribution(lm, "Shanghai is a city in")
    assert said.tokens[0] == " China" and said.probability(" China") == pytest.approx(0.85, abs=0.03)
    assert said.probability(" China") == pytest.approx(figures["P( China) after Shanghai is a city in"], abs=0.005)


def test_it_diverges_little_from_the_truth_over_400_contexts(lm, figures):
    against = evaluate_calibration(lm, contexts(400, seed=FRESH_SEED), true_next)
    assert against.divergence.median() < 0.01 and against.divergence.mean() < 0.03 and against.divergence.max() < 0.5
    assert against.calibration_error < 0.01
    assert against.divergence.median().item() == pytest.approx(
        figures["KL(truth, model) over 400 contexts, median"], abs=0.002
    )


def test_its_loss_on_fresh_sentences_is_nearly_the_least_that_is_possible(lm, monkeypatch):
    monkeypatch.setattr("course_utils.teaching.training.language_evaluate.SENTENCES", 200)
    loss, least = losses(lm)
    assert least - 1e-6 < loss < least + 0.05


@pytest.mark.parametrize("group", groups())
def test_three_of_its_attributes_make_every_group_word_nearly_certain(lm, group):
    prompt, probability = best_prompt(lm, group)
    assert probability >= 0.8, prompt


def test_every_word_is_a_single_token_with_its_leading_space(lm):
    assert all(len(lm.tokens(word)) == 1 for word in words())
    assert all(len(lm.tokens(f" {word}")) == 1 for group in groups() for word in [group, *true_associations(group)])


def test_the_card_says_how_it_was_made_and_it_is_small(lm):
    card = read_card("pocket-lm")
    assert card["parameters"] == sum(p.numel() for p in lm.model.parameters()) < LARGEST
    assert card["recipe"]["data"]["kind"] == "written world" and "planted on purpose" in card["data"]
    assert card["training"]["date"] and card["training"]["seconds"] < 30 * 60
    assert {"mystery-lm", "pocket-lm"} <= set(available("language")) and "pocket-lm" not in available()
