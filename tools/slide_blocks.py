"""From an executed chapter to slides: one idea each, the rest of the text in the speaker's notes.

An author chooses cells by their metadata, `{"slideshow": {"slide_type": "slide"}}`, as JupyterLab writes it: only they
are shown, and what other cells say goes into the notes. Of a chapter in which nothing is chosen, the fifteen slides
with most to look at are taken: figures before tables, formulas and diagrams before lists.

A heading begins a slide. What is looked at rather than read (a figure, a formula, a table, a list, a piece of code,
what a cell printed) gets one of its own under the same heading. Of a paragraph the first sentence is shown, and all of
it is in the notes. Under the result of a chosen cell stands how the text goes on: what is seen in it. Where the text
goes on to something else, or its slide type is *Skip*, the sentence that led to the cell stands above the result. Labs,
checks and quizzes belong to the notebook.
"""

import re
from dataclasses import dataclass, field

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from plain_markdown import plain

MOST = 15  # slides of a chapter whose author has chosen none
LINES = 14  # of code, that can be read from the last row
NOT_SHOWN = re.compile(r"\b(check|quiz|progress|\w+_lab)\(")  # what belongs to the notebook
SHORT = 240  # characters of text that leave room for a figure
ENOUGH = 60  # characters that say something
WIDGET = "application/vnd.jupyter.widget-view+json"
LOADED = re.compile(r"^\S+: \d+x\d+ pixels, .*\n?", re.MULTILINE)  # what `load_images` says of a file
BLOCK = re.compile(r"\n\s*\n")
SENTENCE = re.compile(r"(?<=[.!?:])(?<! al\.)\s+(?=[A-Z*`$(\"“])")


@dataclass
class Slide:
    """A heading, something under it, and what the speaker may say."""

    heading: str
    cells: list[NotebookNode] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def slides(notebook: NotebookNode) -> list[Slide]:
    """The slides of an executed chapter."""
    chosen = any(map(is_chosen, notebook.cells))
    made: list[Slide] = []
    for before, cell, after in zip([None, *notebook.cells], notebook.cells, [*notebook.cells[1:], None], strict=False):
        shown = is_chosen(cell) or not chosen
        if cell.cell_type == "markdown":
            add_text(made, plain(cell.source), shown)
        elif cell.cell_type == "code" and made and shown:
            seen = what_is_seen(after) if chosen else ""
            add_code(made, cell, what_leads(before) if chosen and not seen else "", seen)
    return only(made, [slide for slide in made if slide.cells] if chosen else most_to_look_at(made))


def is_chosen(cell: NotebookNode) -> bool:
    """Whether the author has marked a cell as one to be shown."""
    return slide_type(cell) == "slide"


def slide_type(cell: NotebookNode) -> str | None:
    """What JupyterLab's property inspector says of a cell."""
    return cell.metadata.get("slideshow", {}).get("slide_type")


def most_to_look_at(made: list[Slide]) -> list[Slide]:
    """The first slide, the last list (what was seen), and of the others those with most to look at."""
    full = [slide for slide in made if slide.cells]
    if len(full) <= MOST:
        return full
    first = {(slide.heading, worth(slide)): id(slide) for slide in reversed(full)}  # of its kind in its section
    seen = next((slide for slide in reversed(full) if worth(slide) == 1), full[-1])
    rest = [slide for slide in full[1:] if slide is not seen]
    rest.sort(key=lambda slide: (worth(slide), first[slide.heading, worth(slide)] == id(slide)), reverse=True)
    return [full[0], seen, *rest[: MOST - 2]]


def worth(slide: Slide) -> int:
    """3 for a figure that a cell made, 2 for a table, a formula or a diagram, 1 for a list, 0 for anything else."""
    data = [output.get("data", {}) for cell in slide.cells for output in cell.get("outputs", [])]
    if any("image/png" in each or "<img" in str(each) or "<svg" in str(each) for each in data):
        return 3
    text = [cell.source.lstrip() for cell in slide.cells if cell.cell_type == "markdown"]
    if any("text/html" in each for each in data) or any(each.startswith(("![", "$$", "|")) for each in text):
        return 2
    return int(any(each.startswith(("- ", "* ", "1. ")) for each in text))


def only(made: list[Slide], chosen: list[Slide]) -> list[Slide]:
    """The chosen slides, in order; what the others say is in the notes of the one before."""
    left: list[Slide] = []
    for slide in made:
        if any(slide is each for each in chosen):
            left.append(slide)
        elif left:
            left[-1].said += slide.said
    return left


def add_text(made: list[Slide], text: str, shown: bool = True) -> None:
    """Prose, block by block; what is not shown is only said."""
    leads = ""  # to what comes next
    for block in BLOCK.split(text.strip()):
        heading = re.match(r"(#+ [^\n]+)\n*(.*)", block, re.DOTALL)
        if heading:
            made.append(Slide(heading[1]))
            block, leads = heading[2], ""
        if not block.strip():
            continue
        if shown and is_looked_at(block):
            place(made, new_markdown_cell(block), "" if block.startswith(">") else leads)
            leads = ""
        else:
            first = shown and not made[-1].cells
            if first:
                made[-1].cells.append(new_markdown_cell(beginning(block)))
            leads = "" if first else leading(block)
            made[-1].said.append(block)


def what_is_seen(after: NotebookNode | None) -> str:
    """How the text after a result begins, if that is a statement and leads to nothing else."""
    if after is None or after.cell_type != "markdown" or slide_type(after) == "skip":
        return ""
    first, *others = BLOCK.split(plain(after.source).strip())
    begun = beginning(first)
    shown_there = is_chosen(after) and others and is_looked_at(others[0]) and begun.endswith(leading(first))
    apart = begun.startswith(("#", "**")) or is_looked_at(begun) or "?" in begun or not begun.endswith(".")
    return "" if shown_there or apart else begun


def what_leads(before: NotebookNode | None) -> str:
    """The last sentence of the text before a result, unless that is on a slide itself."""
    if before is None or before.cell_type != "markdown" or is_chosen(before):
        return ""
    return leading(BLOCK.split(plain(before.source).strip())[-1])


def leading(block: str) -> str:
    """The last sentence of a paragraph that stands in no parentheses; none of a caption, which leads to nothing."""
    if is_looked_at(block) or re.match(r"#|\*[^*]", block):
        return ""
    return next((said for said in SENTENCE.split(" ".join(block.split()))[::-1] if not said.startswith("(")), "")


def add_code(made: list[Slide], cell: NotebookNode, leads: str = "", seen: str = "") -> None:
    """Short code as it is, and what came out of it, between the sentence that leads to it and what is seen in it."""
    if NOT_SHOWN.search(cell.source):
        return
    stub = cell.source.rstrip().endswith("...")
    result = is_chosen(cell) and cell.outputs  # what the author wants to be seen
    if stub or (is_short_and_worth_it(cell.source) and not result):
        place(made, new_code_cell(cell.source), leads)
        leads = ""
    results = [shown for output in merged(cell.outputs) if (shown := as_shown(output)) is not None]
    for shown in results:
        place(made, new_code_cell("", outputs=[shown], metadata={"transient": {"remove_source": True}}), leads)
        leads = ""
    if results and seen:
        made[-1].cells.append(new_markdown_cell(seen))


def merged(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """What a cell printed as one output, without what went to stderr (progress, this machine's warnings)."""
    printed = [output for output in outputs if output.output_type == "stream" and output.name == "stdout"]
    others = [output for output in outputs if output.output_type != "stream"]
    text = LOADED.sub("", "".join(output.text for output in printed))
    return [new_output("stream", name="stdout", text=text), *others] if text.strip() else others


def place(made: list[Slide], cell: NotebookNode, leads: str = "") -> None:
    """On the last slide if that has short text at most, otherwise on a new one under the same heading.

    There the sentence that leads to it stands above it.
    """
    there = made[-1].cells
    if any(each.cell_type == "code" or is_looked_at(each.source) or len(each.source) > SHORT for each in there):
        made.append(Slide(made[-1].heading))
    if leads and not made[-1].cells:
        made[-1].cells.append(new_markdown_cell(leads))
    made[-1].cells.append(cell)


def beginning(block: str) -> str:
    """The first sentences of a paragraph, until something has been said."""
    said = ""
    for sentence in SENTENCE.split(" ".join(block.split())):
        said = f"{said} {sentence}".strip()
        if len(said) > ENOUGH:
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
    """An output as the audience sees it: a picture or HTML before text, all of it, and no dead widget."""
    if output.output_type == "stream":
        return new_output("stream", name="stdout", text=output.text.rstrip("\n"))
    data = output.get("data", {})
    for kind in ("image/svg+xml", "image/png", "text/html", "text/markdown"):
        if kind in data:
            return new_output("display_data", data={kind: data[kind]}, metadata=output.get("metadata", {}))
    if WIDGET in data or "text/plain" not in data:
        return None
    return new_output("display_data", data={"text/plain": data["text/plain"]})
