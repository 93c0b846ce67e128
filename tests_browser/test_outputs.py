"""Every output and every formula of every chapter is whole: on a phone, and in a wide window."""

from __future__ import annotations

from test_pages import settled

from conftest import PHONE, Open

WIDE = {"width": 1400, "height": 900}

# One line for each output with something in it that a reader does not see whole: printed text that is wider than its
# box, even where the box scrolls; whatever is wider than a box that hides the rest; whatever sticks out of the column
# and lies in no box that scrolls.
CUT_OFF = """() => {
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
NARROW = """() => [...document.querySelectorAll(".bd-article .cell_output .course-wide")]
    .map((figure) => [figure, figure.getBoundingClientRect().width / figure.closest(".cell_output").clientWidth])
    .filter(([figure, share]) => figure.getClientRects().length && share < 0.9)
    .map(([figure, share]) => `${Math.round(100 * share)} %: ${figure.alt || figure.getAttribute("aria-label")}`)"""

# The formulas on lines of their own that are wider than the column, so that a reader sees only their beginning.
LONG = """() => [...document.querySelectorAll(".bd-article mjx-container[display=true]")]
    .filter((formula) => formula.scrollWidth > formula.clientWidth + 1)
    .map((formula) => `${formula.scrollWidth - formula.clientWidth} px: ${formula.parentElement.textContent.trim()}`)"""


def test_no_output_or_formula_is_cut_off_and_figures_fill_the_column(executed: str, open_page: Open) -> None:
    page = settled(open_page(executed, viewport=PHONE))
    for window in (PHONE, WIDE):
        page.set_viewport_size(window)
        cut = page.evaluate(CUT_OFF)
        assert not cut, "\n".join([f"{executed} at {window['width']} px:", *cut])
        narrow = page.evaluate(NARROW)
        assert not narrow, "\n".join([f"{executed} at {window['width']} px:", *narrow])
        long = page.evaluate(LONG)
        assert not long, "\n".join([f"{executed} at {window['width']} px:", *long])
