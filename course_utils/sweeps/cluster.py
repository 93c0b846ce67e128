"""A Dask cluster that is already running, for the sweeps inside a `with`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from joblib import parallel_config


@contextmanager
def cluster(address: str, *, timeout: float = 10) -> Iterator[Any]:
    """Inside, sweeps run on the Dask cluster whose scheduler listens at the address.

    The same as `parallel_config(backend="dask")` with a `dask.distributed.Client`, with a sentence for what goes wrong.

    Args:
        address: of the scheduler, as it prints it: `tcp://10.0.0.1:8786`.
        timeout: seconds to wait for the scheduler, and then for a first worker.

    Yields:
        the client.

    Raises:
        ImportError: Dask is not installed.
        ConnectionError: no scheduler there, or one without a worker.
    """
    try:
        from distributed import Client
    except ImportError:
        raise ImportError("a cluster needs Dask: pip install 'distributed>=2024.5', or the extra scale.") from None
    try:
        client = Client(address, timeout=timeout)
    except (OSError, TimeoutError, ValueError) as error:
        raise ConnectionError(
            f"no Dask scheduler answers at {address} ({_first_line(error)}): start one there with `dask scheduler`, "
            f"and workers with `dask worker {address}`."
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=timeout)
        except TimeoutError:
            raise ConnectionError(
                f"the Dask scheduler at {address} has no workers: start some with `dask worker {address}`."
            ) from None
        with parallel_config(backend="dask"):
            yield client


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
