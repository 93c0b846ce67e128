"""Finds what a built book would load from other hosts: python tools/check_offline.py _build/html

Links that a reader may follow are fine; scripts, styles, fonts, pictures and frames come with the book.
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

OUTSIDE = re.compile(r"^\s*(?:https?:)?//", re.IGNORECASE)
CSS_ADDRESS = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""", re.IGNORECASE)
LOADING_ATTRIBUTES = {"src", "srcset", "data", "poster", "background"}
LOADING_LINKS = {"stylesheet", "icon", "preload", "prefetch", "modulepreload", "preconnect", "manifest"}


def outside_requests(folder: Path) -> list[str]:
    """One line, "file: address", for everything that pages and styles under a folder load from elsewhere."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".html":
            page = Page()
            page.feed(path.read_text(encoding="utf-8"))
            addresses = page.addresses
        elif path.suffix == ".css":
            addresses = CSS_ADDRESS.findall(path.read_text(encoding="utf-8"))
        else:
            continue
        found += [f"{path.relative_to(folder)}: {address}" for address in addresses]
    return found


class Page(HTMLParser):
    """Collects in .addresses what one HTML page loads from other hosts."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.in_style = tag == "style"
        self.addresses += [address for address in loaded(tag, dict(attrs)) if OUTSIDE.match(address)]

    def handle_data(self, data: str) -> None:
        if self.in_style:
            self.addresses += CSS_ADDRESS.findall(data)

    def handle_endtag(self, tag: str) -> None:
        self.in_style = False


def loaded(tag: str, attributes: dict[str, str | None]) -> Iterator[str]:
    """The addresses that a browser fetches on meeting a tag."""
    for name, value in attributes.items():
        if value and name in LOADING_ATTRIBUTES:
            yield from value.split(",") if name == "srcset" else [value]
    relations = set((attributes.get("rel") or "").lower().split())
    if tag == "link" and relations & LOADING_LINKS:
        yield attributes.get("href") or ""
    yield from CSS_ADDRESS.findall(attributes.get("style") or "")


if __name__ == "__main__":
    sys.exit("\n".join(outside_requests(Path(sys.argv[1]))) or None)
