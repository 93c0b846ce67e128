"""Training on a folder of books: what is read, what is held out, what the card says."""

import math
import re
from dataclasses import replace

import pytest
import torch

from course_utils.__main__ import main
from course_utils.models import read_card
from course_utils.models.load import load_shipped
from course_utils.teaching.training.language_data import Books, list_of_books, read_paragraphs
from course_utils.teaching.training.language_evaluate import measure_books
from course_utils.teaching.training.recipes import LANGUAGE_RECIPES
from course_utils.teaching.training.train import Run

MINIATURE = replace(
    LANGUAGE_RECIPES["books-lm"], data=Books(vocabulary=300), layers=1, width=16, heads=2, context=16, steps=3, batch=4
)


@pytest.fixture
def folder(tmp_path):
    """Two books of a hundred paragraphs; the last two of each are held out."""
    books = tmp_path / "books"
    books.mkdir()
    for name in ("austen_first", "zola_second"):
        lines = [f"Paragraph {i} of the {name} says that the girl went to the sea." for i in range(100)]
        (books / f"{name}.txt").write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    return books


def test_the_list_names_145_books_each_with_its_repository_and_a_file_of_its_own():
    books = list_of_books()
    assert len(books) == len({book.file for book in books}) == 145
    assert all(book.repository.count("/") == 1 and book.file.endswith(".txt") for book in books)
    assert {book.kind for book in books} == {
        "children and youth", "novels and stories", "science", "art", "essays and lives",
    }  # fmt: skip


def test_the_end_of_every_book_is_held_out_and_nothing_is_in_both_parts(folder):
    read, kept = read_paragraphs(folder), read_paragraphs(folder, held_out=True)
    assert len(read) == 196 and [line.split()[1] for line in kept] == ["98", "99", "98", "99"]
    assert not set(read) & set(kept)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "--data DIR; books.csv"),
        (lambda path: path / "nowhere", "there is no folder"),
        (lambda path: path, "holds no text"),
    ],
)
def test_without_books_the_command_says_what_it_needs(make, words, tmp_path, capsys):
    folder = make(tmp_path)
    arguments = [] if folder is None else ["--data", str(folder)]
    assert main(["train", "books-lm", "--out", str(tmp_path / "out"), *arguments]) == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"caf\xe9\n", r"odd.txt is not in UTF-8 \(.* at byte 3\); save it so"),
        (b"hello\n", r"only 0 tokens are held out"),
        (b"\n".join(b"Of %d the girl went to the sea." % i for i in range(40)), "only 0 tokens are held out"),
    ],
    ids=["in Latin-1", "of one word", "too short for a held-out part"],
)
def test_text_that_cannot_serve_is_said_before_training(content, words, tmp_path, monkeypatch, capsys):
    (tmp_path / "odd.txt").write_bytes(content)
    monkeypatch.setitem(LANGUAGE_RECIPES, "books-lm", MINIATURE)
    monkeypatch.setattr(Run, "finish", lambda *given: pytest.fail("it was trained first"))
    assert main(["train", "books-lm", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert re.search(words, capsys.readouterr().err)


def test_the_command_trains_on_a_folder_and_the_card_tells_loss_samples_and_books(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(LANGUAGE_RECIPES, "books-lm", MINIATURE)
    out = tmp_path / "out"
    assert main(["train", "books-lm", "--data", str(folder), "--out", str(out)]) == 0
    card, lm = read_card("books-lm", out), load_shipped("books-lm", out)
    assert 0 < card["figures"]["bits per byte on held-out text"] < 8
    assert [sample.split()[0] for sample in card["samples"]] == ["The", "The", "The"] and len(card["books"]) == 145
    assert lm.decode(lm.encode("The girl went.")) == "The girl went."


def test_a_model_that_knows_nothing_is_measured_as_one_that_guesses(folder, tmp_path, monkeypatch):
    monkeypatch.setitem(LANGUAGE_RECIPES, "books-lm", MINIATURE)
    assert main(["train", "books-lm", "--data", str(folder), "--out", str(tmp_path / "out")]) == 0
    lm = load_shipped("books-lm", tmp_path / "out")
    torch.nn.init.zeros_(lm.model.transformer.wte.weight)  # every logit is the same
    figures = measure_books(lm, folder)
    assert figures["loss on held-out text, nats per token"] == pytest.approx(math.log(lm.vocabulary), abs=1e-4)
    text = "\n".join(read_paragraphs(folder, held_out=True)) + "\n"
    expected = math.log2(lm.vocabulary) * figures["held-out tokens"] / len(text.encode())
    assert figures["bits per byte on held-out text"] == pytest.approx(expected)
