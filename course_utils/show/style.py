"""How every figure of the course looks, and the `Picture` that carries a figure together with its words.

Lines differ in colour, marker and dash, so that a figure can be read in black and white. Figures are at most
`WIDTH` inches wide with large text: on a phone they shrink to half of that and must still be legible.
Nothing here touches matplotlib's global state: a style holds inside `styled` functions only, and figures are
made as plain `matplotlib.figure.Figure`, never through pyplot, which would keep them alive.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from cycler import cycler
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from course_utils.models.caches import mode
from course_utils.show.html import data_uri, described, render

# Okabe & Ito 2008, without their yellow, which is too faint on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", "-.", ":", (0, (6, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))

WIDTH = 6.5  # inches
DPI = 192  # two image pixels for each CSS pixel (96 an inch): sharp on the screens of phones

STAND_IN = "stand-in: random weights in place of pretrained ones"  # with COURSE_MODELS=stand-in

STYLE: Any = {
    "font.size": 12.5,
    "axes.titlesize": 12.5,
    "axes.labelsize": 12.5,
    "legend.fontsize": 11.5,
    "xtick.labelsize": 11.5,
    "ytick.labelsize": 11.5,
    "axes.prop_cycle": cycler(color=PALETTE) + cycler(marker=MARKERS) + cycler(linestyle=DASHES),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "axes.axisbelow": True,
    "lines.linewidth": 2.0,
    "lines.markersize": 6.5,
    "legend.frameon": False,
    "image.interpolation": "nearest",
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "text.color": "black",
    "axes.edgecolor": "black",
    "axes.labelcolor": "black",
    "xtick.color": "black",
    "ytick.color": "black",
}

styled = rc_context(STYLE)  # a decorator: the style holds while the function draws


@styled
def new_figure(height: float, *, width: float = WIDTH) -> Figure:
    """An empty figure in the course's style; sizes in inches."""
    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03, wspace=0.02, hspace=0.02)
    return Figure(figsize=(width, height), dpi=DPI, layout=layout)


class Picture:
    """A figure and the words that stand for it (`alt`), so that the two cannot drift apart.

    In a notebook and in the built book it is an HTML `<img>` with that alt text; in a terminal it prints the
    words. The matplotlib figure is in `.figure` for whoever wants to change it.

    Args:
        figure: what was drawn.
        alt: what it shows, in a sentence, for readers who cannot see it.

    Raises:
        TypeError, ValueError: without words (`course_utils.show.html.described`).
    """

    def __init__(self, figure: Figure, *, alt: str) -> None:
        self.figure = figure
        self.alt = described(alt)
        if mode() == "stand-in":
            self._mark()

    def _mark(self) -> None:
        """Says on the figure, and in its words, that it may come from a net with random weights."""
        if self.figure.get_suptitle():
            self.figure.text(0.995, 0.005, STAND_IN, ha="right", va="bottom", fontsize=9, color=PALETTE[1])
        else:  # the layout leaves room for it
            self.figure.suptitle(STAND_IN, fontsize=9, color=PALETTE[1])
        self.alt = f"{STAND_IN}: {self.alt}"

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
        return render("picture.html", source=data_uri(self.webp(), "image/webp"), alt=self.alt, width=width)

    def __repr__(self) -> str:
        return f"Picture: {self.alt}"
