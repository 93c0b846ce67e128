"""The built book and JupyterLab in a real browser, with no network: `make check-book` (or pytest tests_browser).

The browser is the system's Chromium or Chrome, driven by Playwright. Playwright's own download is not used, so
that nothing is fetched; where the browser is not on the PATH, the variable CHROMIUM says where it is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
QUIET = ("background-networking", "component-update", "default-apps", "domain-reliability", "quic", "sync")
OUTSIDE_OF_THE_BOOK = {"_static", "reports"}  # folders whose HTML is no page of the book
PATIENCE = 120_000  # milliseconds: slow machines are no defect of the book
PHONE, DESK = {"width": 375, "height": 812}, {"width": 1280, "height": 900}

Open = Callable[..., Page]
expect.set_options(timeout=PATIENCE / 4)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--book", type=Path, default=ROOT / "_build" / "html", help="the folder of the built book")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `name` runs once for every page of the book."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", pages_of(metafunc.config.getoption("book")))


def pages_of(book: Path) -> list[str]:
    """The pages of a built book, such as "book/intro.html"; ends the run where there is no book."""
    paths = sorted(path.relative_to(book) for path in book.rglob("*.html"))
    names = [path.as_posix() for path in paths if path.parts[0] not in OUTSIDE_OF_THE_BOOK]
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
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=quiet)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Open]:
    """Opens addresses, one at a time: the next closes the one before.

    What a page asks of other hosts is refused, and fails the test, and so do errors of scripts.
    """
    outside: list[str] = []
    errors: list[str] = []
    contexts: list[BrowserContext] = []

    def guard(route: Route) -> None:
        address = urlsplit(route.request.url)
        if address.scheme == "file" or address.hostname in ("127.0.0.1", "localhost"):
            route.continue_()
        else:
            outside.append(route.request.url[:100])
            route.abort()

    def visit(address: str, **settings: object) -> Page:
        while contexts:
            contexts.pop().close()
        contexts.append(browser.new_context(**{"viewport": DESK, "reduced_motion": "reduce", **settings}))
        contexts[-1].set_default_timeout(PATIENCE)
        contexts[-1].route(lambda url: not url.startswith("data:"), guard)
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not outside, f"asks other hosts for {outside}"
    assert not errors, f"scripts fail: {errors}"


@pytest.fixture
def open_page(visit: Open, pytestconfig: pytest.Config) -> Open:
    """Opens a page of the book from its file, as a reader without a server does: open_page("book/intro.html")."""
    book: Path = pytestconfig.getoption("book")

    def open_page(name: str, *, after: str = "", **settings: object) -> Page:
        return visit((book / name).resolve().as_uri() + after, **settings)

    return open_page
