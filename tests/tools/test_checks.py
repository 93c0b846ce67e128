"""The checks of a finished book find what they are for, and leave alone what is fine."""

from pathlib import Path

import pytest

from check_links import broken_links
from check_offline import outside_requests
from check_words import wordless_pictures


@pytest.fixture
def book(tmp_path: Path) -> Path:
    (tmp_path / "fish.png").write_bytes(b"")
    (tmp_path / "other.html").write_text('<h1 id="start">Other</h1>', encoding="utf-8")
    return tmp_path


def page(book: Path, html: str) -> Path:
    (book / "page.html").write_text(html, encoding="utf-8")
    return book


@pytest.mark.parametrize(
    "html",
    [
        '<img src="fish.png">',
        '<img src="fish.png" alt="">',
        '<img src="fish.png" alt="  ">',
        '<img src="_images/fish.png" alt="_images/fish.png">',  # what Sphinx writes where it is given no words
        '<img src="_images/fish.png" alt="fish.png">',
        '<svg role="img"></svg>',
    ],
)
def test_a_picture_without_words_is_found_with_its_place(book: Path, html: str) -> None:
    (found,) = wordless_pictures(page(book, f"<h2>The trick<a>#</a></h2>{html}"))
    assert "page.html" in found and "“The trick”" in found


@pytest.mark.parametrize(
    "html",
    ['<img src="fish.png" alt="A goldfish.">', '<img src="x.png" role="presentation" alt="">', "<svg></svg>"],
)
def test_a_picture_with_words_and_an_ornament_are_fine(book: Path, html: str) -> None:
    assert wordless_pictures(page(book, html)) == []


@pytest.mark.parametrize("address", ["gone.html", "other.html#gone", "#gone", "../fish.png"])
def test_a_link_that_leads_nowhere_is_found(book: Path, address: str) -> None:
    (found,) = broken_links(page(book, f'<a href="{address}">there</a>'))
    assert found.startswith(f"page.html: {address}: ")


@pytest.mark.parametrize(
    "address", ["other.html", "other.html#start", "fish.png?v=1", "#here", "#", "https://example.org/gone", "data:,x"]
)
def test_a_link_that_leads_somewhere_or_out_of_the_book_is_fine(book: Path, address: str) -> None:
    assert broken_links(page(book, f'<p id="here"><a href="{address}">there</a>')) == []


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example.org/a.js"></script>',
        '<link rel="stylesheet" href="//example.org/a.css">',
        "<style>@import url(https://example.org/a.css)</style>",
        '<p style="background: url(https://example.org/a.png)">',
    ],
)
def test_what_a_page_would_load_from_another_host_is_found(book: Path, html: str) -> None:
    assert len(outside_requests(page(book, html))) == 1


def test_a_link_that_a_reader_may_follow_is_no_request(book: Path) -> None:
    assert outside_requests(page(book, '<a href="https://example.org">there</a><img src="fish.png">')) == []
