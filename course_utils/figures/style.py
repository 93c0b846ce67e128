"""Style of figures, the `DescribedFigure` that carries a figure together with its words, and HTML from templates.

Lines differ in colour, marker and dash, so that a figure can be read in black and white. Figures are at most
`WIDTH` inches wide with large text: on a phone they shrink to half of that and must still be legible.
Nothing here touches matplotlib's global state: a style holds inside `styled` functions only, and figures are
made as plain `matplotlib.figure.Figure`, never through pyplot, which would keep them alive.
"""

from __future__ import annotations

import os
import re
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial, wraps
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from unicodedata import category

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")

# Okabe & Ito 2008, without their yellow, which is too faint on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", "-.", ":", (0, (6, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))

WIDTH = 6.5  # inches
DPI = 192  # two image pixels for each CSS pixel (96 an inch): sharp on the screens of phones


@cache
def _style() -> Any:
    from cycler import cycler
    from matplotlib import rc_params_from_file

    shared = rc_params_from_file(Path(__file__).with_name("course.mplstyle"), use_default_template=False)
    return shared | {"axes.prop_cycle": cycler(color=PALETTE) + cycler(marker=MARKERS) + cycler(linestyle=DASHES)}


def styled(draw: Callable[Arguments, Returned]) -> Callable[Arguments, Returned]:
    """A decorator: the course's style holds while the function draws. Matplotlib is imported when it is called."""

    @wraps(draw)
    def with_style(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Returned:
        from matplotlib import rc_context

        with rc_context(_style()):
            return draw(*args, **kwargs)

    return with_style


@styled
def new_figure(height: float, *, width: float = WIDTH) -> Figure:
    """An empty figure in the course's style; sizes in inches."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.02, hspace=0.02)
    return Figure(figsize=(width, height), dpi=DPI, layout=layout)


def new_axes(height: float) -> tuple[Figure, Any]:
    """An empty figure in the course's style with one plot over all of it."""
    figure = new_figure(height)
    return figure, figure.add_subplot()


class DescribedFigure:
    """A figure and the words that stand for it (`alt`), so that the two cannot drift apart.

    In a notebook and in the built book it is an HTML `<img>` with that alt text; in a terminal it prints the
    words. The matplotlib figure is in `.figure` for whoever wants to change it. Letters that its font lacks are drawn
    in another font that is installed; a word for which there is none becomes a number, which is explained below it.

    Args:
        figure: what was drawn.
        alt: what it shows, in a sentence, for readers who cannot see it.
        numbers: words that were drawn as numbers already, with what was drawn.

    Raises:
        TypeError, ValueError: without words (`course_utils.figures.style.described`).
    """

    def __init__(self, figure: Figure, *, alt: str, numbers: Mapping[str, str] | None = None) -> None:
        from matplotlib.text import Text

        self.figure, self.alt, self.numbers = figure, described(alt), dict(numbers or {})
        for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
            said = [label.get_text() for label in axis.get_ticklabels()]
            if (ticks := [self._drawable(each) for each in said]) != said:
                axis.set_ticks(axis.get_majorticklocs(), ticks)
        text: Any
        for text in figure.findobj(Text):
            drawn = self._drawable(text.get_text())
            found = [font_with(each, text.get_fontname()) for each in drawn if not each.isascii()]
            if others := [font[0] for font in found if font and font[0] != text.get_fontname()]:
                text.set_fontfamily([*text.get_fontfamily(), *dict.fromkeys(others)])
            if "$" in drawn and text.get_wrap() and not text.get_parse_math():  # wrapping takes dollars for formulas
                drawn = drawn.replace("$", r"\$")
                text.set_parse_math(True)
            if drawn != text.get_text():
                text.set_text(drawn)

    def _drawable(self, said: str) -> str:
        """A text in letters that some font has, with a number for each word that has others."""
        if said.isascii() and said.replace("\n", "").isprintable():
            return said
        said = printable(said)
        for word in said.split():
            if word not in self.numbers and not all(map(font_with, word)):
                self.numbers[word] = f"[{len(self.numbers) + 1}]"
        return re.sub(r"\S+", lambda word: self.numbers.get(word[0], word[0]), said)

    @styled
    def save(self, path: str | Path) -> None:
        """Write the figure to a file, in the format that its name ends in (`.png`, `.svg`, `.pdf`)."""
        self.figure.savefig(path, dpi=DPI)

    @styled
    def webp(self) -> bytes:
        """The figure as lossless WebP, which for enlarged pixels is about 40 % smaller than PNG."""
        buffer = BytesIO()
        self.figure.savefig(buffer, format="webp", dpi=DPI, pil_kwargs={"lossless": True, "method": 1})
        return buffer.getvalue()

    def _repr_html_(self) -> str:
        width = round(self.figure.get_figwidth() * 96)
        source = data_uri(self.webp(), "image/webp")
        return render("image.html", source=source, alt=self.alt, width=width, numbers=self.numbers)

    def __repr__(self) -> str:
        return f"Figure: {self.alt}"


class Plotted:
    """A result that shows itself in a notebook as what its `plot()` draws."""

    def plot(self) -> DescribedFigure:
        raise NotImplementedError

    def _repr_html_(self) -> str:
        return self.plot()._repr_html_()


class Drawn(Plotted):
    """A result that shows itself in a notebook: its line, and below it what its `plot()` draws."""

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{super()._repr_html_()}"


def printable(text: str) -> str:
    r"""A text with its control characters and parts of characters spelt out, `\x1c`; lines stay lines."""
    return "".join(each if each == "\n" or category(each)[0] != "C" else repr(each)[1:-1] for each in text)


@cache
def font_with(letters: str, own: str = "DejaVu Sans") -> tuple[str, str] | None:
    """Family and file of a font that has all of some letters: the figures' own, or the first that is installed."""
    from matplotlib.font_manager import findfont, fontManager, get_font

    for name, path in [(own, findfont(own)), *((font.name, font.fname) for font in fontManager.ttflist)]:
        if not name.startswith(("Last Resort", "cm")) and all(
            get_font(path).get_char_index(ord(letter)) for letter in letters
        ):
            return name, path
    return None


def render(template: str, **values: object) -> str:
    """The HTML of `templates/<template>` filled with `values`; text is escaped, a missing value raises."""
    return _environment().get_template(template).render(**values)


@dataclass(frozen=True, repr=False)
class Table:
    """A small table of texts: HTML in a notebook and in the book, lines in a terminal.

    Attributes:
        columns: the texts of each column, by its name.
        caption: what stands above it, or nothing.
    """

    columns: dict[str, list[str]]
    caption: str = ""

    def _repr_html_(self) -> str:
        rows = [[[(False, cell)] for cell in row] for row in zip(*self.columns.values(), strict=True)]
        return render("words.html", line=self.caption, names=list(self.columns), rows=rows)

    def __repr__(self) -> str:
        lines = [" | ".join(row) for row in zip(*self.columns.values(), strict=True)]
        return "\n".join(([self.caption] if self.caption else []) + [" | ".join(self.columns), *lines])


def show_table(columns: Mapping[str, Iterable[object]], *, caption: str = "") -> Table:
    """A table from columns of the same length, by their names; everything is written as text.

    Raises:
        ValueError: columns of different lengths.
    """
    texts = {str(name): [str(cell) for cell in column] for name, column in columns.items()}
    lengths = {name: len(column) for name, column in texts.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns of lengths {lengths} given, expected columns of one length.")
    return Table(texts, caption)


def display(thing: object) -> None:
    """Show `thing` at once: through its `_repr_html_` in a notebook, printed in a terminal."""
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        from IPython.display import display as show

        show(thing)
    else:
        print(thing)


def in_book() -> bool:
    """Whether the page being made is for the built book (`COURSE_BOOK=1`), where no kernel will answer."""
    return os.environ.get("COURSE_BOOK") == "1"


def data_uri(content: bytes, mime: str = "image/png") -> str:
    """The bytes of an image as an address that needs no file beside the page."""
    return f"data:{mime};base64,{b64encode(content).decode('ascii')}"


def described(alt: object) -> str:
    """`alt`, stripped, if it describes a figure in words; otherwise a sentence that says what is missing.

    Raises:
        TypeError: it is not text.
        ValueError: it is empty.
    """
    if not isinstance(alt, str):
        raise TypeError(f"alt is {type(alt).__name__}, expected text: say in a sentence what the figure shows.")
    if not alt.strip():
        raise ValueError("alt is empty: say in a sentence what the figure shows, for readers who cannot see it.")
    return " ".join(alt.split())


@cache
def _environment() -> Environment:
    # PackageLoader finds the templates wherever the package is installed, in a wheel too.
    how: Any = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True, "undefined": StrictUndefined}
    environment = Environment(loader=PackageLoader("course_utils.figures"), **how)
    # Text with its `backticked` parts as <code> and its *marked* words as <em>, everything escaped.
    marked = partial(re.sub, r"(?<![\w)])\*(\w+)\*(?!\w)", r"<em>\1</em>")
    environment.filters["code"] = lambda text: Markup(marked(re.sub("`([^`]+)`", _CODE, str(escape(text)))))
    # Text in which "7.5 %", "[0.1, 0.2]" and a pair of numbers are not torn in two at the end of a line.
    environment.filters["whole"] = lambda text: re.sub(r"(?<=\d) (?=%)|(?<=\d,) (?=[-+]?[\d.]+(\]|$))", "\u00a0", text)
    return environment


# The text's own colour: in the dark, the book's theme has another for code, made for another background.
_CODE = r'<code style="color: inherit;">\1</code>'
