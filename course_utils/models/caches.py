"""Where weights from elsewhere lie on this computer, and whether the course may use or fetch them.

Two settings of the environment, read whenever they matter:

    COURSE_MODELS=pretrained    use pretrained models, and fetch what is not on this computer
    COURSE_MODELS=shipped       only the models that come with the course
    COURSE_MODELS=stand-in      the pretrained models' architectures with random weights: for tests of the chapters
    COURSE_CACHE=DIR            look in this folder first, as `python -m course_utils prefetch --to DIR` fills it

The folders inside are laid out as Torch hub and Hugging Face lay out theirs, so a computer that has a model needs no
second copy.
"""

from __future__ import annotations

import os
from pathlib import Path

MODES = ("pretrained", "shipped", "stand-in")


def mode() -> str:
    """What COURSE_MODELS says; without it "shipped" while the book is built, and otherwise "cached": use what is there.

    Raises:
        ValueError: it says something else.
    """
    said = os.environ.get("COURSE_MODELS", "").strip().lower()
    if not said:  # pages that are built must not depend on what this computer happens to have
        return "shipped" if os.environ.get("COURSE_BOOK") else "cached"
    if said not in MODES:
        raise ValueError(f"COURSE_MODELS={said} is unknown; it is one of {', '.join(MODES)}, or not set.")
    return said


def course_cache() -> Path | None:
    """The folder that COURSE_CACHE names, if it does."""
    named = os.environ.get("COURSE_CACHE", "").strip()
    return Path(named).expanduser() if named else None


def torch_folder(root: Path) -> Path:
    """Where Torch hub's checkpoints lie inside a folder that `prefetch --to` fills."""
    return root / "torch" / "hub" / "checkpoints"


def hugging_face_folder(root: Path) -> Path:
    """Where Hugging Face's models lie inside a folder that `prefetch --to` fills."""
    return root / "huggingface" / "hub"


def torch_folders() -> list[Path]:
    """Where torchvision's weights may lie, the first first; the first is also where new ones go."""
    import torch

    own, root = Path(torch.hub.get_dir()) / "checkpoints", course_cache()
    return [own] if root is None else [torch_folder(root), own]


def hugging_face_folders() -> list[Path]:
    """Where language models of Hugging Face may lie, the first first; the first is also where new ones go."""
    from huggingface_hub.constants import HF_HUB_CACHE

    own, root = Path(HF_HUB_CACHE), course_cache()
    return [own] if root is None else [hugging_face_folder(root), own]


def missing(name: str, bytes_: int | None, call: str) -> str:
    """One sentence for a model that is not on this computer: what to run."""
    size = f" ({megabytes(bytes_)})" if bytes_ else ""
    return (
        f"the weights of {name}{size} are not on this computer; `python -m course_utils prefetch {name}` fetches "
        f"them, and so does {call}({name!r}, download=True)."
    )


def megabytes(count: int) -> str:
    """A file's size as readers know it: 98 MB, 1.2 GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
