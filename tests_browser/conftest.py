"""The built book and JupyterLab in a real browser, with no network: `make check-book` (or pytest tests_browser).

The browser is the system's Chromium or Chrome, driven by Playwright. Playwright's own download is not used, so
that nothing is fetched; where the browser is not on the PATH, the variable CHROMIUM says where it is.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
QUIET = ("background-networking", "component-update", "default-apps", "domain-reliability", "quic", "sync")
OUTSIDE_OF_THE_BOOK = {"_static", "reports"}  # folders whose HTML is no page of the book
PATIENCE = 120_000  # milliseconds: slow machines are no defect of the book
HERE = ("127.0.0.1", "localhost")
FORWARDS = re.compile(r'<meta\s+http-equiv="refresh"', re.IGNORECASE)
PHONE, DESK = {"width": 375, "height": 812}, {"width": 1280, "height": 900}

Open = Callable[..., Page]
expect.set_options(timeout=PATIENCE / 4)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--book", type=Path, default=ROOT / "_build" / "html", help="the folder of the built book")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Ends the run at once where the book or the browser is missing, before xdist starts its workers."""
    pages_of(session.config.getoption("book"))
    chromium()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test runs once for every page of the book if it takes `name`, for every chapter if `chapter`."""
    pages = pages_of(metafunc.config.getoption("book"))
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", pages)
    if "chapter" in metafunc.fixturenames and metafunc.module.__name__ == "test_chapters":
        metafunc.parametrize("chapter", [name for name in pages if name.startswith("notebooks/")])


@cache
def pages_of(book: Path) -> list[str]:
    """The pages of a built book, such as "book/intro.html", without those that only forward to another.

    Ends the run where there is no book.
    """
    paths = [
        path for path in sorted(book.rglob("*.html")) if path.relative_to(book).parts[0] not in OUTSIDE_OF_THE_BOOK
    ]
    pages = [path for path in paths if not FORWARDS.search(path.read_text(encoding="utf-8")[:2000])]
    names = [path.relative_to(book).as_posix() for path in pages]
    if not names:
        pytest.exit(f"There is no book in {book}: `make book` builds it.", returncode=2)
    return names


def chromium() -> str:
    """Where the browser is; ends the run with what to do where there is none."""
    found = next(filter(None, map(shutil.which, filter(None, [os.environ.get("CHROMIUM"), *NAMES]))), None)
    if found is None:
        pytest.exit(
            "No Chromium or Chrome on the PATH. On Debian and Ubuntu: apt-get update && apt-get install -y chromium. "
            "Elsewhere, name it: CHROMIUM=/path/to/chrome make check-book",
            returncode=2,
        )
    return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    quiet = ["--no-first-run", "--disable-gpu", "--no-sandbox", *(f"--disable-{name}" for name in QUIET)]
    quiet += ["--host-resolver-rules=" + ", ".join(["MAP * ~NOTFOUND", *(f"EXCLUDE {name}" for name in HERE)])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=quiet)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def shared_context(browser: Browser) -> Iterator[BrowserContext]:
    """One context for a module's tests: what the first one loads, such as JupyterLab, the others have at hand."""
    context = new_context(browser)
    yield context
    context.close()


def new_context(browser: Browser, **settings: object) -> BrowserContext:
    context = browser.new_context(**{"viewport": DESK, "reduced_motion": "reduce", **settings})
    context.set_default_timeout(PATIENCE)
    return context


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Opens addresses, one at a time: the next closes the one before.

    The browser reaches no other host. A page that asks one fails the test, and so do errors of scripts.
    """
    outside: list[str] = []
    errors: list[str] = []
    opened: list[Page | BrowserContext] = []

    def note(request: Request) -> None:  # not a route(), which holds each request up until Python has answered
        address = urlsplit(request.url)
        if address.scheme not in ("file", "data", "blob") and address.hostname not in HERE:
            outside.append(request.url[:100])

    def visit(address: str, *, context: BrowserContext | None = None, **settings: object) -> Page:
        """context: in which to open it; a new one with these settings by default."""
        while opened:
            opened.pop().close()
        if context is None:
            context = new_context(browser, **settings)
            opened.append(context)
        page = context.new_page()
        opened.append(page)
        page.on("request", note)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        return page

    yield visit
    while opened:
        opened.pop().close()
    assert not outside, f"asks other hosts for {outside}"
    assert not errors, f"scripts fail: {errors}"


@pytest.fixture
def open_page(visit: Open, pytestconfig: pytest.Config) -> Open:
    """Opens a page of the book from its file, as a reader without a server does: open_page("book/intro.html")."""
    book: Path = pytestconfig.getoption("book")

    def open_page(name: str, *, after: str = "", **settings: object) -> Page:
        return visit((book / name).resolve().as_uri() + after, **settings)

    return open_page
