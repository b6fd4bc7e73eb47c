"""A cluster of this machine: of one process, or of all notebooks that a command runs.

It is encrypted, listens on loopback only, and has a process for each core. A command that runs
several notebooks has one in a process of its own, and names a file with its address and
certificates in the environment; only the same user can read it. The cluster ends with the command.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dedup_nb.library import safe_path
from dedup_nb.library.quantities import count
from dedup_nb.library.tables import short
from dedup_nb.pictures.engines.dispatch import EngineError

if TYPE_CHECKING:
    from distributed import LocalCluster, Security

FILE = "DEDUP_NB_CLUSTER"  # the variable of the environment
START_SECONDS = 120.0  # for the workers of this machine, long enough if it is busy
CLOSE_SECONDS = 10.0
MATERIAL = ("tls_ca_file", "tls_client_cert", "tls_client_key")  # what a client needs, as text
PROGRAM = "from dedup_nb.pictures.engines.by_dask import own; own.serve()"


def started() -> LocalCluster:
    """Start a cluster on this machine.

    Raises
    ------
    EngineError
        If its workers do not start.
    """
    from distributed import LocalCluster, Security

    made: LocalCluster | None = None
    try:
        made = LocalCluster(
            n_workers=os.cpu_count() or 1,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            security=Security.temporary(),
            silence_logs=logging.CRITICAL,
            env={safe_path.SAFE: "1", "NUMBA_NUM_THREADS": "1"},
        )
        made.wait_for_workers(len(made.worker_spec), timeout=START_SECONDS)
    except (OSError, RuntimeError, ValueError) as error:
        closed(made)
        raise _failure(str(error) or type(error).__name__) from error
    except BaseException:
        closed(made)
        raise
    return made


def closed(cluster: LocalCluster | None) -> None:
    """End a cluster, which may have died already."""
    with contextlib.suppress(Exception):
        if cluster is not None:
            cluster.close(timeout=CLOSE_SECONDS)


def described(workers: int, threads: int, address: str, dashboard: str) -> str:
    """Return a sentence: how many workers there are, where, and the dashboard."""
    text = f"Dask: {count(workers, 'worker')}, {count(threads, 'thread')}, at {address}"
    try:
        importlib.metadata.version("bokeh")
    except importlib.metadata.PackageNotFoundError:
        return f"{text}; to see its dashboard, run: pip install bokeh"
    return f"{text}; dashboard: {dashboard}" if dashboard else text


def _failure(why: str) -> EngineError:
    return EngineError(f"no Dask cluster can be started on this machine ({short(why)})")


# -- one for all notebooks of a command ------------------------------------------------------------


@contextlib.contextmanager
def shared(say: Callable[[str], None]) -> Iterator[None]:
    """Let all processes started in the block use one cluster of this machine.

    Raises
    ------
    EngineError
        If it cannot be started.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=os.sep,
        env=safe_path.environment(),
        text=True,
    )
    before = os.environ.get(FILE)
    try:
        with tempfile.TemporaryDirectory(prefix="dedup-nb-", ignore_cleanup_errors=True) as folder:
            told = _told(process)
            say(told.pop("described"))
            file = Path(folder, "cluster.json")
            with open(file, "x", opener=_for_us_alone) as stream:
                json.dump(told, stream)
            os.environ[FILE] = str(file)
            yield
        _ended(process)
    finally:
        os.environ.pop(FILE, None)
        if before is not None:
            os.environ[FILE] = before
        process.kill()  # its workers end with it
        process.communicate()


def _told(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what the process of the cluster says once it has started."""
    assert process.stdout is not None
    line = process.stdout.readline()
    told: dict[str, Any] = json.loads(line) if line else {"error": "its process ended"}
    if "error" in told:
        raise _failure(told["error"])
    return told


def _ended(process: subprocess.Popen[str]) -> None:
    """Tell the process of the cluster to close it, and wait for it."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=2 * CLOSE_SECONDS)


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def of_this_run() -> tuple[str, Security] | None:
    """Return address and certificates of the cluster that a command shares, or None."""
    from distributed import Security

    if not (file := os.environ.get(FILE)):
        return None
    try:
        content = json.loads(Path(file).read_text())
    except FileNotFoundError:  # that command has ended
        return None
    return content["address"], Security(require_encryption=True, **content["security"])


def serve() -> None:
    """Have a cluster until standard input ends; say on standard output how to reach it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is meant for the command
    try:
        cluster = started()
    except EngineError as error:
        print(json.dumps({"error": str(error.__cause__ or error)}), flush=True)
        return
    n = len(cluster.worker_spec)
    told = {
        "described": described(n, n, cluster.scheduler_address, cluster.dashboard_link),
        "address": cluster.scheduler_address,
        "security": {name: getattr(cluster.security, name) for name in MATERIAL},
    }
    print(json.dumps(told), flush=True)
    sys.stdin.read()
    closed(cluster)
