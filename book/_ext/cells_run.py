"""A Sphinx extension for the time that cells run: {cells-run}`0 1` becomes "38 s", chapters 0 and 1 together.

It is the time of this build, as in the table of run times, so a plan for a day can be held against the clock.
"""

from __future__ import annotations

from docutils import nodes
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxRole


class CellsRun(nodes.General, nodes.Inline, nodes.Element):
    """Where the time will stand once all chapters have run."""


class CellsRunRole(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        return [CellsRun(chapters=[int(number) for number in self.text.split()])], []


class FillIn(SphinxPostTransform):
    """Writes the times, which are known when every page has been read."""

    default_priority = 8

    def run(self, **kwargs: object) -> None:
        for node in list(self.document.findall(CellsRun)):
            node.replace_self(nodes.Text(told(sum(self.seconds(number) for number in node["chapters"]))))

    def seconds(self, number: int) -> float:
        """How long the cells of a chapter ran."""
        prefix = f"notebooks/{number:02}_"
        chapter = next((name for name in self.env.found_docs if name.startswith(prefix)), None)
        if chapter is None:
            raise ExtensionError(f"cells-run in {self.env.docname}: there is no chapter {number}.")
        data = NbMetadataCollector.get_exec_data(self.env, chapter)
        return data["runtime"] or 0.0 if data else 0.0


def told(seconds: float) -> str:
    """A time in words: "38 s", "2 min", or "–" where nothing ran."""
    if not seconds:
        return "–"
    return f"{seconds:.0f} s" if seconds < 99.5 else f"{seconds / 60:.0f} min"


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx once, before it reads the first page."""
    app.add_node(CellsRun)
    app.add_role("cells-run", CellsRunRole())
    app.add_post_transform(FillIn)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
