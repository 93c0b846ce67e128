"""The written world: its truth is exact, its sentences follow it, and its tables are what the course says."""

import math
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.corpus import (
    contexts,
    groups,
    sample_sentences,
    true_associations,
    true_log_probability,
    true_next,
    words,
)
from course_utils.corpus import grammar as tables
from course_utils.corpus.grammar import END, grammar, split
from course_utils.teaching.training.language_data import train_tokenizer

LISTS = ("name", "place", "day", "month", "verb", "action", "object", "quality", "animal", "food")
SENTENCES = sample_sentences(40_000, seed=5)


def test_there_are_enough_groups_attributes_facts_and_forms():
    assert {"girl", "boy", "science", "art"} <= set(groups()) and len(groups()) >= 12
    assert all(len(true_associations(group)) >= 12 for group in groups())
    shared = Counter(word for group in groups() for word in true_associations(group))
    assert sum(count > 1 for count in shared.values()) >= 10
    assert sum(len(facts) for _, facts in tables.FACTS.values()) >= 20
    assert len({kind.pattern for kind in grammar()}) >= 25
    assert 900 <= len(words()) <= 1100


def test_no_other_word_is_an_attribute_so_that_what_is_planted_is_all_there_is():
    planted = {word for group in groups() for word in true_associations(group)} | set(groups())
    for name in LISTS:
        listed = tables.WORDS[name]
        assert len(listed) == len(set(listed)) and not planted & set(listed)
    facts = {w for _, known in tables.FACTS.values() for s, answers in known.items() for w in (s, *answers)}
    assert not planted & facts


def test_the_shares_of_all_sentences_and_the_answers_to_every_fact_add_up_to_one():
    assert sum(kind.share for kind in grammar()) == pytest.approx(1)
    assert all(sum(slot.values()) == pytest.approx(1) for kind in grammar() for slot in kind.slots)
    for _, facts in tables.FACTS.values():
        assert all(sum(answers.values()) == pytest.approx(1) for answers in facts.values())


def test_shanghai_is_a_city_in_china_with_85_per_cent():
    assert true_next("Shanghai is a city in") == pytest.approx({" China": 0.85, " Asia": 0.10, " Japan": 0.05})


def test_two_strong_properties_leave_only_one_group():
    assert true_next("The shy, tidy") == {" girl": 1.0}


def test_a_word_shared_by_two_groups_leaves_both_in_proportion_to_its_weights():
    after = true_next("The gentle, calm")
    assert after == {" doctor": pytest.approx(1.0)}
    after = {word: share for word, share in true_next("Nobody is as gentle as a").items()}
    assert after == pytest.approx({" girl": (6 / 31) / (6 / 31 + 2 / 22), " doctor": (2 / 22) / (6 / 31 + 2 / 22)})


@pytest.mark.parametrize("context", ["", "The", "The shy", "Keywords: dolls", "Whoever talks of dolls and", "A"])
def test_drawn_sentences_go_on_as_often_as_the_truth_says(context):
    words = split(context)
    following = Counter(
        [*split(sentence), END][len(words)] for sentence in SENTENCES if split(sentence)[: len(words)] == words
    )
    total, truth = sum(following.values()), true_next(context)
    assert total >= 15 and set(following) <= set(truth)
    statistic = sum((following[word] - total * share) ** 2 / (total * share) for word, share in truth.items())
    freedom = len(truth) - 1
    assert freedom > 0
    assert statistic < freedom + 5 * math.sqrt(2 * freedom)  # chi-squared: mean and standard deviation are known


def test_truths_are_distributions_over_at_least_200_contexts():
    some = contexts(300)
    assert len(some) == len(set(some)) == 300
    for context in some:
        truth = true_next(context)
        assert sum(truth.values()) == pytest.approx(1) and min(truth.values()) > 0
        assert list(truth.values()) == sorted(truth.values(), reverse=True)


@settings(max_examples=12)
@given(st.integers(0, 999))
def test_the_chain_rule_gives_a_sentence_the_product_of_its_next_words(number):
    sentence = SENTENCES[number]
    words, product = [*split(sentence), END], 0.0
    for place, word in enumerate(words):
        product += math.log(true_next("".join(words[:place]))[word])
    assert true_log_probability(sentence) == pytest.approx(product)


def test_no_sentence_says_a_drawn_word_twice():
    drawn = {word for name in LISTS for word in tables.WORDS[name]}
    drawn |= {word for group in groups() for word in true_associations(group)}
    for sentence in SENTENCES[:5000]:
        said = [word.strip() for word in split(sentence) if word.strip() in drawn]
        assert len(said) == len(set(said)), sentence


def test_the_same_seed_draws_the_same_sentences_and_another_one_others():
    assert sample_sentences(50, seed=3) == sample_sentences(50, seed=3) != sample_sentences(50, seed=4)
    assert len(sample_sentences(1)) == 1


def test_associations_are_weights_of_one_group_strongest_first():
    girl = true_associations(" girl")
    assert sum(girl.values()) == pytest.approx(1) and next(iter(girl)) == "dolls"
    assert girl["dolls"] / girl["kind"] == pytest.approx(9 / 3)


def test_what_does_not_exist_is_refused_with_a_hint():
    with pytest.raises(ValueError, match="did you mean 'girl'"):
        true_associations("girls")
    with pytest.raises(ValueError, match="no sentence of the written world begins with 'Shanghai was'"):
        true_next("Shanghai was")
    with pytest.raises(ValueError, match="is no sentence of the written world"):
        true_log_probability("The shy girl")
    with pytest.raises(ValueError, match="at least one sentence"):
        sample_sentences(0)
    with pytest.raises(ValueError, match="beginnings of facts"):
        contexts(10)


def test_a_learnt_tokenizer_joins_frequent_pairs_and_spells_everything():
    tokenizer = train_tokenizer(SENTENCES[:2000], 400)
    assert tokenizer.get_vocab_size() == 400
    assert tokenizer.encode(" the").tokens == ["Ġthe"]
    for text in ("The zebra's 小 ☃ is\nnew.", " leading", ""):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text
    assert tokenizer.encode(END).ids == [0]


def test_whole_words_are_single_tokens_and_learnt_pieces_stay():
    plain = train_tokenizer(SENTENCES[:2000], 400)
    whole = train_tokenizer(SENTENCES[:2000], 400, wholes=[*words(), *words(inside=False)])
    assert all(len(whole.encode(word).ids) == 1 for word in [*words(), *words(inside=False)])
    assert whole.encode(" unheard").tokens == plain.encode(" unheard").tokens
    assert len(whole.encode(" girlfriend").ids) > 1


def test_the_written_world_and_models_wait_with_what_is_heavy_until_it_is_used():
    heavy = ("transformers", "tokenizers", "torchvision", "matplotlib", "IPython")
    code = (
        "import sys, course_utils.corpus, course_utils.models, course_utils.language.next_token, "
        f"course_utils.language.next_token; print([name for name in {heavy} if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
