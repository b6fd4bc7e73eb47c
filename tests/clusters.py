"""Clusters of Dask for tests: of processes, or in this process."""

import contextlib

import psutil
from distributed import LocalCluster

OPTIONS = {"threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": 50}  # fmt: skip


@contextlib.contextmanager
def cluster(workers):
    """A cluster of worker processes; none of them is left afterwards."""
    before = spawned()
    with LocalCluster(n_workers=workers, **OPTIONS) as made:
        made.wait_for_workers(workers)
        yield made
    assert spawned() <= before


@contextlib.contextmanager
def cluster_in_this_process(protocol="tcp"):
    """A cluster of one worker without a process of its own."""
    with LocalCluster(n_workers=1, processes=False, protocol=protocol, **OPTIONS) as made:
        made.wait_for_workers(1)
        yield made


def spawned():
    """The processes below this one that are workers of a cluster."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and "spawn_main" in " ".join(process.cmdline()):  # fmt: skip
                found.add(process.pid)
    return found
