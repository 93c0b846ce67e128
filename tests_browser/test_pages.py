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


# Nearly all of axe-core's time goes into the contrasts of thousands of words in the same few colours. One text of each
# look stays on the page for it, with what it stands in: a look is colour, size, weight, and the grounds behind it.
LOOKS = """() => {
    const seen = new Set(), same = [], grounds = new Map();
    const ground = (box) => {
        if (!box) return "";
        if (!grounds.has(box)) {
            const { backgroundColor, backgroundImage, opacity } = getComputedStyle(box);
            grounds.set(box, [backgroundColor, backgroundImage, opacity, ground(box.parentElement)].join());
        }
        return grounds.get(box);
    };
    const needed = (box) => {
        const { color, fontSize, fontWeight, visibility, display } = getComputedStyle(box);
        if (display === "none") return false;
        const words = [...box.childNodes].some((node) => node.nodeType === 3 && node.data.trim().length > 1);
        const look = [color, fontSize, fontWeight, ground(box)].join();
        const first = words && visibility === "visible" && box.getClientRects().length && !seen.has(look);
        if (first) seen.add(look);
        const inside = [...box.children].map(needed).some(Boolean);
        if (!first && !inside) same.push(box);
        return first || inside;
    };
    needed(document.body);
    for (const box of same) box.setAttribute("data-same", "");
    return seen.size;
}"""
EVERYTHING = "for (const box of document.querySelectorAll('[data-same]')) box.removeAttribute('data-same')"


def test_a_page_on_a_desk_in_the_light_and_on_a_phone_in_the_dark(name: str, open_page: Open) -> None:
    page = settled(open_page(name, color_scheme="light"))
    assert page.evaluate(CUT_OFF) == []
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], "the page scrolls sideways"
    assert page.evaluate(CUT_OFF) == []
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert grave_findings(page) == []

    page.set_viewport_size(DESK)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    assert grave_findings(page) == []


def test_a_pale_word_is_found_among_thousands_of_others(open_page: Open) -> None:
    page = settled(open_page("notebooks/02_tricking_a_classifier.html", color_scheme="light"))
    plain = page.locator(".bd-article p:not(:has(*))").last
    assert grave_findings(page) == []
    plain.evaluate("text => text.style.color = '#bbb'")
    (found,) = grave_findings(page)
    assert "color-contrast" in found and "(1 times)" in found


def test_the_address_of_the_book_leads_to_its_first_page(open_page: Open) -> None:
    page = open_page("index.html")
    page.wait_for_url("**/book/intro.html")
    expect(page.locator("h1").first).to_contain_text("What Did the Model Learn?")


def grave_findings(page: Page) -> list[str]:
    """What axe-core calls a serious or critical violation."""
    found = violations(page, {"rules": {"color-contrast": {"enabled": False}}})
    page.add_style_tag(content="[data-same] { display: none !important; }")
    assert page.evaluate(LOOKS) > 3, "a page has text of several looks"
    found += violations(page, {"runOnly": {"type": "rule", "values": ["color-contrast"]}})
    page.evaluate(EVERYTHING)
    return [told(finding) for finding in found if finding["impact"] in GRAVE]


def violations(page: Page, options: dict) -> list[dict]:
    return Axe().run(page, options={"resultTypes": ["violations"], **options}).response["violations"]


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
