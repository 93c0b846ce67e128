"""What `sweep` gives back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from course_utils.sweeps.records import Record

MOST_ROWS = 40  # of a table in a notebook


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """What came of the tasks of a sweep.

    Attributes:
        function: the qualified name of what was called.
        tasks: as they were given.
        records: of the tasks that were done or failed, in the order of the tasks; after an interrupt, some are missing.
        reused: how many different tasks had been done before.
        interrupted: whether Ctrl-C or the notebook's stop button cut it short. The same call goes on.
    """

    function: str
    tasks: list[Any]
    records: list[Record]
    reused: int
    interrupted: bool

    @property
    def results(self) -> list[dict[str, Any]]:
        """What the function gave, for the tasks that did not fail, in the order of the tasks."""
        return [record.result for record in self.records if record.result is not None]

    @property
    def failed(self) -> list[Record]:
        """The records of tasks that failed; the same call tries them again."""
        return [record for record in self.records if record.error is not None]

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Record:
        return self.records[index]

    def __repr__(self) -> str:
        done, failed = len(self.results), self.failed
        kinds = ", ".join(f"{kind} ×{n}" for kind, n in Counter(r.error.kind for r in failed if r.error).items())
        parts = [f"{done} of {len(self.tasks)} task{'s' * (len(self.tasks) != 1)} done, {self.reused} of them before"]
        parts += [f"{len(failed)} failed ({kinds}; see .failed)"] * bool(failed)
        parts += ["interrupted: the same call goes on"] * self.interrupted
        return f"sweep of {self.function}: {'; '.join(parts)}"

    def _repr_html_(self) -> str:
        from course_utils.show.html import render  # here, because a cluster's workers need no templates

        rows = [(_brief(r.task), r.seconds, "" if r.error else _shown(r.result), r.error) for r in self.records]
        return render("sweep.html", title=repr(self), rows=rows[:MOST_ROWS], more=len(rows[MOST_ROWS:]))


def _shown(result: dict[str, Any] | None) -> str:
    """Numbers as numbers, tensors by their shape."""
    return ", ".join(f"{name} {_value(value)}" for name, value in (result or {}).items())


def _value(value: Any) -> str:
    if isinstance(value, Tensor):
        return "×".join(map(str, value.shape)) or f"{value.item():.4g}"
    return f"{value:.4g}" if isinstance(value, float) else _brief(value)


def _brief(value: Any, most: int = 60) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= most else f"{text[: most - 2]} …"
