"""Finds links inside a built book that lead nowhere: python tools/check_links.py _build/html

Sphinx checks the links it makes itself. This looks at the finished pages, so that links in HTML, in outputs of
cells and in the theme's own parts are checked as well: the file has to exist, and so has the place in it.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ADDRESSES = {"a": ["href"], "link": ["href"], "img": ["src"], "script": ["src"], "source": ["src"], "iframe": ["src"]}
THEME_FILES = "_static"  # the HTML in this folder are templates, no pages


def broken_links(folder: Path) -> list[str]:
    """One line, "page: address: what is wrong", for each internal link of the pages under a folder."""
    pages = {path: Page(path) for path in sorted(folder.rglob("*.html")) if THEME_FILES not in path.parts}
    found = []
    for path, page in pages.items():
        for address in dict.fromkeys(page.addresses):
            trouble = problem(path, address, pages)
            if trouble:
                found.append(f"{path.relative_to(folder)}: {address}: {trouble}")
    return found


def problem(path: Path, address: str, pages: dict[Path, "Page"]) -> str | None:
    """What is wrong with a link on the page at `path`; None if it works or leads out of the book."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return None
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return "there is no such file"
    place = unquote(parts.fragment)
    if place and target in pages and place not in pages[target].places:
        return f"the page has no place called {place!r}"
    return None


class Page(HTMLParser):
    """What a page links to (.addresses) and the places on it that can be linked to (.places)."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.places = {"top"}  # which every browser knows
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [values[name] or "" for name in ADDRESSES.get(tag, []) if name in values]
        self.places |= {values[name] or "" for name in ("id", "name") if name in values}


if __name__ == "__main__":
    sys.exit("\n".join(broken_links(Path(sys.argv[1]).resolve())) or None)
