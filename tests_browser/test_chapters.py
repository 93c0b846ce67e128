"""What moves and opens in the book works in the page, without a kernel and without a server."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from conftest import Open

CHAPTER = "notebooks/02_tricking_a_classifier.html"


MARKS = {"scrubbers": '<figure class="scrubber', "solutions": ">Solution</summary>", "quizzes": 'class="course-quiz"'}


@pytest.mark.parametrize("what", MARKS)
def test_some_chapters_have(what: str, pytestconfig: pytest.Config) -> None:
    paths = (pytestconfig.getoption("book") / "notebooks").glob("*.html")
    assert any(MARKS[what] in path.read_text(encoding="utf-8") for path in paths)


def test_what_a_chapter_holds_moves_opens_and_explains(chapter: str, open_page: Open) -> None:
    page = open_page(chapter)
    for scrubber in page.locator("figure.scrubber").all():
        moves_with_the_arrow_keys(scrubber)
    for question in page.locator(".course-quiz fieldset").all():
        explains_the_answer_that_was_chosen(question)
    for card in page.locator("details:has(> summary)").all():
        if card.locator("> summary").inner_text().startswith(("Hint", "Solution")):
            opens_with_a_click(card)


def moves_with_the_arrow_keys(scrubber: Locator) -> None:
    slider, caption = scrubber.get_by_role("slider"), scrubber.locator("figcaption")
    first, last = caption.inner_text(), scrubber.locator("img").count() - 1
    assert shown(scrubber) == last, "it opens on what came out"
    slider.press("ArrowLeft")
    assert shown(scrubber) == last - 1
    expect(caption).not_to_have_text(first)
    expect(slider).to_have_attribute("aria-valuetext", caption.inner_text())
    slider.press("Home")
    assert shown(scrubber) == 0


def explains_the_answer_that_was_chosen(question: Locator) -> None:
    reasons = question.locator(".why > div")
    assert [reason.is_visible() for reason in reasons.all()] == [False] * reasons.count()
    for index, answer in enumerate(question.locator("input").all()):
        answer.check()
        expect(reasons.nth(index)).to_be_visible()
    expect(question.locator(".why > div.right").first).to_contain_text("Right")


def opens_with_a_click(card: Locator) -> None:
    summary, inside = card.locator("> summary"), card.locator("> *:not(summary)").first
    expect(inside).to_be_hidden()
    summary.click()
    expect(inside).to_be_visible()
    assert len(inside.inner_text()) > 20, f"{summary.inner_text()} is empty"


def shown(scrubber: Locator) -> int:
    """Which of a scrubber's pictures shows; fails unless it is exactly one."""
    seen = scrubber.locator("img").evaluate_all("images => images.map((image) => image.getClientRects().length > 0)")
    visible = [index for index, visible in enumerate(seen) if visible]
    assert len(visible) == 1, f"{len(visible)} pictures show"
    return visible[0]


def test_a_scrubber_moves_under_the_mouse(open_page: Open) -> None:
    scrubber = open_page(CHAPTER).locator("figure.scrubber").first
    slider = scrubber.get_by_role("slider")
    box = slider.bounding_box()
    slider.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    assert 0 < shown(scrubber) < scrubber.locator("img").count() - 1


def test_a_hint_opens_with_the_keyboard(open_page: Open) -> None:
    hint = open_page(CHAPTER).locator("details", has_text="Hint 1").first
    hint.locator("summary").press("Enter")
    expect(hint.locator("div").first).to_be_visible()


def test_search_finds_a_word_and_leads_to_it(open_page: Open) -> None:
    page = open_page("book/intro.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("volcano")
    page.keyboard.press("Enter")
    found = page.locator("#search-results li a").filter(has_text="Tricking a classifier").first
    expect(found).to_be_visible(timeout=20_000)  # results come in one after the other
    found.click()
    expect(page.locator("h1").first).to_contain_text("Tricking a classifier")


def test_search_says_so_when_it_finds_nothing(open_page: Open) -> None:
    page = open_page("search.html", after="?q=qwertzuiop")
    expect(page.locator("#search-results")).to_contain_text("did not match any documents")


def test_the_next_chapter_is_one_click_away(open_page: Open) -> None:
    page = open_page("book/intro.html")
    page.locator("a.right-next").click()
    expect(page.locator("h1").first).to_contain_text("Meet the models")


def test_figures_neither_glare_nor_vanish_in_the_dark(open_page: Open) -> None:
    page = open_page(CHAPTER, color_scheme="dark")
    pictures = page.locator(".bd-article img:visible").all()
    assert pictures
    for picture in pictures:
        pixels = np.asarray(Image.open(BytesIO(picture.screenshot())).convert("L"))
        assert 150 < np.quantile(pixels, 0.98) < 230, "white is neither gone nor at full strength"
        assert np.quantile(pixels, 0.02) < 120, "what is dark on white stays dark"


def test_a_printed_chapter_is_dark_on_white_also_from_the_dark_theme(open_page: Open, tmp_path: Path) -> None:
    page = open_page(CHAPTER, color_scheme="dark")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert luminance(page, "p") < 0.2
    for part in (".bd-sidebar-primary", ".bd-header-article", ".prev-next-footer", "figure.scrubber input"):
        for piece in page.locator(part).all():
            expect(piece).to_be_hidden()
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    assert luminance(page, "p") > 0.6


def luminance(page: Page, what: str) -> float:
    """How bright the first text of this kind in the article is, 0 to 1."""
    colour = page.locator(f".bd-article {what}").first.evaluate("each => getComputedStyle(each).color")
    return sum(map(float, re.findall(r"[\d.]+", colour)[:3])) / 3 / 255
