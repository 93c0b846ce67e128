"""A Sphinx extension for what readers and screen readers stumble over in the pages as Sphinx writes them."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

CODE = re.compile(r"(<pre.*?</pre>)", re.DOTALL)
JOINT = re.compile(r"(?<=\d) (?=%|×)|(?<=\d ×) (?=\d)|(?<=“) ")  # "95 %", "224 × 224", the token “ girl”


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx once, before it reads the first page."""
    app.connect("html-page-context", list_the_citations)
    app.connect("html-page-context", keep_numbers_together)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def list_the_citations(app: Sphinx, page: str, template: str, context: dict[str, Any], document: object) -> None:
    """Makes what stands in a list of works its items.

    docutils calls each an entry of a bibliography (doc-biblioentry); browsers no longer count that as an item, and
    a list without items is read out as empty.
    """
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def keep_numbers_together(app: Sphinx, page: str, template: str, context: dict[str, Any], document: object) -> None:
    """No line ends between a number and its per cent sign, in a size, or before a token; code can still be copied."""
    if "body" in context:
        parts = CODE.split(context["body"])
        parts[::2] = [JOINT.sub("\N{NO-BREAK SPACE}", part) for part in parts[::2]]
        context["body"] = "".join(parts)
