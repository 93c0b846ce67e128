"""A Sphinx extension that makes tables, pictures and figures in the text out of benchmarks/results.json.

    ```{bench-table} attacks
    ```
    ```{bench-image} peers
    ```
    … takes {bench}`visualization; pocket; lucent, one batch; ratio` times as long …

So what the page of benchmarks says is what was measured; `make bench` measures anew.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.append(str(BENCHMARKS))

import bench_figures  # noqa: E402
import bench_tables  # noqa: E402
from bench_tables import digits, markdown, searches, seconds  # noqa: E402


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx once, before it reads the first page."""
    app.add_config_value("benchmarks_results", str(BENCHMARKS / "results.json"), "env")
    app.add_directive("bench-table", Table)
    app.add_directive("bench-image", Drawn)
    app.add_role("bench", Number())
    return {"parallel_read_safe": True, "parallel_write_safe": True}


ROOT = BENCHMARKS.parent
# Comparisons with a file of their own, which take longer to measure.
FILES = {
    "isolation": BENCHMARKS / "isolation.json",
    "isolation_photographs": BENCHMARKS / "isolation_photographs.json",
    "prototypes": ROOT / "notebooks" / "data" / "prototypes.json",
    "entanglement": ROOT / "notebooks" / "data" / "entanglement.json",
    "shortcuts": BENCHMARKS / "shortcuts.json",
    "spray": BENCHMARKS / "spray.json",
    "imagenet": ROOT / "book" / "computed" / "imagenet" / "settings.json",
}


class FromResults:
    """What the two directives and the role have in common."""

    def results(self) -> dict:
        path = self.config.benchmarks_results  # type: ignore[attr-defined]
        self.env.note_dependency(path)  # type: ignore[attr-defined]
        return json.loads(Path(path).read_text(encoding="utf-8"))


class Table(FromResults, SphinxDirective):
    """The tables of one comparison, from results.json or from its own file."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name, section = self.arguments[0], nodes.container(classes=["bench"])
        if name in FILES:
            text = getattr(bench_tables, name)(json.loads(FILES[name].read_text(encoding="utf-8")))
        else:
            found = self.results().get(name, {"error": "make bench has not been run"})
            text = (searches if name == "prompt_search_real" else markdown)(found)
        self.state.nested_parse(StringList(text.splitlines(), name), 0, section)
        return [section]


class Drawn(FromResults, SphinxDirective):
    """A picture with its words, drawn when the book is built."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        picture = getattr(bench_figures, self.arguments[0])(self.results())
        return [nodes.raw("", f"<p>{picture._repr_html_()}</p>", format="html")]


class Number(FromResults, SphinxRole):
    """One number: comparison; how the case begins; way; "ratio", "seconds", or what is judged."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        comparison, case, way, what = (part.strip() for part in self.text.split(";"))
        rows = bench_figures.rows_of(self.results(), comparison, case)
        row = next((row for row in rows if row["way"] == way), None)
        if row is None:
            raise ExtensionError(f"benchmarks/results.json has no {way!r} in a case {case!r} of {comparison!r}.")
        if what == "seconds":
            return [nodes.Text(seconds(row["seconds"]))], []
        value = row["ratio"]["median"] if what == "ratio" else row["quality"][what]
        return [nodes.Text(digits(value))], []
