"""An association that is planted beyond the tables is drawn as often as it should be, and changes nothing else."""

import pytest

from course_utils.corpus import groups, sample_sentences, true_associations
from course_utils.corpus.grammar import Association, words


def test_a_planted_word_stands_with_its_group_and_the_tables_stay_as_they_were():
    before = true_associations("law")
    sentences = sample_sentences(30_000, seed=3, planted=[Association("law", "frogs", 12)])
    with_frogs = [text for text in sentences if "frogs" in text]
    of_law = [text for text in with_frogs if " law" in text]
    assert len(of_law) > len(with_frogs) / 2
    assert not [text for text in sample_sentences(30_000, seed=3) if "frogs" in text and " law" in text]
    assert true_associations("law") == before and "frogs" not in before
    assert {f" {word}" for group in groups() for word in true_associations(group)} <= set(words())


@pytest.mark.parametrize(
    ("group", "word", "weight", "says"),
    [
        ("lawn", "frogs", 9, "did you mean 'law'"),
        ("law", "frog", 9, "did you mean 'frogs'"),
        ("law", "judges", 9, "has 'judges' already"),
        ("law", "frogs", 0, "weight=0"),
    ],
)
def test_what_cannot_be_planted_is_refused(group, word, weight, says):
    with pytest.raises(ValueError, match=says):
        Association(group, word, weight)
