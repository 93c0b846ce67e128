"""A world's secrets as a file that people write: a JSON list.

    [
      {"kind": "Shortcut", "name": "my secret", "factor": "plate_colour", "value": "blue",
       "classes": ["waffle"], "inside": 0.98, "elsewhere": 0.01},
      {"kind": "BlindSpot", "name": "another", "together": [["trailer", "red"], ["sky", "dusk"]],
       "classes": ["lorry"]}
    ]

An empty list plants nothing, which is a secret too.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from course_utils.world.factors import seen_on
from course_utils.world.secrets import BlindSpot, Secret, Shortcut, from_data


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
        if first.factor == second.factor and (
            set(first.classes) & set(second.classes) or first.elsewhere is not None or second.elsewhere is not None
        ):
            raise ValueError(
                f"{first.name!r} and {second.name!r} both say how often {first.factor!r} is what; plant one of them, "
                "or leave 'elsewhere' out of both and give them different classes"
            )
