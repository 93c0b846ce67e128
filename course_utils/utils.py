"""Progress bars, long work in chunks, and a random generator for each sample."""

import json
import os
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional as F

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


LONG = 600  # seconds of work that are announced


class Forecast:
    """How long work will take, printed once after its first steps where that is over ten minutes.

    Call it at each step, or give it to a loop as `on_step`; the first step, which is slow, does not count.

    Args:
        steps: of the whole work.
        what: what is being made, such as `"Prototypes of 1000 classes"`.
        remedy: what makes it shorter, in words.
    """

    def __init__(self, steps: int, what: str, remedy: str) -> None:
        self.steps, self.what, self.remedy = steps, what, remedy
        self.taken, self.begun = 0, 0.0

    def __call__(self, *_: object) -> None:
        self.taken += 1
        if self.taken == 2:
            self.begun = time.perf_counter()
        if self.taken == 4:
            seconds = self.steps * (time.perf_counter() - self.begun) / 2
            if seconds > LONG:
                print(f"{self.what} will take about {in_words(seconds)}; {self.remedy}.", flush=True)


def in_words(seconds: float) -> str:
    """A time as one says it: 25 minutes, 7 hours."""
    for unit, size in (("years", 31_557_600), ("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} seconds"


def image_count(number: int) -> str:
    """A number of images, in words."""
    return f"{number} image{'s' * (number != 1)}"


def first_line(error: BaseException) -> str:
    """The first line of what an error says, or its name; at most 160 letters."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:160]


def expanded(path: str | PathLike[str]) -> Path:
    """A path, with `~` as the home folder; ValueError for one that no file can have."""
    try:
        found = Path(path).expanduser()
        os.fsencode(found)
        if "\0" in str(found):
            raise ValueError("it has a null character")
        found.exists()
    except (RuntimeError, OSError, ValueError) as error:
        raise ValueError(f"the path {str(path)[:60]!r} cannot be used: {error}"[:200]) from None
    return found


def write(path: Path, content: bytes) -> None:
    """Puts a file there in one move, so that there is never half of one under this name.

    Raises:
        OSError: it cannot be written, such as on a full disk (names the file).
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OSError(
            error.errno, f"{path} cannot be written ({reason}): make room, and the same call goes on"
        ) from None
    finally:
        temporary.unlink(missing_ok=True)


def write_saved(path: str | Path, entry: str, about: object, tensors: dict[str, Tensor]) -> None:
    """Writes what `read_saved` reads, in one move, and makes its folder; `about` is what JSON can hold."""
    path = expanded(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, save(tensors, {entry: json.dumps(about, separators=(",", ":"))}))


def read_saved(path: str | Path, entry: str, writer: str, what: str = "file") -> tuple[Any, dict[str, Tensor]]:
    """What a file of safetensors holds: the entry of that name in its metadata, read as JSON, and the tensors.

    Args:
        path: the file.
        entry: its name.
        writer: the function that writes such files, as an error names it.
        what: what an error calls the file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another file, or a damaged one.
    """
    path = expanded(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no {what} {path}; {writer} writes one.")
    try:
        with safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {})[entry])
            return about, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} was not written by {writer}, or is damaged ({error!r}).") from None


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


@dataclass(frozen=True)
class Proportion:
    """A share of `total` trials with its interval; prints as `97.5 % [96.8, 98.1]`.

    Attributes:
        successes: how many of the trials succeeded, 0 … total.
        total: number of trials.
        low: lower end of the interval, in [0, 1].
        high: upper end of the interval, in [0, 1].
        level: confidence level of the interval, in (0, 1).
    """

    successes: int
    total: int
    low: float
    high: float
    level: float = 0.95

    @property
    def value(self) -> float:
        """The share itself, in [0, 1]."""
        return self.successes / self.total

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}]"

    def __float__(self) -> float:
        return self.value


def proportion(successes: Any, total: int | None = None, *, level: float = 0.95) -> Proportion:
    """The share of successes with its Wilson interval.

    Unlike the textbook interval value ± 1.96 · standard error, Wilson's never leaves [0, 1] and does not
    shrink to nothing at 0 % and 100 % (Wilson 1927; Brown, Cai & DasGupta 2001).

    Args:
        successes: how many trials succeeded; or, without `total`, one truth value per trial
            (a boolean tensor, array or list).
        total: number of trials, at least 1.
        level: confidence level, in (0, 1).

    Raises:
        ValueError: no trials, more successes than trials, or a level outside (0, 1).
    """
    from scipy.stats import binomtest  # here, because it takes as long to import as half of PyTorch

    if total is None:
        outcomes = [bool(outcome) for outcome in successes]
        successes, total = sum(outcomes), len(outcomes)
    successes, total = int(successes), int(total)
    if total < 1 or not 0 <= successes <= total:
        raise ValueError(f"{successes} successes of {total} trials given, expected 0 ≤ successes ≤ trials and a trial.")
    if not 0 < level < 1:
        raise ValueError(f"level={level} given, expected a confidence level between 0 and 1, such as 0.95.")
    interval = binomtest(successes, total).proportion_ci(confidence_level=level, method="wilson")
    return Proportion(successes, total, float(interval.low), float(interval.high), level)


def spearman(a: Float[Tensor, "n ..."], b: Float[Tensor, "n ..."]) -> Float[Tensor, "n"]:
    """Spearman's rank correlation of each row of `a` with that of `b`, ties sharing a rank; 0 without variance.

    Exact, and checked against `scipy.stats.spearmanr`, which takes one pair at a time.
    """
    from scipy.stats import rankdata  # here, because it takes as long to import as half of PyTorch

    ranks = [rankdata(x.flatten(1).float().cpu().numpy(), axis=1) for x in (a, b)]
    x, y = (rank - rank.mean(1, keepdims=True) for rank in ranks)
    lengths = np.sqrt((x * x).sum(1) * (y * y).sum(1))
    return torch.from_numpy((x * y).sum(1) / np.where(lengths > 0, lengths, 1)).float()


@cache
@torch.inference_mode(False)  # what is cached must do for those who want gradients, too
def bicubic_matrix(cells: int, size: int) -> Float[Tensor, "size cells"]:
    """The matrix of bicubic interpolation along one side, from `cells` numbers to `size`.

    Two products with such matrices take a tenth of the time that `F.interpolate` takes, there and back.
    """
    return F.interpolate(torch.eye(cells)[None, None], size=(size, cells), mode="bicubic", align_corners=False)[0, 0]
