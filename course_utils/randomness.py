"""One random generator for each sample, so that its draws do not depend on what else is in the batch."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from numbers import Integral

import numpy as np
import torch


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
