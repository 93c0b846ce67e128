"""Every page of the book works for everybody: without a network, on a phone, in the dark, with a screen reader."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from conftest import PHONE, Open

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


def test_on_a_desk_in_the_light(name: str, open_page: Open) -> None:
    page = settled(open_page(name, color_scheme="light"))
    assert theme(page) in ("light", None)  # a page that only forwards has none
    assert grave_findings(page) == []


def test_on_a_phone_in_the_dark(name: str, open_page: Open) -> None:
    page = settled(open_page(name, viewport=PHONE, color_scheme="dark"))
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], "the page scrolls sideways"
    assert page.evaluate(CUT_OFF) == []
    assert theme(page) in ("dark", None)
    assert grave_findings(page) == []


def theme(page: Page) -> str | None:
    return page.locator("html").get_attribute("data-theme")


def grave_findings(page: Page) -> list[str]:
    """What axe-core calls a serious or critical violation."""
    found = Axe().run(page).response["violations"]
    return [told(finding) for finding in found if finding["impact"] in GRAVE]


def settled(page: Page) -> Page:
    """The page once its formulas are set; whoever looks earlier sees another page."""
    # One wait that outlasts a navigation: a page that only forwards is gone before a second question could be put.
    page.wait_for_function("() => !window.MathJax || MathJax.startup?.promise?.then(() => true)")
    return page


def told(finding: dict) -> str:
    """A violation in a few lines: what, how many times, and the first three places."""
    places = [f"    {node['html'][:160]}\n        {node['failureSummary'][:300]}" for node in finding["nodes"][:3]]
    head = f"{finding['impact']}: {finding['id']}: {finding['help']} ({len(finding['nodes'])} times)"
    return "\n".join([head, *places])
