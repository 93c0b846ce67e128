"""The SHA-256 of every file that is shipped beside the models, in the format that `sha256sum -c` reads."""

from __future__ import annotations

import hashlib
from pathlib import Path

from course_utils.models.store import TOKENIZER, WEIGHTS

FILE = "SHA256SUMS"
KINDS = ("*.safetensors", f"*{TOKENIZER}")  # cards are text, and may be put into better words


def write_sums(folder: Path = WEIGHTS) -> None:
    """Writes the sums of a folder's weights and tokenizers beside them."""
    lines = [f"{_sum(path)}  {path.name}\n" for path in _files(folder)]
    (folder / FILE).write_text("".join(lines), encoding="utf-8", newline="\n")


def wrong_files(folder: Path = WEIGHTS) -> dict[str, str]:
    """The files that are not as the sums say: name -> "missing", "changed" or "not listed"."""
    lines = (folder / FILE).read_text(encoding="utf-8").splitlines()
    listed = {name: digest for digest, name in map(str.split, lines)}
    found = {path.name: _sum(path) for path in _files(folder)}
    wrong = {name: "missing" for name in listed.keys() - found.keys()}
    wrong |= {name: "not listed" for name in found.keys() - listed.keys()}
    wrong |= {name: "changed" for name in found.keys() & listed.keys() if found[name] != listed[name]}
    return dict(sorted(wrong.items()))


def _files(folder: Path) -> list[Path]:
    return sorted(path for kind in KINDS for path in folder.glob(kind))


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
