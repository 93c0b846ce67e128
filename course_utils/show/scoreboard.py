"""A scoreboard that can be read in ten seconds: full is found, empty is missed, a dash cannot ask."""

from __future__ import annotations

from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from course_utils.scoreboard import Scoreboard
from course_utils.show.style import PALETTE, Picture, new_figure, styled

ROW = 0.36  # inches of height for a method
APART = 0.17  # between the marks of two models in one cell, in columns
MARKS = ("o", "s", "D")  # one for each model


@styled
def plot_scoreboard(board: Scoreboard, title: str | None = None) -> Picture:
    """Methods by secrets, a mark for each model; false alarms on clean models in a column of their own.

    Args:
        board: at most three models with secrets.
        title: the finding; if None, which methods found most.

    Raises:
        ValueError: more than three models.
    """
    if len(board.models) > len(MARKS):
        raise ValueError(f"{len(board.models)} models on the scoreboard, expected at most {len(MARKS)} to tell apart.")
    figure = new_figure(1.9 + ROW * len(board.methods))
    axes = figure.add_subplot()
    for row, method in enumerate(board.methods):
        for column, secret in enumerate(board.secrets):
            _cell(axes, board, method, secret, row, column)
        if board.clean:
            alarms = board.false_alarms(method)
            weight = "bold" if alarms else "normal"
            axes.text(len(board.secrets), row, str(alarms), ha="center", va="center", fontweight=weight)
    _frame(axes, board)
    axes.set_title(title or _title(board), loc="left", wrap=True)
    places = [APART * (number - (len(board.models) - 1) / 2) for number in range(len(board.models))]
    handles = [_mark(MARKS[number], True, f"{model}: found") for number, model in enumerate(board.models)]
    handles += [_mark(MARKS[0], False, "missed"), Line2D([], [], color="#777777", lw=2, marker="", label="cannot ask")]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(places) + 2, handlelength=1.2, columnspacing=1)
    return Picture(figure, alt=_in_words(board))


def _cell(axes: Axes, board: Scoreboard, method: str, secret: str, row: int, column: int) -> None:
    verdicts = [board.verdict(method, secret, model) for model in board.models]
    if all(each.found is None for each in verdicts):
        axes.plot([column - 0.12, column + 0.12], [row, row], color="#777777", linestyle="-", marker="")
        return
    for number, each in enumerate(verdicts):
        place = column + APART * (number - (len(verdicts) - 1) / 2) * 2
        if each.found is not None:
            axes.add_line(_mark(MARKS[number], each.found, "", [place], [row]))


def _mark(marker: str, full: bool, label: str, x: tuple | list = (), y: tuple | list = ()) -> Line2D:
    face = PALETTE[0] if full else "white"
    edge = PALETTE[0] if full else "#777777"
    return Line2D(
        x, y, marker=marker, linestyle="none", markersize=10, label=label, markerfacecolor=face, markeredgecolor=edge,
        markeredgewidth=1.5,
    )  # fmt: skip


def _frame(axes: Axes, board: Scoreboard) -> None:
    columns = [fill(secret, 9) for secret in board.secrets] + (["false\nalarms"] if board.clean else [])
    axes.set_xticks(range(len(columns)), columns)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(board.methods)), board.methods)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(board.methods) - 0.5, -0.5))
    axes.tick_params(length=0)
    axes.grid(False, axis="x")
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    if board.clean:
        axes.axvline(len(board.secrets) - 0.5, color="black", linewidth=1, linestyle="-", marker="")


def _title(board: Scoreboard) -> str:
    best = max(board.methods, key=lambda method: board.count(method)[0])
    found, total = board.count(best)
    return f"Most is found by {best}: {found} of {total}"


def _in_words(board: Scoreboard) -> str:
    rows = []
    for method in board.methods:
        by_model = [
            f"in {model} {', '.join(found) or 'nothing'}"
            for model in board.models
            for found in [[s for s in board.secrets if board.verdict(method, s, model).found]]
        ]
        alarms = f", {board.false_alarms(method)} false alarms" if board.clean else ""
        rows.append(f"{method} finds {'; '.join(by_model)}{alarms}")
    return f"Table of methods and planted secrets. {'. '.join(rows)}."
