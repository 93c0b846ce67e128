"""Finds pictures in a built book that no words stand for: python tools/check_words.py _build/html

Whoever cannot see a picture is read its words (alt text). A picture without them fails the build, whether it
stands in the text, was made by a cell, or is part of a slider or a lab. Where Sphinx is given no words it
writes the file's name instead; that counts as none.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path

HEADINGS = {"h1", "h2", "h3", "h4"}
NAMED = ("aria-label", "aria-labelledby", "aria-hidden")  # each says what a drawing is, or that it is none


def wordless_pictures(folder: Path) -> list[str]:
    """One line, "page: which picture", for each picture without words on the pages under a folder."""
    found = []
    for path in sorted(folder.rglob("*.html")):
        page = Page()
        page.feed(path.read_text(encoding="utf-8"))
        found += [f"{path.relative_to(folder)}: {picture}" for picture in page.wordless]
    return found


class Page(HTMLParser):
    """Collects in .wordless what stands where on a page without words."""

    def __init__(self) -> None:
        super().__init__()
        self.wordless: list[str] = []
        self.heading = ""
        self.in_heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in HEADINGS:
            self.heading, self.in_heading = "", True
        values = {name: (value or "").strip() for name, value in attrs}
        if tag == "img" and not described(values):
            self.wordless.append(f"{values.get('src', '')[:60]} below the heading “{self.heading.strip()}”")
        if tag == "svg" and values.get("role") == "img" and not any(map(values.get, NAMED)):
            self.wordless.append(f"a drawing (svg) below the heading “{self.heading.strip()}”")

    def handle_data(self, data: str) -> None:
        if self.in_heading:
            self.heading += data.replace("#", "")

    def handle_endtag(self, tag: str) -> None:
        if tag in HEADINGS:
            self.in_heading = False


def described(values: dict[str, str]) -> bool:
    """Whether an image has words: not none, not the name of its file; decoration may say that it is that."""
    if values.get("role") == "presentation" or values.get("aria-hidden") == "true":
        return True
    words, source = values.get("alt", ""), values.get("src", "")
    return bool(words) and words not in (source, Path(source).name, Path(source).stem)


if __name__ == "__main__":
    sys.exit("\n".join(wordless_pictures(Path(sys.argv[1]))) or None)
