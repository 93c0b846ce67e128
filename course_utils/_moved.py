"""Names of façades, loaded when they are first used, and module paths of the first edition, for this edition.

`import course_utils.vision.pgd` gives `course_utils.vision.attacks`. Public names are imported from the façades
(`course_utils.vision`, `.language`, `.models`, …), which have not moved.
"""

import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any


def _table(name: str) -> list[list[str]]:
    """The words of each line of a table beside this module."""
    lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
    return [line.replace(":", "").split() for line in lines]


def lazily(facade: str, **renamed: str) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """`__all__`, `__getattr__` and `__dir__` of a façade, which imports a name's module when the name is first used.

    Which names a façade has, and the modules below `course_utils` that hold them, stands in `_names.txt`.

    Args:
        facade: the name of its module.
        renamed: what names of the first edition are called now.
    """
    where = {name: home for each, home, *names in _table("_names.txt") if each == facade for name in names}

    def load(name: str) -> Any:
        name = renamed.get(name, name)
        if name not in where:
            raise AttributeError(f"module {facade!r} has no attribute {name!r}")
        from course_utils.validation import with_checked_kinds  # here: it imports torch

        return with_checked_kinds(getattr(import_module(f"course_utils.{where[name]}"), name))

    return sorted(where), load, lambda: sorted({*vars(sys.modules[facade]), *where})


# Each line of the table: where it is now, and what it was called.
_NOW = {f"course_utils.{old}": f"course_utils.{new}" for new, *names in _table("_moved.txt") for old in names}


class _Moved(MetaPathFinder, Loader):
    """A finder for the old paths, asked after all others."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in _NOW else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        now = _NOW[spec.name]
        warnings.warn(f"{spec.name} is {now} now.", DeprecationWarning, stacklevel=2)
        return import_module(now)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing but to give the module its own spec back: it has been executed under its own name."""
        module.__spec__ = PathFinder.find_spec(module.__name__, import_module(module.__package__ or "").__path__)


def install() -> None:
    """Adds the finder, once."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.append(_Moved())
