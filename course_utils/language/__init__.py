"""What can be asked of a language model. Names are loaded when they are first used."""

from __future__ import annotations

from importlib import import_module

_WHERE: dict[str, str] = {}  # name: module of this package

__all__ = sorted(_WHERE)


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
