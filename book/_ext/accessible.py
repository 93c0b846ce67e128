"""A Sphinx extension that puts right what screen readers stumble over in the pages as Sphinx writes them."""

from __future__ import annotations

from typing import Any

from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx once, before it reads the first page."""
    app.connect("html-page-context", list_the_citations)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def list_the_citations(app: Sphinx, page: str, template: str, context: dict[str, Any], document: object) -> None:
    """Makes what stands in a list of works its items.

    docutils calls each an entry of a bibliography (doc-biblioentry); browsers no longer count that as an item, and
    a list without items is read out as empty.
    """
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')
