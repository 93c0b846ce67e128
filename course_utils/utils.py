"""Progress bars, long work in chunks, and a random generator for each sample."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Sequence
from numbers import Integral
from typing import Any, TypeVar

import numpy as np
import torch

Chunk = TypeVar("Chunk")
Part = TypeVar("Part")

DELAY = 1.0  # seconds of work before a bar appears


def progress_bar(
    work: Iterable[Any], description: str, *, progress: bool | None = None, total: int | None = None
) -> Any:
    """`work` as a tqdm bar, which disappears when the work is done.

    Args:
        work: what is iterated over.
        description: what the bar says.
        progress: True shows the bar at once, False never, None after a second. tqdm's own `TQDM_DISABLE` is
            honoured as long as `progress` is None.
        total: how many there are, where `work` cannot say so itself.
    """
    # In notebooks tqdm.auto draws a widget: dead in the built book, and deaf to TQDM_DISABLE.
    if os.environ.get("COURSE_BOOK") or os.environ.get("TQDM_DISABLE"):
        from tqdm.std import tqdm
    else:
        from tqdm.auto import tqdm
    options = {} if progress is None else {"disable": not progress}
    return tqdm(work, desc=description, total=total, delay=0 if progress else DELAY, leave=False, **options)


def run_chunks(
    work: Callable[..., Part], chunks: Sequence[Chunk], description: str, *, progress: bool | None = None
) -> tuple[list[Part], bool]:
    """Long work in chunks, with one bar over them, and nothing lost on Ctrl-C.

    Args:
        work: called as work(chunk, progress=…) for each chunk; `progress` is for a bar of its own, which it gets where
            there is a single chunk. Its result may have an attribute `interrupted`, which ends the work.
        chunks: what is worked on, in order.
        description: what the bar says.
        progress: as of `progress_bar`.

    Returns:
        The results of the chunks that were done, and whether an interrupt cut the work short.

    Raises:
        KeyboardInterrupt: it came before the first chunk had anything to show.
    """
    parts: list[Part] = []
    single = len(chunks) == 1
    for chunk in progress_bar(chunks, description, progress=False if single else progress):
        try:
            parts.append(work(chunk, progress=progress if single else False))
        except KeyboardInterrupt:
            if not parts:
                raise
            return parts, True
        if getattr(parts[-1], "interrupted", False):
            return parts, True
    return parts, False


def sample_generators(seed: int, samples: Iterable[int], purpose: str) -> list[torch.Generator]:
    """A generator for every sample, made from the seed, the sample's index and what it is for.

    Generators live on the CPU: a GPU's would draw other numbers from the same seed.

    Args:
        seed: whole number, at least 0.
        samples: indices of the samples; sample 3 gets the same generator whatever stands beside it.
        purpose: what is drawn, such as `"start"`; different purposes draw independently.

    Raises:
        ValueError: a seed that is not a whole number of at least 0.
    """
    if not isinstance(seed, Integral) or seed < 0:
        raise ValueError(f"seed={seed!r} given, expected a whole number of at least 0, such as seed=0.")
    return [torch.Generator().manual_seed(_mix(seed, zlib.crc32(purpose.encode()), int(i))) for i in samples]


def _mix(seed: int, purpose: int, sample: int) -> int:
    # Seeds that differ in one bit make generators that begin alike; SeedSequence mixes them first.
    return int(np.random.SeedSequence(int(seed), spawn_key=(purpose, sample)).generate_state(1, np.uint64)[0])
