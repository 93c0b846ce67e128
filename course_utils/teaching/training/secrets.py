"""Secrets as JSON: those of cards and sealed answers, and files of a reader's own."""

import json
from collections.abc import Sequence
from dataclasses import MISSING, asdict, fields
from itertools import combinations
from pathlib import Path
from typing import Any

from course_utils.validation import check_known
from course_utils.world.factors import BlindSpot, Secret, Shortcut, seen_on


def to_data(secret: Secret) -> dict:
    """A secret as a dictionary that JSON can hold."""
    return {"kind": type(secret).__name__, **asdict(secret)}


def from_data(data: Any) -> Secret:
    """The secret back from `to_data`.

    Raises:
        ValueError: the kind or a field is unknown, missing or of the wrong kind.
    """
    if not isinstance(data, dict):
        raise ValueError(f"a secret is an object with the field 'kind' and others, not {data!r}")
    kinds = {"Shortcut": Shortcut, "BlindSpot": BlindSpot}
    given = {name: _tuples(value) for name, value in data.items()}  # JSON knows lists only
    kind = str(given.pop("kind", None))
    check_known("kind of secret", kind, kinds)
    known = {field.name: field.default is MISSING for field in fields(kinds[kind])}
    for name in given:
        check_known(f"field of a {kind}", name, known)
    missing = [name for name, needed in known.items() if needed and name not in given]
    if missing:
        raise ValueError(f"a {kind} needs the field{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))}")
    for name, value in given.items():
        _check_field(kind, name, value)
    return kinds[kind](**given)


def _check_field(kind: str, name: str, value: Any) -> None:
    """Refuses a value of the wrong kind, as a file may hold it."""
    words = isinstance(value, tuple) and all(isinstance(word, str) for word in value)
    number = isinstance(value, int | float) and not isinstance(value, bool)
    pairs = isinstance(value, tuple) and all(isinstance(p, tuple) and len(p) == 2 for p in value)
    fits, expected = {
        "name": (isinstance(value, str), "a text"),
        "factor": (isinstance(value, str), "the name of a factor"),
        "classes": (words and value, "a list of class names"),
        "inside": (number, "a number from 0 to 1"),
        "elsewhere": (number or value is None, "a number from 0 to 1, or null"),
        "together": (pairs, "a list of pairs, each of a factor and its value"),
        "value": (isinstance(value, str | bool), "a value of the factor"),
    }[name]
    if not fits:
        raise ValueError(f"the field {name!r} of a {kind} is {value!r}, expected {expected}")


def _tuples(value: object) -> object:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value


def read_secrets(path: Path) -> tuple[Secret, ...]:
    """The secrets of a file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no JSON list of secrets (says where and why), one that nobody could see, or two that contradict.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; write your secrets into one, as a JSON list")
    try:
        return secrets_from(json.loads(path.read_text(encoding="utf-8")))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}, line {error.lineno}, column {error.colno}: this is no JSON ({error.msg})") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text in UTF-8; a file of secrets is a JSON list") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def secrets_from(data: object) -> tuple[Secret, ...]:
    """The secrets of a list as JSON has it.

    Raises:
        ValueError: as `read_secrets`.
    """
    if not isinstance(data, list):
        raise ValueError(f'expected a list of secrets, [{{"kind": …}}, …], found {type(data).__name__}')
    found = []
    for place, entry in enumerate(data, start=1):
        try:
            found.append(from_data(entry))
            _check_seen(found[-1])
        except ValueError as error:
            raise ValueError(f"secret {place} of {len(data)}: {error}") from None
    _check_together(found)
    return tuple(found)


def _check_seen(secret: Secret) -> None:
    factors = [secret.factor] if isinstance(secret, Shortcut) else [factor for factor, _ in secret.together]
    for factor in factors:
        for cls in secret.classes:
            if cls not in (places := seen_on(factor)):
                raise ValueError(f"{factor!r} cannot be seen on {cls!r}; it can on {', '.join(places)}")
    if isinstance(secret, BlindSpot) and len(set(factors)) < len(factors):
        raise ValueError("a factor stands twice in 'together', and it has one value at a time")


def _check_together(secrets: Sequence[Secret]) -> None:
    shortcuts = [secret for secret in secrets if isinstance(secret, Shortcut)]
    for first, second in combinations(shortcuts, 2):
        open_ended = first.elsewhere is not None or second.elsewhere is not None
        if first.factor == second.factor and (open_ended or set(first.classes) & set(second.classes)):
            raise ValueError(
                f"{first.name!r} and {second.name!r} both say how often {first.factor!r} is what; plant one of them, "
                "or leave 'elsewhere' out of both and give them different classes"
            )
