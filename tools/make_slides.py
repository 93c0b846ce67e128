"""Slides for each chapter: python tools/make_slides.py takes the outputs of `make book` and writes _build/slides.

reveal.js and MathJax lie beside the slides, so that they need no network. Press S for the speaker's notes, F for the
whole screen; `?print-pdf` in the address prints.
"""

import importlib.util
import shutil
import sys
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from nbconvert.exporters import SlidesExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from run_chapters import CACHE
from slide_blocks import Slide, slides

ROOT = Path(__file__).resolve().parent.parent
SLIDES = ROOT / "_build" / "slides"


def main(executed: Path | None = None, folder: Path = SLIDES) -> str | None:
    """Writes a page of slides for each executed chapter, those of the book if no folder of others is given.

    Returns what is missing, or None.
    """
    chapters = chapters_of_the_book() if executed is None else read(executed)
    if not chapters:
        return f"No executed chapters in {executed or CACHE}: `make book` first."
    shutil.rmtree(folder, ignore_errors=True)
    copy_what_slides_need(folder)
    exporter = SlidesExporter(
        template_name="slides",
        extra_template_basedirs=[str(ROOT / "tools")],
        reveal_url_prefix="reveal",
        reveal_theme="white",
        reveal_width="1280",
        reveal_height="720",
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    titles = {}
    for name, chapter in chapters.items():
        made = slides(chapter)
        page, _ = exporter.from_notebook_node(deck(made), {"metadata": {"name": name}})
        page = page.replace("../book/_static/", "pictures/").replace('.ipynb"', '.html"')
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
        titles[name] = made[0].heading.lstrip("# ")
    (folder / "index.html").write_text(contents(titles), encoding="utf-8")
    print(f"Slides for {len(chapters)} chapters: open {folder / 'index.html'}")
    return None


def read(folder: Path) -> dict[str, NotebookNode]:
    """The chapters in a folder, by name."""
    return {path.stem: nbformat.read(path, as_version=4) for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))}


def chapters_of_the_book() -> dict[str, NotebookNode]:
    """The chapters with the outputs from which the book was built; none if one has not been executed as it is now."""
    cache = get_cache(CACHE)
    try:
        return {name: cache.merge_match_into_notebook(each)[1] for name, each in read(ROOT / "notebooks").items()}
    except KeyError:
        return {}


def deck(made: list[Slide]) -> NotebookNode:
    """A notebook that nbconvert makes slides of."""
    notebook = new_notebook()
    for number, slide in enumerate(made):
        level = "#" if number == 0 else "##"
        cells = [new_markdown_cell(f"{level} {slide.heading.lstrip('# ')}"), *slide.cells]
        notes = [new_markdown_cell("\n\n".join(slide.said))] if slide.said else []
        for cell in cells:
            cell.metadata["slideshow"] = {"slide_type": "slide" if cell is cells[0] else "-"}
        for cell in notes:
            cell.metadata["slideshow"] = {"slide_type": "notes"}
        notebook.cells += cells + notes
    return notebook


def copy_what_slides_need(folder: Path) -> None:
    """reveal.js, MathJax, the style and the pictures, out of the installed packages and the book."""
    shutil.copytree(package("sphinx_revealjs") / "_static" / "revealjs", folder / "reveal")
    shutil.copyfile(package("sphinx-mathjax-offline") / "static" / "mathjax" / "tex-svg-full.js", folder / "mathjax.js")
    shutil.copyfile(ROOT / "tools" / "slides" / "slides.css", folder / "slides.css")
    shutil.copytree(ROOT / "book" / "_static", folder / "pictures")


def package(name: str) -> Path:
    """The folder of an installed package, which need not be importable."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise SystemExit(f"The package {name.replace('_', '-')} is missing: `make book` installs it.")
    return Path(found.origin).parent


def contents(titles: dict[str, str]) -> str:
    """A page that leads to the slides of each chapter."""
    items = "\n".join(f'<li><a href="{stem}.html">{int(stem[:2])} · {title}</a></li>' for stem, title in titles.items())
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Slides</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"></head>'
        '<body style="font: 1.3rem/1.6 sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem;">'
        f"<h1>What Did the Model Learn?</h1><ul>{items}</ul></body></html>"
    )


if __name__ == "__main__":
    sys.exit(main())
