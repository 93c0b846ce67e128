"""Names of façades, loaded when they are first used, and module paths of the first edition, for this edition.

`import course_utils.vision.pgd` gives `course_utils.vision.attacks`. Public names are imported from the façades
(`course_utils.vision`, `.language`, `.models`, …), which have not moved.
"""

import ast
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any


def lazily(facade: str) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """`__all__`, `__getattr__` and `__dir__` of a façade, which imports a name's module when the name is first used.

    Which names a façade has, and where they are, stands in the stub file beside it (`.pyi`), where editors and type
    checkers read it, too.

    Args:
        facade: the name of its module.
    """
    stub = Path(sys.modules[facade].__file__ or "").with_suffix(".pyi")
    imports = [line for line in ast.parse(stub.read_text(encoding="utf-8")).body if isinstance(line, ast.ImportFrom)]
    where = {name.asname or name.name: (str(line.module), name.name) for line in imports for name in line.names}

    def load(name: str) -> Any:
        if name not in where:
            raise AttributeError(f"module {facade!r} has no attribute {name!r}")
        from course_utils.validation import with_checked_kinds  # here: it imports torch

        home, known_as = where[name]
        return with_checked_kinds(getattr(import_module(home), known_as))

    return sorted(where), load, lambda: sorted({*vars(sys.modules[facade]), *where})


# Each line of the table: where it is now, and what it was called.
_TABLE = Path(__file__).with_name("_moved.txt").read_text(encoding="utf-8").replace(":", "").splitlines()
_NOW = {f"course_utils.{old}": f"course_utils.{new}" for new, *names in map(str.split, _TABLE) for old in names}


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


sys.meta_path.append(_Moved())
