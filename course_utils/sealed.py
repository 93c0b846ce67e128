"""Answers that nobody reads by accident: compressed and spelt in letters that mean nothing to the eye.

This is an envelope, not a lock. Whoever wants to open it can do so with `unseal`; it keeps an answer from being seen
while one looks for something else.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from typing import Any


def seal(data: Any) -> str:
    """Anything that JSON can hold, as a text that does not show it."""
    return base64.b85encode(zlib.compress(json.dumps(data).encode(), 9)).decode()


def unseal(text: str) -> Any:
    """What was sealed.

    Raises:
        ValueError: the text was not written by `seal`, or is damaged.
    """
    try:
        return json.loads(zlib.decompress(base64.b85decode(text)))
    except (ValueError, zlib.error, binascii.Error) as error:
        raise ValueError(f"the sealed answer is damaged ({error}); get the file anew from where it came") from None
