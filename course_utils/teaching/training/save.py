"""Trained weights, written beside their cards: in half precision, each file in one move, with hashes of all of them.

`course_utils.models.shipped` reads them. A reader whose copy of the course was damaged on its way learns so from
`SHA256SUMS`, which `python -m course_utils doctor` compares with the files.
"""

import base64
import json
import random
import zlib
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

from course_utils.models.caches import sha256
from course_utils.models.classifier import Classifier
from course_utils.models.shipped import SUFFIX, TOKENIZER, WEIGHTS
from course_utils.utils import write


def save_weights(module: nn.Module, path: Path, card: dict) -> None:
    """Writes weights in half precision and the card beside them, each in one move, so that none is ever half there."""
    _save(module, path)
    write(path.with_suffix(".json"), (json.dumps(card, indent=2) + "\n").encode())


def save_bundle(classifier: Classifier, path: Path, card: dict[str, Any]) -> None:
    """Writes weights, in half precision, and their card into one file in one move."""
    _save(classifier.module, path, {"card": json.dumps(card)})


def _save(module: nn.Module, path: Path, metadata: dict[str, str] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    halved = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}
    write(path, save(halved, metadata))


SUMS = "SHA256SUMS"


def write_sums(folder: Path = WEIGHTS) -> None:
    """Writes the hashes of a folder's weights and tokenizers beside them."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in _digests(folder).items())
    (folder / SUMS).write_text(lines, encoding="utf-8", newline="\n")


def wrong_files(folder: Path = WEIGHTS) -> dict[str, str]:
    """The files that are not as their hashes say: name -> "missing", "changed" or "not listed"."""
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    listed = {name: digest for digest, name in map(str.split, lines)}
    found = _digests(folder)
    wrong = {name: "missing" for name in listed.keys() - found.keys()}
    wrong |= {name: "not listed" for name in found.keys() - listed.keys()}
    wrong |= {name: "changed" for name in found.keys() & listed.keys() if found[name] != listed[name]}
    return dict(sorted(wrong.items()))


def _digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of weights and tokenizers; cards are text, and may be put into better words."""
    files = [path for pattern in (f"*{SUFFIX}", f"*{TOKENIZER}") for path in folder.glob(pattern)]
    return {path.name: sha256(path) for path in sorted(files)}


MOST = 10**6  # bytes that an answer may unpack to
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
        opened = zlib.decompressobj()
        content = opened.decompress(base64.b85decode(text), MOST)
        if opened.unconsumed_tail:
            raise ValueError(f"it unpacks to more than {MOST} bytes")
        return json.loads(content)
    except (ValueError, RecursionError, zlib.error) as error:
        raise ValueError(f"the sealed answer is damaged ({error}); get the file anew from where it came") from None
