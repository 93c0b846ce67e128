"""Every page of the book works for everybody: without a network, on a phone, in the dark, with a screen reader."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from conftest import DESK, PHONE, Open

GRAVE = ("serious", "critical")

# The elements that reach beyond the right edge of the window and that nothing around them lets a reader scroll.
CUT_OFF = """() => {
    const scrolls = (box) => ["auto", "scroll"].includes(getComputedStyle(box).overflowX);
    const held = (box) => { while ((box = box.parentElement)) { if (scrolls(box)) return true; } return false; };
    const hidden = (box) => box.closest("mjx-assistive-mml, .bd-sidebar-secondary, dialog, [hidden]");
    return [...document.querySelectorAll("main *")]
        .filter((box) => box.getBoundingClientRect().right > innerWidth + 1 && box.getBoundingClientRect().width)
        .filter((box) => !held(box) && !hidden(box))
        .map((box) => `${box.tagName}.${box.className}: ${Math.round(box.getBoundingClientRect().right)} px`);
}"""


# Most of what axe-core measures are the contrasts of thousands of coloured words in code. The colour comes with the
# word's class: the first of each class stays, the others become plain text.
ONE_WORD_OF_EACH_COLOUR = """() => {
    const seen = new Set();
    for (const word of document.querySelectorAll(".highlight pre span[class]")) {
        if (seen.has(word.className)) word.replaceWith(...word.childNodes);
        seen.add(word.className);
    }
}"""


def test_a_page_on_a_desk_in_the_light_and_on_a_phone_in_the_dark(name: str, open_page: Open) -> None:
    page = settled(open_page(name, color_scheme="light"))
    assert page.evaluate(CUT_OFF) == []
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], "the page scrolls sideways"
    assert page.evaluate(CUT_OFF) == []
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.evaluate(ONE_WORD_OF_EACH_COLOUR)
    assert grave_findings(page) == []

    page.set_viewport_size(DESK)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert grave_findings(page) == []


def test_the_address_of_the_book_leads_to_its_first_page(open_page: Open) -> None:
    page = open_page("index.html")
    page.wait_for_url("**/book/intro.html")
    expect(page.locator("h1").first).to_contain_text("What Did the Model Learn?")


def grave_findings(page: Page) -> list[str]:
    """What axe-core calls a serious or critical violation."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [told(finding) for finding in found if finding["impact"] in GRAVE]


def settled(page: Page) -> Page:
    """The page once its formulas are set; whoever looks earlier sees another page.

    One question, which Playwright asks again where the page is replaced by another in between.
    """
    page.wait_for_function("() => !window.MathJax || MathJax.startup?.promise?.then(() => true)")
    return page


def told(finding: dict) -> str:
    """A violation in a few lines: what, how many times, and the first three places."""
    places = [f"    {node['html'][:160]}\n        {node['failureSummary'][:300]}" for node in finding["nodes"][:3]]
    head = f"{finding['impact']}: {finding['id']}: {finding['help']} ({len(finding['nodes'])} times)"
    return "\n".join([head, *places])
