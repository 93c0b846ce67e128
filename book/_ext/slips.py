"""A Sphinx extension for the teaching guide: the commonest slips in the exercises of a chapter.

    ```{slips} 2
    ```

For each exercise it lists what the check says of its first three wrong answers, word for word, from the table that the
check itself reads.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from course_utils.learning import all_exercises, common_slips


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx once, before it reads the first page."""
    app.add_directive("slips", Slips)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class Slips(SphinxDirective):
    """A list of the chapter's exercises, with a list of messages in each."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        chapter = int(self.arguments[0])
        exercises = [each for each in all_exercises() if int(each.id.split("-")[0]) == chapter]
        if not exercises:
            raise ExtensionError(f"chapter {chapter} has no exercises, whose slips {self.env.docname} asks for.")
        rows = [
            nodes.list_item("", nodes.paragraph("", "", nodes.strong("", each.id)), listed(common_slips(each)))
            for each in exercises
        ]
        return [nodes.paragraph("", "What the check says of the commonest slips:"), nodes.bullet_list("", *rows)]


def listed(messages: list[str]) -> nodes.bullet_list:
    """The messages as a list, word for word; `code` and *words* that are stressed are the only markup."""
    return nodes.bullet_list("", *(nodes.list_item("", nodes.paragraph("", "", *parts(each))) for each in messages))


def parts(message: str) -> list[nodes.Node]:
    found: list[nodes.Node] = []
    for part in re.split(r"(`[^`]+`|(?<!\w)\*\w+\*(?!\w))", message):
        kind = {"`": nodes.literal, "*": nodes.emphasis}.get(part[:1]) if len(part) > 2 else None
        found += [kind("", part[1:-1]) if kind and part[-1] == part[0] else nodes.Text(part)] if part else []
    return found
