"""Every page of the book works for everybody: without a network, on a phone, in the dark, with a screen reader."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from conftest import DESK, PHONE, Open

WIDE = {"width": 1400, "height": 900}
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

# One line for each output with something in it that a reader does not see whole: printed text that is wider than its
# box, even where the box scrolls; whatever is wider than a box that hides the rest; whatever sticks out of the column
# and lies in no box that scrolls.
OUTPUTS_CUT_OFF = """() => {
    const overflow = (box) => getComputedStyle(box).overflowX;
    const scrolls = (box) => ["auto", "scroll"].includes(overflow(box));
    const shown = (box) => box.getClientRects().length && getComputedStyle(box).visibility !== "hidden";
    const held = (box, output) => {
        while ((box = box.parentElement) && output.contains(box)) { if (scrolls(box)) return true; }
        return false;
    };
    const why = (box, output, edge) => {
        const spare = box.scrollWidth - box.clientWidth;
        if (box.tagName === "PRE") return spare > 1 ? `text ${spare} px wider than its box` : "";
        if (spare > 1 && box.clientWidth && ["hidden", "clip"].includes(overflow(box))) return `${spare} px hidden`;
        const out = box.getBoundingClientRect().right - edge;
        return out > 1 && !held(box, output) ? `${Math.round(out)} px outside of the column` : "";
    };
    const outputs = [...document.querySelectorAll(".bd-article .cell_output > *")];
    return outputs.flatMap((output, number) => {
        const edge = output.parentElement.getBoundingClientRect().right;
        const inside = output.querySelectorAll("*:not(script, option, mjx-container *, svg *)");
        const boxes = [output, ...inside].filter(shown);
        const found = boxes.map((box) => [box, why(box, output, edge)]).find(([, reason]) => reason);
        if (!found) return [];
        const words = found[0].textContent.trim().slice(0, 60).replace(/\\s+/g, " ");
        return [`output ${number + 1} of ${outputs.length}, ${found[0].tagName}, ${found[1]}: ${words}`];
    });
}"""

# The figures that are narrower than nine tenths of the column although they are drawn as wide as a page.
NARROW_FIGURES = """() => [...document.querySelectorAll(".bd-article .cell_output .course-wide")]
    .map((figure) => [figure, figure.getBoundingClientRect().width / figure.closest(".cell_output").clientWidth])
    .filter(([figure, share]) => figure.getClientRects().length && share < 0.9)
    .map(([figure, share]) => `${Math.round(100 * share)} %: ${figure.alt || figure.getAttribute("aria-label")}`)"""

# The tables of results that a reader on a phone has to scroll.
SCROLLED_TABLES = """() => [...document.querySelectorAll(".bd-article .cell_output table")]
    .map((table) => [table, table.parentElement.scrollWidth - table.parentElement.clientWidth])
    .filter(([, spare]) => spare > 1)
    .map(([table, spare]) => `${spare} px: ${table.textContent.trim().slice(0, 60)}`)"""

# The formulas on lines of their own that are wider than the column, so that a reader sees only their beginning.
LONG_FORMULAS = """() => [...document.querySelectorAll(".bd-article mjx-container[display=true]")]
    .filter((formula) => formula.scrollWidth > formula.clientWidth + 1)
    .map((formula) => `${formula.scrollWidth - formula.clientWidth} px: ${formula.parentElement.textContent.trim()}`)"""

# Nearly all of axe-core's time goes into the contrasts of thousands of words in the same few colours. One text of each
# look stays on the page for it, with what it stands in; the rest is taken out meanwhile. A look is colour, size, weight
# and the grounds behind it, and for a link how it stands out and in what.
COLOURS = ["color-contrast", "link-in-text-block"]
ONE_OF_EACH_LOOK = """() => {
    const seen = new Set(), grounds = new Map();
    const ground = (box) => {
        if (!box) return "";
        if (!grounds.has(box)) {
            const { backgroundColor, backgroundImage, opacity } = getComputedStyle(box);
            grounds.set(box, [backgroundColor, backgroundImage, opacity, ground(box.parentElement)].join());
        }
        return grounds.get(box);
    };
    const isNew = (box) => {
        const { color, fontSize, fontWeight, visibility, textDecorationLine } = getComputedStyle(box);
        const words = [...box.childNodes].some((node) => node.nodeType === 3 && node.data.trim().length > 1);
        if (!words || visibility !== "visible" || !box.getClientRects().length) return false;
        const link = box.closest("a") && [textDecorationLine, box.closest("a").parentElement.tagName];
        const look = [color, fontSize, fontWeight, link, ground(box)].join();
        return !seen.has(look) && seen.add(look);
    };
    const others = [];
    const needed = (box) => {
        if (box.matches("style, link")) return true;
        if (getComputedStyle(box).display === "none") return box.querySelector("style, link") !== null;
        const first = isNew(box), idle = [...box.children].filter((child) => !needed(child));
        if (!first && idle.length === box.children.length) return false;
        others.push(...idle);
        return true;
    };
    needed(document.body);
    window.takenOut = others.map((box) => [document.createComment(""), box]);
    for (const [place, box] of window.takenOut) box.replaceWith(place);
    return seen.size;
}"""
EVERYTHING = "for (const [place, box] of window.takenOut) place.replaceWith(box)"


def test_a_page_on_a_desk_in_the_light_and_on_a_phone_in_the_dark(name: str, open_page: Open) -> None:
    """Nothing is cut off, no output and no formula either, and axe-core finds nothing grave."""
    page = settled(open_page(name, color_scheme="light", viewport=WIDE))
    assert not_whole(page) == []
    page.set_viewport_size(DESK)
    assert not_whole(page) == []
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], "the page scrolls sideways"
    assert not_whole(page) == []
    assert page.evaluate(SCROLLED_TABLES) == []
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


def not_whole(page: Page) -> list[str]:
    """What a reader sees a part of only, or smaller than it is meant."""
    return [each for what in (CUT_OFF, OUTPUTS_CUT_OFF, NARROW_FIGURES, LONG_FORMULAS) for each in page.evaluate(what)]


def grave_findings(page: Page) -> list[str]:
    """What axe-core calls a serious or critical violation."""
    found = violations(page, {"rules": {name: {"enabled": False} for name in COLOURS}})
    assert page.evaluate(ONE_OF_EACH_LOOK) > 3, "a page has text of several looks"
    found += violations(page, {"runOnly": {"type": "rule", "values": COLOURS}})
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
