"""Words that the course does not show: whole words of a list that nobody has to read."""

from dataclasses import replace

import pytest
import torch

from course_utils import load_language_model
from course_utils.corpus import words
from course_utils.language import is_offensive, offensive_words, optimize_prompts, without_offensive
from course_utils.language.vocabulary import LIST, allowed_tokens

LISTED = "strumpet"  # the mildest of the list


def test_a_listed_word_is_found_in_any_case_singular_or_plural_within_a_text():
    assert is_offensive(LISTED) and is_offensive(f"what a {LISTED.upper()}S!") and not is_offensive("trumpet")


def test_words_that_demean_without_being_slurs_stay():
    assert offensive_words(["savage", "heathen", LISTED, "girl"]) == [LISTED]


def test_the_list_prints_no_word():
    lines = LIST.read_text().splitlines()[1:]
    kinds = {line.split()[1] for line in lines}
    assert kinds == {"peoples", "body-and-mind", "sex", "whom-one-loves"} and len(lines) > 150
    assert all(len(line.split()[0]) == 16 and int(line.split()[0], 16) >= 0 for line in lines)


def test_nothing_of_the_written_world_is_on_it():
    assert offensive_words(words()) == []


@pytest.fixture(scope="module")
def lm():
    return load_language_model()


def test_prompts_with_such_a_word_are_left_out_even_if_it_is_spelt_with_harmless_tokens(lm):
    found = optimize_prompts(lm, " girl", restarts=3, steps=1, progress=False)
    spelt = replace(found, text=[found.text[0], f" a {LISTED} of", found.text[2]])
    kept = without_offensive(spelt)
    assert kept.text == [found.text[0], found.text[2]] and torch.equal(kept.token_ids, found.token_ids[[0, 2]])
    with pytest.raises(ValueError, match="each of the 1 prompts"):
        without_offensive(spelt.rows([1]))


def test_the_rule_keeps_such_tokens_out_of_a_search(lm, monkeypatch):
    monkeypatch.setattr("course_utils.language.vocabulary.is_offensive", lambda text: text == " girl")
    allowed = allowed_tokens(lm, "offensive")
    assert not allowed[lm.token(" girl")] and allowed.sum() == lm.vocabulary - 1
