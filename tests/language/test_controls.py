"""Asked directly, planted words come first; and a word of many prompts counts only where it passes all controls."""

import math
import random
from types import SimpleNamespace

import pytest
import torch

from course_utils import load_language_model
from course_utils.corpus import groups, true_associations, words
from course_utils.language import (
    DirectAssociations,
    association_scores,
    direct_associations,
    null_scores,
    score_against,
    sequence_log_probability,
    word_cloud,
)
from course_utils.models.randomized import shuffled
from tests.language.tiny_models import tiny

WORDS = [f"word{i}" for i in range(40)]


def asked(effects, critical=3.0):
    """What 40 words do alone for "a" and for "b", given by word; 0 where it is not."""
    effect = torch.zeros(len(WORDS), 2)
    for word, nats in effects.items():
        effect[WORDS.index(word), 0] = nats
    return DirectAssociations(
        words=WORDS, targets=["a", "b"], log_probability=effect, effect=effect, null=torch.tensor([critical]),
        critical=critical, level=0.95, forward_passes=0,
    )  # fmt: skip


def prompts(favourites, number, seed=0, share=0.6):
    draw = random.Random(seed)
    return [
        [draw.choice(favourites) if favourites and draw.random() < share else draw.choice(WORDS) for _ in range(3)]
        for _ in range(number)
    ]


def result(rows, target, probability):
    def kept(some):
        return result([rows[row] for row in some], target, probability[some])

    return SimpleNamespace(pieces=rows, target=f" {target}", probability=probability, rows=kept)


# ---------------------------------------------------------------- asked directly


@pytest.fixture(scope="module")
def direct():
    return direct_associations(load_language_model("pocket-lm"), [f" {group}" for group in groups()], words())


def test_asked_directly_the_first_ten_words_are_planted_and_nearly_all_planted_ones_survive(direct):
    for group in ("girl", "science", "law"):
        truth = set(true_associations(group))
        assert set(direct.top(group)) <= truth
        assert len(truth & set(direct.survivors(group))) >= 0.8 * len(truth)


def test_on_shuffled_weights_no_word_survives(direct):
    lm = load_language_model("pocket-lm")
    some = words()[:300]
    nothing = direct_associations(shuffled(lm, seed=50), [f" {group}" for group in groups()], some, controls=2)
    assert sum(bool(nothing.survivors(group)) for group in groups()) <= 3  # 5 % of fourteen, with room for chance
    assert len(nothing.null) == 2 * len(groups())


def test_effects_are_log_probabilities_without_what_helps_every_target_or_every_word():
    lm = tiny("llama")
    texts, targets = [" ship", " saw", " in the", " harbour"], [" girl", " is in"]
    found = direct_associations(lm, targets, texts, controls=1)
    for row, text in enumerate(texts):
        for column, target in enumerate(targets):
            whole = sequence_log_probability(lm, text + target).log_probabilities[-len(lm.tokens(target)) :].sum()
            assert found.log_probability[row, column].item() == pytest.approx(whole.item(), abs=1e-4)
    assert torch.allclose(found.effect.sum(0), torch.zeros(2), atol=1e-4)
    assert torch.allclose(found.effect.sum(1), torch.zeros(4), atol=1e-4)


def test_the_words_of_a_target_are_told_as_a_line_and_as_a_table(direct):
    assert "\n" not in repr(direct) and f"{direct.critical:.1f} nats" in repr(direct)
    html = direct._repr_html_()
    assert f"<b>{direct.top('girl')[0]} " in html and html.count("<tr>") == 1 + len(groups())


def test_what_was_asked_can_be_kept(direct, tmp_path):
    direct.save(tmp_path / "asked.json")
    again = DirectAssociations.load(tmp_path / "asked.json")
    assert torch.allclose(again.effect, direct.effect, atol=0.006)
    assert (again.words, again.critical, repr(again)) == (direct.words, direct.critical, repr(direct))
    (tmp_path / "other.json").write_text('{"words": []}')
    with pytest.raises(ValueError, match=r"was not written by DirectAssociations\.save"):
        DirectAssociations.load(tmp_path / "other.json")


def test_a_template_is_around_the_words():
    lm = tiny("llama", context=32)
    texts, targets = [" ship", " saw", " harbour"], [" girl", " is"]
    inside = direct_associations(lm.with_template(("The ", " girls are")), targets, texts, controls=1)
    whole = sequence_log_probability(lm, "The  ship girls are girl").log_probabilities[-1]
    assert inside.log_probability[0, 0].item() == pytest.approx(whole.item(), abs=1e-4)


@pytest.mark.parametrize(
    ("targets", "texts", "options", "says"),
    [
        ([" girl"], [" ship", " saw"], {}, "1 targets and 2 other words"),
        ([" girl", " is"], [" girl", " Girl", " ship"], {}, "2 targets and 1 other words"),
        ([" girl", " is"], [" ship", " saw"], {"controls": 0}, "controls=0"),
        ([" girl", " is"], [" ship", " saw"], {"level": 95}, "level=95"),
    ],
)
def test_what_cannot_be_asked_is_refused(targets, texts, options, says):
    with pytest.raises(ValueError, match=says):
        direct_associations(tiny("gpt2"), targets, texts, **options)


# ---------------------------------------------------------------- three controls


def test_a_word_survives_only_if_it_passes_all_three():
    ours, theirs = prompts(["word0", "word1", "word2"], 96), prompts(["word2", "word3"], 300, seed=1)
    effects = {"word0": 5.0, "word1": 1.0, "word2": 5.0, "word9": 5.0}
    scores = association_scores(ours, theirs, direct=asked(effects), target="a", shuffles=199)
    assert scores.survivors == ["word0"]
    assert scores.why_not("word0") == []
    assert scores.why_not("word1") == ["random weights"]
    assert scores.why_not("word2") == ["other targets"]
    assert set(scores.why_not("word9")) == {"other targets", "random prompts"}
    assert set(scores.words[:3]) == {"word0", "word2", "word9"}  # what fails on random weights comes after them
    assert "survive all three controls" in repr(scores)
    with pytest.raises(ValueError, match="word99"):
        scores.why_not("word99")


def test_the_correction_is_for_the_words_that_a_direct_question_leaves():
    ours, theirs = prompts(["word0"], 96), prompts([], 300, seed=1)
    every = association_scores(ours, theirs, shuffles=199)
    few = association_scores(ours, theirs, direct=asked({"word0": 5.0, "word1": 5.0}), target="a", shuffles=199)
    none = association_scores(ours, theirs, direct=asked({}), target="a", shuffles=199)
    assert few.critical < every.critical
    assert none.critical == math.inf and none.survivors == []


def test_null_clouds_of_random_prompts_hardly_ever_have_a_survivor():
    ours, theirs = prompts(["word0", "word1"], 96), prompts([], 300, seed=1)
    effects = asked(dict.fromkeys(WORDS[:8], 5.0))
    scores = association_scores(ours, theirs, direct=effects, target="a", shuffles=199)
    nulls = [null_scores(scores, WORDS, seed=seed, direct=effects, shuffles=199) for seed in range(20)]
    assert scores.survivors == ["word0", "word1"]
    assert sum(len(null.survivors) for null in nulls) <= 3


def test_prompts_that_do_not_work_do_not_count():
    works, fails = prompts(["word0"], 60), prompts(["word5"], 60, seed=2)
    probability = torch.cat([torch.full((60,), 0.9), torch.full((60,), 0.1)])
    ours, theirs = result(works + fails, "a", probability), result(prompts([], 90, seed=3), "b", torch.full((90,), 0.6))
    scores = association_scores(ours, [theirs], at_least=0.5, shuffles=199)
    assert scores.prompts == 60
    assert scores.survivors == ["word0"]
    assert set(association_scores(ours, [theirs], shuffles=199).survivors) == {"word0", "word5"}
    with pytest.raises(ValueError, match=r"none of the 120 prompts for ' a' reaches at_least=0.95 \(the best 0.9\)"):
        association_scores(ours, [theirs], at_least=0.95)
    with pytest.raises(ValueError, match="expected results of a search"):
        association_scores(works, [theirs], at_least=0.5)


def test_precision_and_recall_count_the_words_that_pass():
    ours, theirs = prompts(["word0", "word1"], 96), prompts(["word3"], 300, seed=1)
    scores = association_scores(ours, theirs, direct=asked({"word0": 5.0}), target="a", shuffles=199)
    agreement = score_against(["word0", "word1"], scores, k=1, resamples=20)
    assert (agreement.precision, agreement.recall) == (1, 0.5)


def test_the_cloud_draws_survivors_and_the_bars_show_the_control():
    ours, theirs = prompts(["word0", "word1"], 96), prompts([], 300, seed=1)
    scores = association_scores(ours, theirs, direct=asked({"word0": 5.0, "word1": 1.0}), target="a", shuffles=199)
    picture = word_cloud(scores)
    cloud, odds, alone = picture.figure.axes
    assert "sized by z: word0. Below it bars" in picture.alt
    assert "Shuffled weights reach 3." in picture.alt
    assert alone.get_ylim() == odds.get_ylim() and cloud.images
    assert alone.patches[0].get_width() == pytest.approx(5.0)
    empty = word_cloud(association_scores(ours, theirs, direct=asked({}), target="a", shuffles=199))
    assert "of no word" in empty.alt and not empty.figure.axes[0].images


def test_shuffled_weights_keep_each_tensors_values_and_nothing_else():
    lm = load_language_model("pocket-lm")
    before = {name: weight.clone() for name, weight in lm.model.named_parameters()}
    one, again, other = shuffled(lm), shuffled(lm), shuffled(lm, seed=1)
    for (name, weight), same, another in zip(
        one.model.named_parameters(), again.model.parameters(), other.model.parameters(), strict=True
    ):
        assert torch.equal(weight.flatten().sort().values, before[name].flatten().sort().values)
        assert torch.equal(weight, same)
        assert weight.unique().numel() < 2 or not torch.equal(weight, another)
    assert all(torch.equal(weight, before[name]) for name, weight in lm.model.named_parameters())
    assert "shuffled" in one.name
