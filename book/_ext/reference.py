"""A Sphinx extension that writes the reference pages from the package: signatures, docstrings, examples, chapters.

A page of book/reference names a module, and gives examples for some of its public names:

    ```{reference} course_utils.loop
    [optimize]
    >>> 1 + 1
    2

    ```

What is public stands in the module's `__all__`. The examples are tried by tests/book/test_reference.py. In the
chapters, the first mention of a public name in the text becomes a link to its entry here.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode

PAGES, CHAPTERS = "book/reference/", "notebooks/"
PACKAGE = "course_utils"
BLOCK = re.compile(r"^```\{reference\} (?P<module>[\w.]+)\n(?P<examples>.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLE = re.compile(r"^\[(\w+)\]\n(.*?)(?=^\[\w+\]$|\Z)", re.MULTILINE | re.DOTALL)
SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises|Example):$")
ENTRY = re.compile(r"^(\*{0,2}\w[\w., ]*?): (.*)$")
SIGNATURE = re.compile(r'<dt class="sig.*?</dt>', re.DOTALL)
TITLES = {"Args": "Arguments"}
TOP = ("class", "function", "data")


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx once, before it reads the first page."""
    app.connect("source-read", write_entries)
    app.connect("missing-reference", find_class)
    app.connect("html-page-context", name_parameters)
    app.connect("doctree-resolved", link_first_mentions)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_entries(app: Sphinx, page: str, source: list[str]) -> None:
    """Puts the entries of a module in the place of its block."""
    if page.startswith(PAGES):
        chapters = chapters_that_use(Path(app.srcdir) / CHAPTERS)
        source[0] = BLOCK.sub(lambda block: entries(block["module"], block["examples"], chapters), source[0])


def entries(name: str, examples: str, chapters: dict[str, list[tuple[int, str]]]) -> str:
    """The public names of a module as MyST text, functions and classes in the order of `__all__`."""
    module, shown = import_module(name), examples_of(examples)
    if unknown := sorted(set(shown) - set(public_names(module))):
        raise ValueError(f"examples given for {', '.join(unknown)}, which {name} does not have in __all__.")
    return "\n\n".join(
        entry(module, each, shown.get(each, ""), chapters.get(each, [])) for each in public_names(module)
    )


def public_names(module: ModuleType) -> list[str]:
    """What a module offers, without first editions' names for the same things."""
    offered = [(name, getattr(module, name)) for name in sorted(module.__all__, key=str.lower)]
    return [name for name, value in offered if getattr(value, "__name__", name) in (name, getattr(value, "name", ""))]


def examples_of(text: str) -> dict[str, str]:
    """The examples in a block, by the name that they are for."""
    return {name: example.strip() for name, example in EXAMPLE.findall(text)}


def entry(module: ModuleType, name: str, example: str, chapters: list[tuple[int, str]]) -> str:
    value = getattr(module, name)
    function = getattr(value, "measure", value)  # a prior is an object around the function that measures
    if not callable(function):
        return directive("data", name, module, f"{escaped(str(value))[:200]}")
    body = markdown(inspect.getdoc(value) or "")
    if inspect.isclass(value):
        body += "".join("\n\n" + method for method in methods(value))
    if example:
        body += f"\n\n```{{code-block}} pycon\n{example}\n```"
    if chapters:
        links = ", ".join(f"[{number}](../../{CHAPTERS}{file})" for number, file in chapters)
        body += f"\n\n{'Chapter' if len(chapters) == 1 else 'Chapters'} {links}."
    kind = "class" if inspect.isclass(value) else "function"
    return directive(kind, name + signature(value if kind == "class" else function), module, body)


def directive(kind: str, head: str, module: ModuleType | None, body: str, fence: str = "`````") -> str:
    options = f":module: {module.__name__}\n" if module else ""
    return f"{fence}{{py:{kind}}} {head}\n{options}\n{body}\n{fence}"


def methods(cls: type) -> Iterator[str]:
    """What a class itself defines and describes, besides what Python calls by itself."""
    for name, value in vars(cls).items():
        kind = "property" if isinstance(value, property) else "method"
        described = inspect.getdoc(value) if callable(value) or kind == "property" else None
        if described and not name.startswith("_") and not inspect.isclass(value):
            head = name + (signature(value) if kind == "method" else "")
            yield directive(kind, head, None, markdown(described), fence="````")


def signature(value: Any) -> str:
    """Parameters and result in one line, as they stand in the code."""
    try:
        found, parts, named = inspect.signature(value), [], False
    except ValueError:  # a class that takes what Python's own dictionaries take
        return ""
    for each in found.parameters.values():
        if each.kind is each.KEYWORD_ONLY and not named:
            parts.append("*")
        named = named or each.kind in (each.KEYWORD_ONLY, each.VAR_POSITIONAL)
        stars = {each.VAR_POSITIONAL: "*", each.VAR_KEYWORD: "**"}.get(each.kind, "")
        if each.name != "self":
            parts.append(stars + each.name + annotation(": ", each.annotation) + default(each.default))
    result = "" if inspect.isclass(value) else annotation(" -> ", found.return_annotation)
    return f"({', '.join(parts)}){result}"


def annotation(before: str, value: Any) -> str:
    if value is inspect.Parameter.empty:
        return ""
    return before + (value if isinstance(value, str) else getattr(value, "__name__", str(value)))


def default(value: Any) -> str:
    """A default that is no plain value goes by its name, or by that of its type."""
    if value is inspect.Parameter.empty:
        return ""
    plain = isinstance(value, (int, float, str, tuple, type(None)))
    return " = " + (repr(value) if plain else getattr(value, "__name__", type(value).__name__))


def markdown(docstring: str) -> str:
    """A docstring as MyST text: its sections become lists of terms, and nothing in it becomes HTML."""
    text, lines = [], docstring.splitlines()
    while lines:
        line = lines.pop(0)
        if not SECTION.match(line):
            text.append(escaped(line))
            continue
        inside = []
        while lines and (not lines[0].strip() or lines[0].startswith("    ")):
            inside.append(lines.pop(0).removeprefix("    "))
        text += ["", f"**{TITLES.get(line[:-1], line[:-1])}**", "", *terms(inside), ""]
    return "\n".join(text)


def terms(lines: list[str]) -> Iterator[str]:
    """Lines such as "steps: at least 1", with what goes on under them, as a definition list; others as they are."""
    for line in lines:
        if entry := ENTRY.match(line):
            yield from ("", f"`{entry[1]}`", f": {escaped(entry[2])}")
        else:
            yield escaped(re.sub(r"^ {4}", "  ", line))


def escaped(text: str) -> str:
    """Angle brackets, dollars and braces in running text stand for themselves."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(piece if piece.startswith("`") else re.sub(r"([<>${}*])", r"\\\1", piece) for piece in pieces)


@cache
def chapters_that_use(folder: Path) -> dict[str, list[tuple[int, str]]]:
    """For each name that code cells import from the package: numbers and files of the chapters."""
    found: dict[str, list[tuple[int, str]]] = {}
    for path in sorted(folder.glob("[0-9][0-9]_*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        for name in sorted({name for source in code for _, name in imported(source)}):
            found.setdefault(name, []).append((int(path.name[:2]), path.name))
    return found


def imported(source: str) -> Iterator[tuple[str, str]]:
    """The module and the name of each thing that a cell imports from the package."""
    code = re.sub(r"^\s*[%!].*$", "", source, flags=re.MULTILINE)  # what only notebooks understand
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            yield from ((node.module or "", each.name) for each in node.names)


def objects(app: Sphinx) -> dict[str, tuple[str, str]]:
    """Page and label of each public name, by the name alone."""
    known = app.env.get_domain("py").objects.items()
    return {full.split(".")[-1]: (entry.docname, entry.node_id) for full, entry in known if entry.objtype in TOP}


def find_class(app: Sphinx, env: Any, reference: nodes.Element, text: nodes.TextElement) -> nodes.reference | None:
    """Leads from a type in a signature to its entry, on whichever page."""
    if reference.get("refdomain") != "py":
        return None
    page, label = objects(app).get(reference["reftarget"].split(".")[-1], (None, ""))
    return page and make_refnode(app.builder, reference["refdoc"], page, label, text)


def link_first_mentions(app: Sphinx, document: nodes.document, page: str) -> None:
    """Makes a link of the first mention of each public name in the text of a chapter."""
    if not page.startswith((CHAPTERS, "tutorials/")):
        return
    left = objects(app)
    for code in list(document.findall(nodes.literal)):
        name = code.astext().removesuffix("()")
        if name in left and not isinstance(code.parent, (nodes.reference, nodes.title)):
            place = left.pop(name)
            code.replace_self(make_refnode(app.builder, page, *place, code.deepcopy()))


def name_parameters(app: Sphinx, page: str, template: str, context: dict[str, Any], document: nodes.document) -> None:
    """Writes parameters as lines; Sphinx makes lists of definitions without terms, which is no HTML."""
    if page.startswith(PAGES):
        context["body"] = SIGNATURE.sub(lambda found: _lines(found[0]), context["body"])


def _lines(signature: str) -> str:
    for tag, name in (("dl", "sig-parameters"), ("dd", "sig-parameter")):
        signature = signature.replace(f"<{tag}>", f'<span class="{name}">').replace(f"</{tag}>", "</span>")
    return signature
