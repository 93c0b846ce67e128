"""What a text connects with a word: counted as prompts are counted, and kept in a file without the text."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from course_utils.corpus import groups, sample_sentences, true_associations, words
from course_utils.language import (
    TextAssociations,
    association_scores,
    book_associations,
    offensive_words,
    text_associations,
    word_cloud,
)
from course_utils.language.corpus_statistics import share_a_stem, words_before

PARAGRAPHS = ["The old dog saw a cat. A cat, the dog's friend, sleeps.", "No cat here", "dog"]


@pytest.fixture(scope="module")
def written():
    return text_associations(
        sample_sentences(6000, seed=3), groups(), [word.strip() for word in words()], before=6, shuffles=39
    )


def test_the_words_before_a_target_are_those_of_its_paragraph_nearest_to_it():
    places = words_before(PARAGRAPHS, ["cat", "dog"], 2)
    assert places["cat"] == [["saw", "a"], ["cat", "A"], ["No"]]
    assert places["dog"] == [["The", "old"], []]  # "dog's" is another word


def test_scores_are_those_of_prompts_made_of_the_same_words():
    paragraphs = sample_sentences(400, seed=4)
    listed, targets = [word.strip() for word in words()], ["girl", "boy", "science"]
    found = text_associations(paragraphs, targets, listed, before=6, shuffles=39).scores("girl")
    places = words_before(paragraphs, targets, 6)
    kept = {
        name: [[w for w in row if w in set(listed) - set(targets)] for row in rows] for name, rows in places.items()
    }
    by_hand = association_scores(kept["girl"], [kept["boy"], kept["science"]], shuffles=39)
    theirs = dict(zip(by_hand.words, by_hand.z.tolist(), strict=True))
    mine = {w: z for w, z in zip(found.words, found.z.tolist(), strict=True) if w in theirs}
    assert mine == pytest.approx(theirs, abs=1e-4) and len(mine) == len(theirs)


def test_what_was_planted_with_a_group_stands_before_it_in_the_text(written):
    for group in ("girl", "science"):
        best = written.scores(group).top(8)
        assert sum(word in true_associations(group) for word in best) >= 6, best


def test_a_frequent_target_does_not_make_up_the_background():
    paragraphs = ["big cat"] * 300 + ["small dog"] * 20
    table = text_associations(paragraphs, ["cat", "dog"], ["big", "small"], most=50, shuffles=19)
    assert table.places.tolist() == [50, 20] and table.found.tolist() == [300, 20]


def test_a_table_comes_back_from_its_file_as_it_was(written, tmp_path):
    written.save(tmp_path / "table.safetensors")
    again = TextAssociations.load(tmp_path / "table.safetensors")
    assert torch.equal(again.counts, written.counts) and again.words == written.words
    assert torch.equal(again.scores("girl").z, written.scores(" girl").z)


def test_another_file_is_refused(tmp_path):
    (tmp_path / "table.safetensors").write_bytes(b"no table")
    with pytest.raises(ValueError, match=r"not written by TextAssociations\.save"):
        TextAssociations.load(tmp_path / "table.safetensors")


@pytest.mark.parametrize(
    ("change", "words_of_the_error"),
    [
        ({"targets": ["cat", "whale"]}, "does not have the target 'whale'"),
        ({"targets": ["cat"]}, "1 targets"),
        ({"before": 0}, "before=0"),
    ],
)
def test_what_cannot_be_counted_is_said(change, words_of_the_error):
    given_ = {"targets": ["cat", "dog"], "before": 2} | change
    with pytest.raises(ValueError, match=words_of_the_error):
        text_associations(PARAGRAPHS, given_["targets"], ["old"], before=given_["before"])


@given(st.text("abcde", min_size=1, max_size=6), st.text("abcde", min_size=1, max_size=6))
def test_sharing_a_stem_includes_all_words_that_begin_with_the_target(word, target):
    assert share_a_stem(target + word, target)


@pytest.mark.parametrize("before", [3, 20])
def test_the_books_table_has_thousands_of_words_and_sixteen_targets_and_is_small(before):
    table = book_associations(before)
    assert len(table.targets) == 16 and {"girl", "boy", "science", "art"} <= set(table.targets)
    assert len(table.words) > 3000 and table.before == before and not offensive_words(table.words)
    assert (table.counts <= table.places[:, None]).all() and (table.places <= table.found).all()
    assert table.scores("science").z[0] > table.critical[table.targets.index("science")]


def test_the_books_say_what_a_reader_expects_them_to_say():
    assert {"pretty", "little"} <= set(book_associations().scores("girl").top(10))
    assert {"get", "earn"} <= set(book_associations().scores("money").survivors)


def test_a_cloud_of_a_text_says_that_places_were_counted():
    picture = word_cloud(book_associations().scores("girl"))
    assert "places" in picture.alt and "little" in picture.alt


def test_a_number_of_words_that_is_not_shipped_is_refused():
    with pytest.raises(ValueError, match="3 or 20"):
        book_associations(5)
