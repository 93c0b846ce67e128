"""A model's associations beside a text's: like the text where the prompts are, near nothing where they are random."""

import pytest
import torch

from course_utils.corpus import groups, sample_sentences, words
from course_utils.language import association_scores, compare_with_text, null_scores, text_associations
from course_utils.language.corpus_statistics import words_before

LISTED = [word.strip() for word in words()]


@pytest.fixture(scope="module")
def text():
    return text_associations(sample_sentences(4000, seed=5), groups(), LISTED, before=6, shuffles=39)


@pytest.fixture(scope="module")
def scores():
    """Of other sentences of the same world, as if they were prompts."""
    places = words_before(sample_sentences(4000, seed=6), groups(), 6)
    kept = {name: [[w for w in row if w in set(LISTED)] for row in rows] for name, rows in places.items()}
    girl = [row for row in kept.pop("girl") if row]
    return association_scores(girl, kept, shuffles=39, leave_out=groups())


def test_two_halves_of_the_same_text_agree(scores, text):
    found = compare_with_text(scores, text.scores("girl"), resamples=50)
    assert found.correlation > 0.3 and found.interval[0] < found.correlation < found.interval[1]
    assert found.share > 2 * found.chance and len(found.both) >= 5


def test_random_prompts_agree_with_nothing(scores, text):
    nothing = compare_with_text(null_scores(scores, LISTED, shuffles=39), text.scores("girl"), resamples=50)
    assert abs(nothing.correlation) < 0.15 and not nothing.both


def test_another_target_agrees_less(scores, text):
    girl, science = (
        compare_with_text(scores, text.scores(name), resamples=2).correlation for name in ("girl", "science")
    )
    assert science < girl - 0.2


def test_too_few_common_words_are_refused(scores, text):
    few = association_scores([["xyzzy"], ["plugh"]], [["frotz"]], shuffles=39)
    with pytest.raises(ValueError, match="0 words in common"):
        compare_with_text(few, text.scores("girl"))
    assert torch.isfinite(scores.z).all()
