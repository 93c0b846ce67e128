"""The book in one file: everything a reader needs, nothing else, and the same bytes each time."""

from pathlib import Path
from zipfile import ZipFile

from zip_book import pack


def test_the_zip_holds_the_book_in_one_folder_and_is_always_the_same(tmp_path: Path) -> None:
    book = tmp_path / "html"
    for name in ("index.html", "notebooks/00.html", "_static/a.css", ".buildinfo", "reports/x.err.log"):
        (book / name).parent.mkdir(parents=True, exist_ok=True)
        (book / name).write_text(name, encoding="utf-8")
    pack(book, tmp_path / "one.zip")
    (book / "index.html").touch()
    pack(book, tmp_path / "two.zip")

    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with ZipFile(tmp_path / "one.zip") as archive:
        names = [name.removeprefix("what-did-the-model-learn/") for name in archive.namelist()]
        assert names == ["_static/a.css", "index.html", "notebooks/00.html"]
        assert archive.read("what-did-the-model-learn/index.html") == b"index.html"
