"""Packs the built book into one file, for a room without network: python tools/zip_book.py

Unpacked, it is a folder whose index.html any browser opens. The same book gives the same file, byte for byte.
"""

import sys
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

ROOT = Path(__file__).resolve().parent.parent
NAME = "what-did-the-model-learn"
LEFT_OUT = {".buildinfo", "objects.inv", "reports"}  # of use to Sphinx only
EARLIEST = (1980, 1, 1, 0, 0, 0)  # the time that a zip gives to files without one


def main() -> str | None:
    """Packs _build/html; returns what is missing, or None."""
    html = ROOT / "_build" / "html"
    if not (html / "index.html").is_file():
        return f"There is no book in {html}: `make book` builds it."
    target = ROOT / "_build" / f"{NAME}.zip"
    pack(html, target)
    print(f"{target}: {target.stat().st_size / 1e6:.0f} MB. Unpack it, then open {NAME}/index.html")
    return None


def pack(folder: Path, target: Path) -> None:
    """Writes a folder's files into a zip, under one folder called NAME."""
    with ZipFile(target, "w", compression=ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(folder.rglob("*")):
            place = path.relative_to(folder)
            if path.is_file() and not LEFT_OUT & set(place.parts):
                entry = ZipInfo(f"{NAME}/{place.as_posix()}", date_time=EARLIEST)
                entry.compress_type, entry.external_attr = ZIP_DEFLATED, 0o644 << 16
                archive.writestr(entry, path.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
