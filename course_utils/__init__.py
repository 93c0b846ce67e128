"""What Did the Model Learn? The companion package of the course.

Names are imported when they are first used, so that `import course_utils` stays quick.
"""

from importlib import import_module

from course_utils._moved import install

install()

_HOMES = {
    "Classifier": "course_utils.models",
    "LanguageModel": "course_utils.models",
    "at_hand": "course_utils.models",
    "audit_choices": "course_utils.audit",
    "audit_scenes": "course_utils.audit",
    "cluster": "course_utils.sweeps",
    "load_classifier": "course_utils.models",
    "load_if_available": "course_utils.models",
    "load_language_model": "course_utils.models",
    "load_image": "course_utils.images",
    "load_images": "course_utils.images",
    "optimize": "course_utils.loop",
    "photographs": "course_utils.images",
    "reveal": "course_utils.audit",
    "sweep": "course_utils.sweeps",
}
__all__ = sorted(_HOMES)
_RENAMED = {"load_picture": "load_image"}  # the first edition's names, for this edition


def __getattr__(name: str):
    name = _RENAMED.get(name, name)
    if name in _HOMES:
        from course_utils.validation import with_checked_kinds  # here: it imports torch

        return with_checked_kinds(getattr(import_module(_HOMES[name]), name))
    raise AttributeError(f"module 'course_utils' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
