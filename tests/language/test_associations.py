"""Association scores find the words that were planted, nothing where nothing is, and say how sure they are."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import binom, permutation_test

from course_utils.language import association_scores, null_scores, score_against
from course_utils.language.word_scores import log_odds

FILLERS = [f"filler{i}" for i in range(60)]
TARGETS = "abcd"
PLANTED = {target: {f"{target}-word{i}": 8 - i for i in range(6)} for target in TARGETS}
CANDIDATES = FILLERS + [word for words in PLANTED.values() for word in words]


def prompts_for(target, number=64, *, strength=0.5, seed=0):
    """Three words each: planted ones, template words that every target likes, and any word at all."""
    draw = random.Random(f"{target} {seed}")
    planted = PLANTED[target]

    def word():
        kind = draw.random()
        if kind < strength:
            return draw.choices(list(planted), planted.values())[0]
        return draw.choice(FILLERS[:5]) if kind < strength + 0.3 else draw.choice(CANDIDATES)

    return [[word() for _ in range(3)] for _ in range(number)]


@pytest.fixture(scope="module")
def found():
    return {target: prompts_for(target) for target in TARGETS}


@pytest.fixture(scope="module")
def scores(found):
    return association_scores(found["a"], {target: found[target] for target in "bcd"}, shuffles=500)


def random_prompts(number, draw, words=40):
    return [[f"w{draw.randrange(words)}" for _ in range(3)] for _ in range(number)]


# ---------------------------------------------------------------- the scores


def test_planted_words_come_out_on_top_and_template_words_do_not(scores):
    assert set(scores.top(6)) == set(PLANTED["a"])
    assert set(scores.survivors) <= set(PLANTED["a"])
    frequent = scores.counts[scores.words.index(FILLERS[0])]
    assert frequent > scores.counts[scores.words.index(scores.top(6)[-1])]  # by frequency it would have won


def test_log_odds_and_their_errors_are_those_of_the_dirichlet_posterior():
    """Held against draws from the two posteriors, with pseudo-counts at the pooled frequencies."""
    here, there, prior = np.array([60, 25, 5, 210]), np.array([30, 100, 20, 850]), 300
    pseudo = prior * (here + there) / (here + there).sum()
    draw = np.random.default_rng(0)
    logit = [np.log(p / (1 - p)) for p in (draw.dirichlet(side + pseudo, 200_000) for side in (here, there))]
    difference = logit[0] - logit[1]
    ours = log_odds(torch.tensor(here).float(), torch.tensor(there).float(), prior)
    assert (np.abs(ours.value.numpy() - difference.mean(0)) < 0.1 * difference.std(0)).all()
    # The paper's variance leaves out the count of all other words: right for words that are a small part of all.
    np.testing.assert_allclose(ours.deviation[:3], difference.std(0)[:3], rtol=0.15)


def test_a_rare_word_does_not_win_by_never_occurring_elsewhere():
    here, there = torch.tensor([2.0, 60.0, 300.0]), torch.tensor([0.0, 60.0, 3000.0])
    scores = log_odds(here, there, prior=float(here.sum()))
    assert scores.value[0] > scores.value[1] > 0  # the ratio itself is larger for the rare word
    assert scores.z[1] > 2 * scores.z[0]


def test_without_prior_the_ratio_is_that_of_the_odds():
    scores = log_odds(torch.tensor([30.0, 70.0]), torch.tensor([10.0, 90.0]), prior=1e-9)
    assert scores.value.exp().tolist() == pytest.approx([30 / 70 / (10 / 90), 70 / 30 / (90 / 10)], rel=1e-4)
    assert scores.deviation.tolist() == pytest.approx([(1 / 30 + 1 / 10) ** 0.5, (1 / 70 + 1 / 90) ** 0.5], rel=1e-4)


def test_swapping_the_sides_turns_the_sign_and_nothing_else():
    one, other = (prompts_for(target, strength=0.3) for target in "ab")
    forth, back = (association_scores(*sides, prior=100, shuffles=99) for sides in ((one, other), (other, one)))
    mirrored = dict(zip(back.words, (-back.z).tolist(), strict=True))
    assert mirrored == pytest.approx(dict(zip(forth.words, forth.z.tolist(), strict=True)))


def test_a_word_counts_once_for_each_prompt(found):
    doubled = [[*prompt, prompt[0]] for prompt in found["a"]]
    once, twice = (association_scores(each, found["b"], shuffles=99) for each in (found["a"], doubled))
    assert dict(zip(once.words, once.counts.tolist(), strict=True)) == dict(
        zip(twice.words, twice.counts.tolist(), strict=True)
    )


def test_counts_are_those_of_the_prompts(scores, found):
    for word in (*scores.top(3), FILLERS[0]):
        row = scores.words.index(word)
        assert scores.counts[row] == sum(word in prompt for prompt in found["a"])
        assert scores.background_counts[row] == sum(word in prompt for target in "bcd" for prompt in found[target])
    assert (scores.prompts, scores.background_prompts) == (64, 192)


# ---------------------------------------------------------------- the correction for many words


def test_where_there_is_nothing_to_find_hardly_ever_a_word_survives():
    """Family-wise: any word at all, in at most 5 % of 200 comparisons of prompts drawn from one distribution."""
    tries, draw = 200, random.Random(0)
    wrong = 0
    for seed in range(tries):
        sides = random_prompts(24, draw), random_prompts(72, draw)
        wrong += bool((association_scores(*sides, shuffles=99, seed=seed).p <= 0.05).any())
    assert wrong <= binom.ppf(0.999, tries, 0.05)
    assert wrong >= binom.ppf(0.001, tries, 0.05)  # nor is it so strict that nothing could ever be found


def test_words_that_always_stand_together_do_not_pass_for_many_independent_ones():
    """Counted word by word the same null would be rejected far too often: here three words are one draw."""
    tries, draw = 100, random.Random(1)
    wrong = 0
    for seed in range(tries):
        sides = [[[f"{i}{part}" for part in "xyz"] for i in draw.choices(range(12), k=n)] for n in (24, 72)]
        wrong += bool((association_scores(*sides, shuffles=99, seed=seed).p <= 0.05).any())
    assert wrong <= binom.ppf(0.999, tries, 0.05)


def test_corrected_p_values_are_those_of_scipys_permutation_test():
    """With the largest |z| of all words as its statistic."""
    draw = random.Random(3)
    sides = random_prompts(20, draw, words=6), [*random_prompts(40, draw, words=5), *random_prompts(5, draw, words=2)]
    scores = association_scores(*sides, prior=60, shuffles=2000)
    words = sorted(scores.words)
    table = np.array([[word in prompt for word in words] for side in sides for prompt in side], dtype=float)

    def z(rows, others):
        here, there = (table[np.asarray(side, dtype=int)].sum(0) for side in (rows, others))
        return log_odds(torch.tensor(here), torch.tensor(there), 60.0).z

    by_word = dict(zip(words, z(range(20), range(20, 65)).abs().tolist(), strict=True))
    for row in (0, len(words) // 2, len(words) - 1):
        reached = by_word[scores.words[row]]
        result = permutation_test(
            (np.arange(20), np.arange(20, 65)),
            lambda rows, others, reached=reached: float(z(rows, others).abs().max()) - reached,
            vectorized=False, n_resamples=1000, alternative="greater", rng=np.random.default_rng(0),
        )  # fmt: skip
        share = np.mean(np.asarray(result.null_distribution) >= -1e-6)
        assert scores.p[row].item() == pytest.approx(share, abs=0.05)


def test_survival_p_value_and_corrected_interval_never_contradict_each_other(scores):
    for each in (scores, association_scores(prompts_for("a", strength=0.12), prompts_for("b", 192), shuffles=333)):
        above = each.z > 0
        clear = each.corrected_interval[:, 0] > 0
        assert torch.equal(each.survives, clear)
        assert torch.equal(each.survives, above & (each.p <= 0.05))
        wider = each.corrected_interval[:, 1] - each.corrected_interval[:, 0] >= (
            each.interval @ torch.tensor([-1.0, 1])
        )
        assert wider.all()


def test_the_same_seed_gives_the_same_scores_and_another_seed_the_same_ranking(found):
    one, again, other = (association_scores(found["a"], found["b"], shuffles=199, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.p, again.p)
    assert one.critical == again.critical
    assert one.words == other.words
    assert one.critical != other.critical


# ---------------------------------------------------------------- what goes in


def test_texts_tokens_and_results_are_read_alike(found):
    texts = {target: [" ".join(prompt) for prompt in prompts] for target, prompts in found.items()}
    results = {target: result(prompts, target) for target, prompts in found.items()}
    z = [
        association_scores(kind["a"], {target: kind[target] for target in "bc"}, shuffles=99).z
        for kind in (found, texts, results)
    ]
    assert torch.equal(z[0], z[1])
    assert torch.equal(z[0], z[2])


def result(prompts, target, probability=0.9):
    """Like what `optimize_prompts` gives: tokens with their leading space, a target, a probability for each prompt."""
    pieces = [[f" {word}" for word in prompt] for prompt in prompts]
    return SimpleNamespace(pieces=pieces, target=f" {target}", probability=torch.full((len(prompts),), probability))


def test_several_backgrounds_count_as_one(found):
    together = found["b"] + found["c"]
    one = association_scores(found["a"], together, shuffles=99)
    for several in ({"b": found["b"], "c": found["c"]}, [result(found["b"], "x"), result(found["c"], "y")]):
        scores = association_scores(found["a"], several, shuffles=99)
        assert scores.words == one.words
        assert torch.equal(scores.z, one.z)


def test_targets_are_not_scored_since_each_was_kept_out_of_its_own_prompts():
    """Others may say "girl"; prompts for " girl" may not. Scored, "girl" would look like a word that they avoid."""
    girl, boy = result([["pink", "Boy"]] * 20, "girl"), result([["girl", "loud"]] * 20, "boy")
    scores = association_scores(girl, [boy], shuffles=99)
    assert set(scores.words) == {"pink", "loud"}
    assert scores.target == "girl"
    assert (
        association_scores([["a", "b", "c"]] * 5, [["b", "d"]] * 5, shuffles=99, leave_out=["c"]).words.count("c") == 0
    )


def test_success_rates_are_those_of_the_prompts():
    girl, boy = result([["a", "b"]] * 20, "girl", 0.7), result([["c", "b"]] * 30, "boy", 0.2)
    scores = association_scores(girl, [boy], shuffles=99)
    assert (scores.success.successes, scores.success.total) == (20, 20)
    assert (scores.background_success.successes, scores.background_success.total) == (0, 30)
    assert "100.0 %" in repr(scores)
    assert association_scores([["a", "b"]], [["b"]], shuffles=99).success is None


def test_it_prints_as_one_line_that_names_what_was_found(scores):
    assert "\n" not in repr(scores)
    assert f"{len(scores.survivors)} of {len(scores)} words survive" in repr(scores)
    assert scores.words[0] in repr(scores)


@pytest.mark.parametrize(
    ("prompts", "background", "options", "says"),
    [
        ([], [["a", "b"]], {}, "no word in 0 prompts"),
        ([["", " "]], [["a", "b"]], {}, "no word in 1 prompts"),
        ([["a", "b"]], [], {}, "background is empty"),
        ([["a", "b"]], {}, {}, "background is empty"),
        ([["a"]], [["a"]], {}, "at least two different words"),
        ([["a", "b"]], [["a"]], {"shuffles": 5}, "at least 19"),
        ([["a", "b"]], [["a"]], {"level": 95}, "between 0 and 1"),
        ([["a", "b"]], [["a"]], {"prior": 0}, "prior=0"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_a_sentence(prompts, background, options, says):
    with pytest.raises(ValueError, match=says):
        association_scores(prompts, background, **options)


@pytest.mark.parametrize(
    ("prompts", "says"), [("one text", "is str"), (3, "is int"), ([[1, 2], [3]], "decode the model's token numbers")]
)
def test_what_is_no_list_of_prompts_is_refused(prompts, says):
    with pytest.raises(TypeError, match=says):
        association_scores(prompts, [["a", "b"]])


# ---------------------------------------------------------------- against the truth, and against nothing


def test_precision_and_recall_are_counted_over_words(scores):
    agreement = score_against(PLANTED["a"], scores, k=6)
    assert agreement.precision == 1
    assert agreement.recall == len(scores.survivors) / 6
    assert agreement.chance == pytest.approx(6 / len(scores))
    assert agreement.hits == scores.top(6)
    half = dict(list(PLANTED["a"].items())[:3])
    assert score_against(half, scores, k=6).precision == 0.5
    assert score_against([*PLANTED["a"], "never seen"], scores, k=6).missed[-1] == "never seen"
    assert score_against(["unheard-of"], scores, k=6).precision == 0


def test_intervals_hold_the_value_and_shrink_with_more_restarts():
    def width(number):
        found = {target: prompts_for(target, number, strength=0.2) for target in TARGETS}
        scores = association_scores(found["a"], {t: found[t] for t in "bcd"}, shuffles=99)
        agreement = score_against(PLANTED["a"], scores, k=5, resamples=300)
        low, high = agreement.recall_interval
        assert 0 <= low <= high <= 1
        assert agreement.precision_interval[0] <= agreement.precision <= agreement.precision_interval[1]
        return high - low

    assert width(400) < width(40)


def test_the_bootstrap_varies_as_new_restarts_do():
    """The interval for recall is about as wide as the spread over searches that were really run anew."""

    def recall(seed):
        found = {target: prompts_for(target, 64, strength=0.15, seed=seed) for target in TARGETS}
        scores = association_scores(found["a"], {t: found[t] for t in "bcd"}, shuffles=99, level=0.9)
        return score_against(PLANTED["a"], scores, resamples=200)

    runs = [recall(seed) for seed in range(30)]
    spread = np.std([run.recall for run in runs])
    said = np.median([(run.recall_interval[1] - run.recall_interval[0]) / (2 * 1.645) for run in runs])
    assert 0.4 < said / spread < 2.5


def test_random_prompts_of_the_same_shape_bring_nothing_to_light(scores):
    """At most in 5 % of the null comparisons anything survives, and its cloud is not empty all the same."""
    nulls = [null_scores(scores, CANDIDATES, seed=seed, shuffles=199) for seed in range(40)]
    assert sum(bool(null.survivors) for null in nulls) <= binom.ppf(0.999, 40, 0.05)
    for null in nulls[:3]:
        assert (null.prompts, null.background_prompts) == (scores.prompts, scores.background_prompts)
        assert sorted(null.table.contains.sum(1).tolist()) == sorted(scores.table.contains.sum(1).tolist())
        assert (null.z > 1).any()


def test_bad_questions_to_the_truth_are_refused(scores):
    with pytest.raises(ValueError, match="truth is empty"):
        score_against({}, scores)
    with pytest.raises(ValueError, match="k=0"):
        score_against(PLANTED["a"], scores, k=0)
    with pytest.raises(ValueError, match="2 candidates"):
        null_scores(scores, ["a", "b"])
