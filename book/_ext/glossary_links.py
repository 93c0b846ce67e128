"""A Sphinx extension that leads from the first use of a term in each chapter to the glossary.

Chapters then read as plain text in JupyterLab, and a term is linked wherever the glossary gets to know it. A term in
several forms (logit, logits) is one term; one with a bracket, such as "unit (of a network)", is never linked, because
the word alone has other meanings as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode

GLOSSARY = "book/glossary"
CHAPTERS = ("notebooks/", "tutorials/")
# What is no running text, or leads elsewhere already.
CLOSED = (nodes.title, nodes.literal, nodes.literal_block, nodes.reference, nodes.caption, nodes.citation, nodes.raw)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx once, before it reads the first page."""
    app.connect("doctree-resolved", link_first_uses)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def link_first_uses(app: Sphinx, document: nodes.document, page: str) -> None:
    """Makes a link of the first use of each term in a chapter."""
    if not page.startswith(CHAPTERS) or GLOSSARY not in app.env.all_docs:
        return
    left = entries(app.env.get_doctree(GLOSSARY))
    for paragraph in document.findall(nodes.paragraph):
        for element in [paragraph, *paragraph.findall(nodes.TextElement)]:
            join_lines(element)
    for text in list(document.findall(nodes.Text)):
        if left and is_prose(text):
            text.parent.replace(text, list(linked(text, left, app, page)))


def entries(glossary: nodes.document) -> dict[str, tuple[str, int]]:
    """Each form of each term, in lower case, with its label and the number of the entry that it belongs to."""
    found = {}
    for number, entry in enumerate(glossary.findall(nodes.definition_list_item)):
        for term in entry.findall(nodes.term):
            if "(" not in term.astext():
                found[plain(term.astext())] = (term["ids"][0], number)
    return found


def join_lines(element: nodes.Element) -> None:
    """Makes one text of neighbouring ones: MyST begins a new one at each end of a line, and a term may go on there."""
    joined: list[nodes.Node] = []
    for child in element.children:
        if joined and isinstance(child, nodes.Text) and isinstance(joined[-1], nodes.Text):
            joined[-1] = nodes.Text(joined[-1] + child)
        else:
            joined.append(child)
    element.children = []
    element.extend(joined)


def linked(text: nodes.Text, left: dict[str, tuple[str, int]], app: Sphinx, page: str) -> Iterator[nodes.Node]:
    """The pieces of a text, with links where a term is met for the first time; such terms are taken out of `left`."""
    rest = str(text)
    while left and (match := pattern(left).search(rest)):
        label, entry = left[plain(match[0])]
        for form in [form for form, (_, other) in left.items() if other == entry]:
            del left[form]
        yield nodes.Text(rest[: match.start()])
        yield make_refnode(app.builder, page, GLOSSARY, label, nodes.inline("", match[0], classes=["glossary-term"]))
        rest = rest[match.end() :]
    yield nodes.Text(rest)


def pattern(forms: dict[str, tuple[str, int]]) -> re.Pattern[str]:
    """Finds any of the terms as a whole word, the longest first, across line breaks and whatever its capitals."""
    words = sorted(forms, key=len, reverse=True)
    either = "|".join(re.escape(word).replace(r"\ ", r"\s+").replace("'", "['’]") for word in words)
    return re.compile(rf"(?<![\w-])(?:{either})(?![\w-])", re.IGNORECASE)


def plain(text: str) -> str:
    """A term as it is compared: lower case, single spaces, a typewriter's apostrophe."""
    return " ".join(text.lower().replace("’", "'").split())


def is_prose(text: nodes.Text) -> bool:
    """Whether a text stands in a paragraph that an author wrote, not in a heading, a link, code or a cell's output."""
    above = []
    node = text.parent
    while node is not None:
        above.append(node)
        node = node.parent
    outputs = any(isinstance(each, nodes.Element) and each.get("nb_element") for each in above)
    return not outputs and any(isinstance(each, nodes.paragraph) for each in above) and not _closed(above)


def _closed(above: list[nodes.Node]) -> bool:
    return any(isinstance(node, CLOSED) for node in above)
