"""A process that has imported what notebooks need -> a fresh kernel for each, forked from it.

    python -m dedup_nb.session.nursery CONNECTION LIFELINE

A kernel that starts from nothing spends most of its CPU time on imports; here they are made once
for all notebooks of a run. Kernels are as separate as ever: each is a process of its own with a
namespace of its own.

Forking is safe as long as no other thread exists and no library for parallel loops was used, since
their threads are not forked with the process and a kernel would wait for them forever. So this
process is not a fork of the runner, whose past is unknown: it is executed anew, imports, and does
nothing else. Before each fork it counts its threads, those of native libraries too, and refuses if
there is another one. `forked` is the other end.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from typing import Any

# what every kernel imports, and every finder; all else is imported by the notebook that needs it,
# faiss and scikit-learn among it, which load OpenMP
MODULES = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.zmqshell",
    "dedup_nb.session.workbench",
    "dedup_nb.finders.hamming",
    "dedup_nb.finders.phash",
    "dedup_nb.groups.loops",
    "dedup_nb.widgets.tuning",
    "dedup_nb.widgets.labelling",
    "matplotlib.backends.backend_agg",
    "threadpoolctl",
)
# no library starts threads when it is imported: neither the linear algebra of NumPy, SciPy and
# OpenCV, nor the allocator of Arrow
WITHOUT_THREADS = {
    "OPENBLAS_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}
OF_BLAS = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")  # who OpenBLAS obeys
MOST_BYTES = 2**20  # of the environment and the arguments of a kernel
REFUSED = b"refused"  # the answer of a nursery that may not fork


def main() -> None:
    """Import, then fork a kernel for each message, until the runner closes the connection."""
    descriptor, lifeline = map(int, sys.argv[1:])
    for inherited in (descriptor, lifeline):
        os.set_inheritable(inherited, False)  # not by the processes that kernels start
    connection = socket.socket(fileno=descriptor)
    for name in MODULES:
        importlib.import_module(name)
    _set_up_numba()
    gc.collect()
    gc.freeze()  # the collector would otherwise write to, and so copy, what kernels share
    if (asked := _tend(connection)) is not None:
        _be_kernel(asked, lifeline)


def _set_up_numba() -> None:
    """Call a compiled function without a loop to run: numba sets itself up at the first call."""
    import numpy as np

    from dedup_nb.groups.unions import unite

    none = np.zeros(0, np.int64)
    unite(0, none, none)


def _tend(connection: socket.socket) -> dict[str, Any] | None:
    """Answer messages; return None when the runner has ended, and in each kernel its message."""
    while message := connection.recv(MOST_BYTES):
        _reap(os.WNOHANG)
        try:
            if len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208 -- threads, not files
                raise OSError("it has more than one thread")
            pid = os.fork()
        except OSError:
            connection.send(REFUSED)
            continue
        if not pid:
            connection.close()
            asked: dict[str, Any] = json.loads(message)
            return asked
        kernel = os.pidfd_open(pid)  # it is not reaped yet, so this is no other process
        socket.send_fds(connection, [str(pid).encode()], [kernel])
        os.close(kernel)
    _reap()  # all: they end with the runner too, and their CPU time counts as ours
    return None


def _reap(options: int = 0) -> None:
    """Take note of kernels that have ended, so that their numbers are free again."""
    with contextlib.suppress(ChildProcessError):  # there is none left
        while os.waitpid(-1, options)[0]:
            pass


def _be_kernel(asked: Mapping[str, Any], lifeline: int) -> None:
    """Become what the command of a kernel would have started."""
    import numpy as np
    from ipykernel import kernelapp

    os.setsid()
    os.environ.clear()
    os.environ.update(asked["env"])
    if asked["cwd"]:
        os.chdir(asked["cwd"])
    np.random.seed()
    _allow_threads()
    threading.Thread(target=_end_with_runner, args=[lifeline], daemon=True).start()
    command: list[str] = asked["command"]
    sys.argv = command[2:]
    kernelapp.launch_new_instance(argv=command[3:])


def _allow_threads() -> None:
    """Give linear algebra as many threads as it would have taken when it was imported."""
    import threadpoolctl

    named = [os.environ[name] for name in OF_BLAS if os.environ.get(name, "").isdigit()]
    most = int(named[0]) if named else 0
    blas = threadpoolctl.ThreadpoolController().select(internal_api="openblas")
    blas.limit(limits=most or len(os.sched_getaffinity(0)))


def _end_with_runner(lifeline: int) -> None:
    """End this kernel when the runner, the only one that holds the other end, has ended."""
    os.read(lifeline, 1)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
