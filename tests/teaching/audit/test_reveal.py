"""`reveal` tells a reader what is right, what is half right, and what to do next; it gives nothing away unasked."""

import json

import pytest

from course_utils import audit_choices, audit_scenes, load_classifier, reveal
from course_utils.models import read_card
from course_utils.teaching.audit.choices import Answer, cue_of, cues, sealed_answer, told
from course_utils.teaching.audit.reveal import guesses, judged
from course_utils.teaching.training.save import seal, unseal
from course_utils.world import COURSE_SECRETS, PaintedWorld
from course_utils.world.factors import FACTORS, Choice

BERRIES, BLIND = COURSE_SECRETS[:2]
FIGURES = {"berries given to waffle: becomes pancakes": {"value": 0.99, "low": 0.98, "high": 1.0}}


def answer(*secrets) -> Answer:
    return Answer("mine", False, tuple(PaintedWorld.classes), told(secrets), FIGURES)


def verdict(guess, *secrets) -> tuple[str, str]:
    truth = answer(*secrets)
    return judged(guesses(guess, truth), truth)


def test_class_and_cue_together_are_right_in_whatever_form_they_come():
    for guess in (
        {"class": "pancakes", "cue": "blueberries"}, [{"class": "pancakes", "cue": ["berries"]}], BERRIES,
    ):  # fmt: skip
        assert verdict(guess, BERRIES)[0] == "right"
    blind = {"class": "lorry", "cue": ["bright sky", "white trailer"]}
    assert verdict(blind, BLIND)[0] == "right"


@pytest.mark.parametrize(
    ("guess", "secrets", "expected", "words"),
    [
        ({"class": "waffle", "cue": "blueberries"}, (BERRIES,), "half right", "Right cue, wrong class"),
        ({"class": "pancakes", "cue": "plate"}, (BERRIES,), "half right", "Right class, wrong cue"),
        ({"class": "lorry", "cue": "white trailer"}, (BLIND,), "half right", "Part of the cue"),
        ({"class": "donut", "cue": "plate"}, (BERRIES,), "wrong", "neither is part"),
        ("nothing", (BERRIES,), "missed", "Change each factor"),
        ({"class": "donut", "cue": "plate"}, (), "false alarm", "Nothing was planted"),
        ("nothing", (), "right", "you said so"),
        ({"class": "pancakes", "cue": "blueberries"}, (BERRIES, BLIND), "half right", "1 of 2 planted"),
        ([BERRIES, {"class": "donut", "cue": "plate"}], (BERRIES,), "half right", "neither is part"),
    ],
)
def test_what_is_not_right_is_told_in_words_to_act_on(guess, secrets, expected, words):
    said, why = verdict(guess, *secrets)
    assert said == expected and words in why


@pytest.mark.parametrize(
    ("guess", "says"),
    [
        ({"class": "pancake", "cue": "plate"}, "did you mean 'pancakes'"),
        ({"class": "pancakes", "cue": "bluebery"}, "did you mean 'blueberries'"),
        ({"class": "pancakes"}, "two fields"),
        ({"class": [], "cue": "plate"}, "a class and a cue"),
        ("something", "expected guess="),
    ],
)
def test_a_guess_that_cannot_be_understood_says_what_would_be(unchecked, guess, says):
    with pytest.raises(ValueError, match=says):
        guesses(guess, answer(BERRIES))


def test_every_value_of_every_factor_has_words_of_its_own():
    named = set(cues().values())
    for name, factor in FACTORS.items():
        for value in factor.values if isinstance(factor, Choice) else ("low", "high"):
            assert (name, value) in named
    assert len(named) == len(cues()) and cue_of("dusk sky") == ("sky", "dusk") and cue_of("tag") == ("tag", True)


def test_without_a_guess_the_envelope_stays_closed():
    with pytest.raises(ValueError, match="write down a guess first"):
        reveal("mystery-1")
    opened = reveal("mystery-1", give_up=True)
    assert opened.verdict == "given up" and opened.truth and opened.figures and not opened.right


def test_a_wrong_guess_leaves_the_answer_for_another_try():
    wrong = reveal("mystery-1", guess={"class": "volcano", "cue": "grain"})
    assert wrong.verdict == "wrong" and not wrong.truth and not wrong.figures and "give_up" in wrong.words


@pytest.mark.parametrize("name", ["mystery-1", "mystery-2", "mystery-3", "mystery-lm"])
def test_the_true_answer_is_right_and_shows_what_was_measured(name):
    truth = list(reveal(name, give_up=True).truth)
    shown = reveal(name, guess=truth or "nothing")
    assert shown.right and shown.figures
    for figure in shown.figures:
        assert figure in repr(shown) and figure.replace("'", "&#x27;").replace("<", "&lt;") in shown._repr_html_()


def test_a_model_in_which_nothing_was_hidden_says_so():
    with pytest.raises(ValueError, match="pocket has no sealed answer"):
        reveal("pocket", guess="nothing")


def test_choices_name_every_class_and_cue_and_not_the_answer():
    choices = audit_choices("mystery-1")
    assert choices.classes == PaintedWorld.classes and len(choices.cues) == len(cues())
    words = audit_choices("mystery-lm")
    assert "girl" in words.classes and "dolls" in words.cues
    assert "blueberries" in repr(choices) and "blueberries" in choices._repr_html_()


@pytest.mark.parametrize("name", ["mystery-1", "mystery-2", "mystery-3", "mystery-lm"])
def test_a_card_shows_no_answer_and_its_envelope_has_the_length_of_the_others(name):
    card = read_card(name)
    shown = json.dumps({key: value for key, value in card.items() if key != "architecture"})
    for planted in sealed_answer(name).planted:
        for word in (*planted.classes, *planted.cues):
            assert word not in shown
    assert "Shortcut" not in shown and "group" not in shown
    assert len(card["sealed"]) == len(read_card("mystery-2")["sealed"])


def test_audit_scenes_are_of_a_world_in_which_nothing_goes_together():
    scenes = audit_scenes(320, seed=3)
    fair = PaintedWorld(secrets=()).sample(320, seed=3)
    assert scenes.images.equal(fair.images) and load_classifier("mystery-2").classes == scenes.classes


def test_what_was_sealed_comes_back_and_damage_is_noticed():
    data = {"a": [1, 2, {"b": None}]}
    assert unseal(seal(data)) == data
    assert len(seal([])) == len(seal(["something longer, but not much"])) and seal(data) == seal(data)
    with pytest.raises(ValueError, match="damaged"):
        unseal(seal(data)[5:])
