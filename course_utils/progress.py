"""A progress bar that stays out of the way: none for short work, plain text where no widget could live."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

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
