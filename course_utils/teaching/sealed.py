"""Answers that nobody reads by accident: compressed, all of one length, in letters that mean nothing to the eye.

This is an envelope, not a lock: `unseal` opens it. It keeps an answer from being seen while one looks for something
else, and its length from telling that nothing is inside.
"""

from __future__ import annotations

import base64
import json
import random
import zlib
from typing import Any

LENGTHS = 160  # bytes: what is sealed is filled up to a multiple of them


def seal(data: Any, *, lengths: int = LENGTHS) -> str:
    """Anything that JSON can hold, as a text that does not show it; the same data give the same text."""
    packed = zlib.compress(json.dumps(data).encode(), 9)
    filling = random.Random(packed).randbytes(-len(packed) % lengths)
    return base64.b85encode(packed + filling).decode()


def unseal(text: str) -> Any:
    """What was sealed.

    Raises:
        ValueError: the text was not written by `seal`, or is damaged.
    """
    try:
        return json.loads(zlib.decompressobj().decompress(base64.b85decode(text)))
    except (ValueError, zlib.error) as error:
        raise ValueError(f"the sealed answer is damaged ({error}); get the file anew from where it came") from None
