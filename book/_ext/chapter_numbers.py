"""A Sphinx extension that numbers chapters from 0, in sidebar, titles and links, by the number of their file.

Jupyter Book's own numbers (`numbered` in `_toc.yml`) begin with 1, and the text speaks of chapters 0 to 12.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

CHAPTER = re.compile(r"notebooks/(\d\d)_")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx once, before it reads the first page."""
    app.add_transform(NumberTitle)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


class NumberTitle(SphinxTransform):
    """Puts "2 · " before a chapter's title, before Sphinx collects the titles of all pages."""

    default_priority = 410

    def apply(self, **kwargs: object) -> None:
        chapter = CHAPTER.match(self.env.docname)
        title = next(self.document.findall(nodes.title), None)
        if chapter and title is not None:
            title.insert(0, nodes.Text(f"{int(chapter[1])} · "))
