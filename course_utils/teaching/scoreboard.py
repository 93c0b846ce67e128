"""Scoreboards: which method found which planted secret, each by a criterion that was written down before the result.

A method is judged on models that use the secrets and on clean ones. What it "finds" in a clean model is a false alarm.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from textwrap import fill
from typing import Any

from course_utils.figures.style import PALETTE, DescribedFigure, Drawn, new_figure, styled

ROW = 0.36  # inches of height for a method
APART = 0.34  # between the marks of two models in one cell, in columns
MARKS = ("o", "s", "D")  # one for each model
GREY = "#777777"


@dataclass(frozen=True)
class Verdict:
    """The verdict of one method about one secret in one model.

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
class Scoreboard(Drawn):
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
        data = {"settings": self.settings, **asdict(self)}  # the settings first
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

    @styled
    def plot(self, title: str | None = None) -> DescribedFigure:
        """Methods by secrets, a mark for each model; false alarms on clean models in a column of their own.

        Marks are full where the secret was found and empty where it was missed; a dash says that the method cannot ask.

        Args:
            title: the finding; if None, which methods found most.

        Raises:
            ValueError: more than three models with secrets.
        """
        from matplotlib.lines import Line2D

        if (many := len(self.models)) > len(MARKS):
            raise ValueError(f"{many} models on the scoreboard, expected at most {len(MARKS)} to tell apart.")
        figure = new_figure(1.9 + ROW * len(self.methods))
        axes = figure.add_subplot()
        self._draw_frame(axes)
        for row, method in enumerate(self.methods):
            for column, secret in enumerate(self.secrets):
                self._draw_cell(axes, method, secret, row, column)
            if self.clean:
                alarms = self.false_alarms(method)
                weight = "bold" if alarms else "normal"
                axes.text(len(self.secrets), row, str(alarms), ha="center", va="center", fontweight=weight)
        best = max(self.methods, key=lambda method: self.count(method)[0])
        found, total = self.count(best)
        axes.set_title(title or f"Most is found by {best}: {found} of {total}", loc="left", wrap=True)
        handles = [_mark(marker, True, f"{model}: found") for marker, model in zip(MARKS, self.models, strict=False)]
        handles += [_mark(MARKS[0], False, "missed"), Line2D([], [], color=GREY, lw=2, marker="", label="cannot ask")]
        spacing = {"ncols": len(handles), "handlelength": 1.2, "columnspacing": 1}
        figure.legend(handles=handles, loc="outside lower center", **spacing)
        return DescribedFigure(figure, alt=self._in_words())

    def _draw_frame(self, axes: Any) -> None:
        columns = [fill(secret, 9) for secret in self.secrets] + (["false\nalarms"] if self.clean else [])
        axes.set_xticks(range(len(columns)), columns)
        axes.xaxis.tick_top()
        axes.set_yticks(range(len(self.methods)), self.methods)
        axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(self.methods) - 0.5, -0.5))
        axes.tick_params(length=0)
        axes.grid(False, axis="x")
        axes.spines[["left", "bottom"]].set_visible(False)
        if self.clean:
            axes.axvline(len(self.secrets) - 0.5, color="black", linewidth=1, linestyle="-", marker="")

    def _draw_cell(self, axes: Any, method: str, secret: str, row: int, column: int) -> None:
        verdicts = [self.verdict(method, secret, model) for model in self.models]
        if all(each.found is None for each in verdicts):
            axes.plot([column - 0.12, column + 0.12], [row, row], color=GREY, linestyle="-", marker="")
        for number, each in enumerate(verdicts):
            if each.found is not None:
                x = column + APART * (number - (len(verdicts) - 1) / 2)
                axes.add_line(_mark(MARKS[number], each.found, "", [x], [row]))

    def _in_words(self) -> str:
        rows = []
        for method in self.methods:
            found = {m: [s for s in self.secrets if self.verdict(method, s, m).found] for m in self.models}
            by_model = [f"in {model} {', '.join(secrets) or 'nothing'}" for model, secrets in found.items()]
            alarms = f", {self.false_alarms(method)} false alarms" if self.clean else ""
            rows.append(f"{method} finds {'; '.join(by_model)}{alarms}")
        return f"Table of methods and planted secrets. {'. '.join(rows)}."

    def __repr__(self) -> str:
        counts = "; ".join(
            f"{method} {self.count(method)[0]} of {self.count(method)[1]}, {self.false_alarms(method)} false alarms"
            for method in self.methods
        )
        return f"Scoreboard: {counts}"


def plot_scoreboard(board: Scoreboard, title: str | None = None) -> DescribedFigure:
    """The plot of a scoreboard, as `Scoreboard.plot`."""
    return board.plot(title)


def _mark(marker: str, full: bool, label: str, x: Sequence[float] = (), y: Sequence[float] = ()) -> Any:
    from matplotlib.lines import Line2D

    face, edge = (PALETTE[0], PALETTE[0]) if full else ("white", GREY)
    colours: Any = {"markerfacecolor": face, "markeredgecolor": edge, "markeredgewidth": 1.5}
    return Line2D(x, y, marker=marker, linestyle="none", markersize=10, label=label, **colours)
