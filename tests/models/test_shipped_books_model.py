"""The shipped model of books is what its card says, as far as that can be checked where the books are not."""

import math

import pytest
import torch

from course_utils import load_language_model
from course_utils.language import book_associations, next_token_distribution, optimize_prompts, sequence_log_probability
from course_utils.models import available, read_card
from course_utils.models.shipped import WEIGHTS
from course_utils.teaching.training.language_data import list_of_books
from course_utils.teaching.training.language_evaluate import BEGINNINGS, samples

LARGEST = 40e6  # bytes of all shipped weights together
TWENTY_ONE_MINUTES = 4.65  # nats per token of such a vocabulary that a first try reached


@pytest.fixture(scope="module")
def lm():
    return load_language_model("books-lm")


@pytest.fixture(scope="module")
def card():
    return read_card("books-lm")


def test_the_card_says_how_well_it_foretells_what_it_has_not_read(card):
    figures = card["figures"]
    loss, bits = figures["loss on held-out text, nats per token"], figures["bits per byte on held-out text"]
    assert loss < TWENTY_ONE_MINUTES - 0.3 and 1 < bits < 2
    assert 2 < loss / math.log(2) / bits < 6  # bytes in a token, on average
    assert figures["held-out tokens"] > 100_000


def test_the_card_names_every_book_with_its_year_and_warns_of_what_they_say(card):
    books = list_of_books()
    assert card["books"] == [f"{book.author}: {book.title} ({book.published})" for book in books]
    for word in ("girls", "boys", "race", "empire", "no statement about people"):
        assert word in card["data"]


def test_it_writes_the_samples_of_its_card(lm, card):
    again = samples(lm)
    assert [text.startswith(begin) for text, begin in zip(card["samples"], BEGINNINGS, strict=True)] == [True] * 3
    # Sampling follows floating point: another processor may take another turn, though not at the first words.
    assert [text.split()[:5] for text in again] == [text.split()[:5] for text in card["samples"]]


def test_it_is_as_large_as_the_card_says_and_all_weights_together_stay_small(lm, card):
    assert card["parameters"] == sum(p.numel() for p in lm.model.parameters()) and 3e6 < card["parameters"] < 6e6
    assert lm.vocabulary == card["architecture"]["vocab_size"] == 8000
    assert "books-lm" in available("language") and "books-lm" not in available()
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) < LARGEST


def test_english_is_likelier_than_the_same_words_in_disorder(lm):
    for good, bad in (
        ("The girl looked out of the window.", "Window the of out looked girl the."),
        ("He had never seen anything so beautiful.", "Beautiful so anything seen never had he."),
    ):
        assert sequence_log_probability(lm, good).total > sequence_log_probability(lm, bad).total + 5


def test_it_has_learnt_something_about_the_world_of_its_books(lm):
    said = next_token_distribution(lm, "The moon goes round the", k=3)
    assert {" sun", " earth"} <= set(said.tokens)


def test_every_counted_word_of_the_books_is_one_of_its_tokens(lm):
    table = book_associations()
    assert all(len(lm.tokens(f" {word}")) == 1 for word in (*table.words, *table.targets))


def test_prompts_of_whole_words_make_a_target_far_likelier_than_random_ones(lm):
    tokens = torch.tensor([lm.token(f" {word}") for word in book_associations().words])
    allowed = set(tokens.tolist())
    outside = [token for token in range(lm.vocabulary) if token not in allowed]
    found = optimize_prompts(
        lm, " girl", restarts=4, steps=25, learning_rate=1.0, exclude=("target", *outside), progress=False
    )
    drawn = tokens[torch.randint(len(tokens), (200, 3), generator=torch.Generator().manual_seed(0))]
    chance = lm.logits(drawn).softmax(1)[:, lm.token(" girl")].median()
    assert found.probability.max() > 50 * chance
