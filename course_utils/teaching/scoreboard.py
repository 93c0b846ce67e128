"""Which method found which planted secret, each by a criterion that was written down before the result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from course_utils.figures.style import PALETTE, DescribedFigure, new_figure, styled


@dataclass(frozen=True)
class Verdict:
    """What one method says of one secret in one model.

    Attributes:
        method, secret, model: their names.
        found: whether the criterion is met; None where the method has no question that could find the secret.
        value: what was measured; None where nothing was.
        bar: what the value had to reach.
    """

    method: str
    secret: str
    model: str
    found: bool | None
    value: float | None = None
    bar: float | None = None

    def __str__(self) -> str:
        words = {True: "found", False: "missed", None: "cannot ask"}[self.found]
        measured = "" if self.value is None else f" ({self.value:.2f} of {self.bar:.2f})"
        return f"{self.method}, {self.secret} in {self.model}: {words}{measured}"


@dataclass(frozen=True, repr=False)
class Scoreboard:
    """Verdicts of several methods about several secrets, on models that use them and on clean ones.

    Attributes:
        criteria: for each method, what counts as found, in a sentence.
        verdicts: about models in which the secrets are planted.
        clean: about models without any: where these say "found", it is a false alarm.
        alarms: for methods that list what they find, by model, everything listed, in words.
        settings: what it was made with.
    """

    criteria: Mapping[str, str]
    verdicts: tuple[Verdict, ...]
    clean: tuple[Verdict, ...] = ()
    alarms: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for verdict in (*self.verdicts, *self.clean):
            if verdict.method not in self.criteria:
                raise ValueError(
                    f"there is a verdict of {verdict.method!r} and no criterion for it: what counts as found is to be "
                    "written down first."
                )

    @classmethod
    def load(cls, path: str | Path) -> Scoreboard:
        """A scoreboard from a file that `save` wrote.

        Raises:
            ValueError: the file holds none.
        """
        try:
            data = json.loads(Path(path).read_text(encoding="utf-8"))
            rows = {kind: tuple(Verdict(**each) for each in data[kind]) for kind in ("verdicts", "clean")}
            return cls(criteria=data["criteria"], alarms=data["alarms"], settings=data["settings"], **rows)
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise ValueError(f"{path} holds no scoreboard ({error!r}); benchmarks/scoreboard.py writes one.") from None

    def save(self, path: str | Path) -> None:
        """Writes it as JSON."""
        data = {
            "settings": dict(self.settings),
            "criteria": dict(self.criteria),
            "verdicts": [vars(each) for each in self.verdicts],
            "clean": [vars(each) for each in self.clean],
            "alarms": {model: dict(lists) for model, lists in self.alarms.items()},
        }
        Path(path).write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")

    @property
    def methods(self) -> list[str]:
        """The methods, in the order of their criteria."""
        return [method for method in self.criteria if any(each.method == method for each in self.verdicts)]

    @property
    def secrets(self) -> list[str]:
        """The secrets, as they first occur."""
        return list(dict.fromkeys(each.secret for each in self.verdicts))

    @property
    def models(self) -> list[str]:
        """The models with secrets, as they first occur."""
        return list(dict.fromkeys(each.model for each in self.verdicts))

    def verdict(self, method: str, secret: str, model: str) -> Verdict:
        """One of them, also of a clean model.

        Raises:
            ValueError: there is none.
        """
        for each in (*self.verdicts, *self.clean):
            if (each.method, each.secret, each.model) == (method, secret, model):
                return each
        raise ValueError(f"no verdict of {method!r} about {secret!r} in {model!r} on this scoreboard.")

    def count(self, method: str) -> tuple[int, int]:
        """How many of the secrets a method found, over all models, and how many there were to find."""
        own = [each for each in self.verdicts if each.method == method]
        return sum(each.found is True for each in own), len(own)

    def false_alarms(self, method: str) -> int:
        """What a method says about clean models: everything on its list, or else every secret "found" there."""
        models = {each.model for each in self.clean}
        lists = [self.alarms[model][method] for model in models if method in self.alarms.get(model, {})]
        if lists:
            return sum(map(len, lists))
        return sum(each.found is True for each in self.clean if each.method == method)

    def plot(self, title: str | None = None) -> Any:
        """Methods by secrets: full where found, empty where missed, a dash where the method cannot ask."""

        return plot_scoreboard(self, title)

    def __repr__(self) -> str:
        counts = "; ".join(
            f"{method} {self.count(method)[0]} of {self.count(method)[1]}, {self.false_alarms(method)} false alarms"
            for method in self.methods
        )
        return f"Scoreboard: {counts}"

    def _repr_html_(self) -> str:
        return f"<p>{escape(repr(self))}</p>{self.plot()._repr_html_()}"


ROW = 0.36  # inches of height for a method
APART = 0.17  # between the marks of two models in one cell, in columns
MARKS = ("o", "s", "D")  # one for each model


@styled
def plot_scoreboard(board: Scoreboard, title: str | None = None) -> DescribedFigure:
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
    return DescribedFigure(figure, alt=_in_words(board))


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
