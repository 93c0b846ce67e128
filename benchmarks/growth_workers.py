"""The same sweep on a Dask cluster of one and of two worker processes, each with one thread and a core of its own."""

from __future__ import annotations

import statistics
import tempfile
import time
from typing import Any

import psutil
from distributed import Client, LocalCluster
from joblib import parallel_config
from measure import spread

from course_utils import sweep

TASKS = 12


def workers(rounds: int, quick: bool) -> dict[str, Any]:
    """Efficiency on two workers, by the wall's clock and by the processor time of the busier worker.

    The first is what a user waits for, and suffers from whatever else the machine does. The second leaves out waiting,
    the machine's and ours, but not what two workers take from each other, nor an uneven share of the tasks.
    """
    taken: dict[int, list[tuple[float, float]]] = {1: [], 2: []}
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": None}
    tasks = [{"seed": seed, "steps": 4 if quick else 60} for seed in range(4 if quick else TASKS)]
    with LocalCluster(n_workers=1, **options) as one, LocalCluster(n_workers=2, **options) as two:
        clients = {1: Client(one, set_as_default=False), 2: Client(two, set_as_default=False)}
        for count, client in clients.items():
            pin(client)
            timed(client, [{"seed": -i, "steps": 2} for i in range(1, 4 * count)])  # everything is loaded
        for _ in range(rounds):
            for count, client in clients.items():
                taken[count].append(timed(client, tasks))
        for client in clients.values():
            client.close()
    pairs = list(zip(taken[1], taken[2], strict=True))
    return {
        "tasks": len(tasks),
        "seconds, one worker": spread([wall for wall, _ in taken[1]]),
        "seconds, two workers": spread([wall for wall, _ in taken[2]]),
        "efficiency, wall": spread([a[0] / (2 * b[0]) for a, b in pairs]),
        "efficiency, processor": spread([a[1] / (2 * b[1]) for a, b in pairs]),
        "processor over wall, one worker": statistics.median(cpu / wall for wall, cpu in taken[1]),
        "processor over wall, two workers": statistics.median(cpu / wall for wall, cpu in taken[2]),
    }


def timed(client: Client, tasks: list[Any]) -> tuple[float, float]:
    """Seconds until the sweep is done, and the processor seconds of the worker that had most of them."""
    before, begin = client.run(time.process_time), time.perf_counter()
    with client.as_current(), parallel_config(backend="dask"), tempfile.TemporaryDirectory() as folder:
        done = sweep(pictures, tasks, save_to=folder, progress=False)
    wall, after = time.perf_counter() - begin, client.run(time.process_time)
    if done.failed:
        raise RuntimeError(f"{len(done.failed)} tasks failed: {done.failed[0].error}")
    return wall, max(after[worker] - before[worker] for worker in after)


def pictures(task: dict[str, int]) -> dict[str, Any]:
    """Twelve feature visualisations of `pocket`."""
    import torch

    from course_utils import load_classifier
    from course_utils.vision import visualize

    torch.set_num_threads(1)
    net = load_classifier("pocket")
    wanted = [f"logits:{name}" for name in net.classes]
    found = visualize(net, wanted, steps=task["steps"], seed=abs(task["seed"]), progress=False)
    return {"images": found.images, "activation": found.activation}


def pin(client: Client) -> None:
    """A core of its own for each worker, where the system can do that."""
    cores = sorted(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else []
    for number, worker in enumerate(sorted(client.scheduler_info()["workers"])):
        if cores:
            client.run(bind, cores[number % len(cores)], workers=[worker])


def bind(core: int) -> None:
    import psutil

    psutil.Process().cpu_affinity([core])
