"""From an executed chapter to slides: one idea each, the rest of the text in the speaker's notes.

A heading begins a slide. What is looked at rather than read (a figure, a formula, a table, a list, a piece of code,
what a cell printed) gets one of its own under the same heading. Of a paragraph the first sentence is shown, and all of
it is in the notes. Exercises show what is to be done; labs, checks and quizzes belong to the notebook.
"""

import re
from dataclasses import dataclass, field

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from plain_markdown import plain

LINES = 14  # of code or printed text, that can be read from the last row
NOT_SHOWN = re.compile(r"\b(check|quiz|progress|\w+_lab)\(")  # what belongs to the notebook
SHORT = 120  # characters of text that leave room for a figure
WIDGET = "application/vnd.jupyter.widget-view+json"
BLOCK = re.compile(r"\n\s*\n")
SENTENCE = re.compile(r"(?<=[.!?:])\s+(?=[A-Z*`$\"“])")


@dataclass
class Slide:
    """A heading, something under it, and what the speaker may say."""

    heading: str
    cells: list[NotebookNode] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def slides(notebook: NotebookNode) -> list[Slide]:
    """The slides of an executed chapter."""
    made: list[Slide] = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            add_text(made, plain(cell.source))
        elif cell.cell_type == "code" and made:
            add_code(made, cell)
    return [slide for slide in made if slide.cells or slide.said]


def add_text(made: list[Slide], text: str) -> None:
    """Prose, block by block."""
    for block in BLOCK.split(text.strip()):
        heading = re.match(r"(#+ [^\n]+)\n*(.*)", block, re.DOTALL)
        if heading:
            made.append(Slide(heading[1]))
            block = heading[2]
        if not block.strip():
            continue
        if is_looked_at(block):
            place(made, new_markdown_cell(block))
        else:
            if not made[-1].cells:
                made[-1].cells.append(new_markdown_cell(beginning(block)))
            made[-1].said.append(block)


def add_code(made: list[Slide], cell: NotebookNode) -> None:
    """Short code as it is, and what came out of it."""
    if NOT_SHOWN.search(cell.source):
        return
    stub = cell.source.rstrip().endswith("...")
    if stub or is_short_and_worth_it(cell.source):
        place(made, new_code_cell(cell.source))
    for output in merged(cell.outputs):
        shown = as_shown(output)
        if shown is not None:
            place(made, new_code_cell("", outputs=[shown], metadata={"transient": {"remove_source": True}}))


def merged(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """What a cell printed as one output, without what went to stderr (progress, this machine's warnings)."""
    printed = [output for output in outputs if output.output_type == "stream" and output.name == "stdout"]
    others = [output for output in outputs if output.output_type != "stream"]
    text = "".join(output.text for output in printed)
    return [new_output("stream", name="stdout", text=text), *others] if text.strip() else others


def place(made: list[Slide], cell: NotebookNode) -> None:
    """On the last slide if that has a short sentence at most, otherwise on a new one under the same heading."""
    there = made[-1].cells
    if any(each.cell_type == "code" or is_looked_at(each.source) or len(each.source) > SHORT for each in there):
        made.append(Slide(made[-1].heading))
    made[-1].cells.append(cell)


def beginning(block: str) -> str:
    """The first sentences of a paragraph, until something has been said."""
    said = ""
    for sentence in SENTENCE.split(" ".join(block.split())):
        said = f"{said} {sentence}".strip()
        if len(said) > SHORT / 2:
            break
    return said


def is_looked_at(block: str) -> bool:
    """Whether a block of Markdown is a figure, a formula, a table, a list, code or a quotation."""
    return block.lstrip().startswith(("![", "$$", "|", "- ", "1. ", "```", ">", "* "))


def is_short_and_worth_it(source: str) -> bool:
    """Whether the audience gains by seeing the code: a function, or a call of the package, that fits."""
    if source.startswith(("exercise(", "print(", "for ")):
        return False
    lines = source.splitlines()
    begins = lines[0] if lines else ""
    return "(" in source and len(lines) <= LINES and (begins.startswith(("def ", "class ")) or len(lines) <= 3)


def as_shown(output: NotebookNode) -> NotebookNode | None:
    """An output as the audience sees it: a picture or HTML before text, short text only, no dead widget."""
    if output.output_type == "stream":
        lines = output.text.splitlines()
        more = ["…"] if len(lines) > LINES else []
        return new_output("stream", name="stdout", text="\n".join(lines[:LINES] + more))
    data = output.get("data", {})
    for kind in ("image/svg+xml", "image/png", "text/html", "text/markdown"):
        if kind in data:
            return new_output("display_data", data={kind: data[kind]}, metadata=output.get("metadata", {}))
    if WIDGET in data or "text/plain" not in data or len(data["text/plain"].splitlines()) > LINES:
        return None
    return new_output("display_data", data={"text/plain": data["text/plain"]})
