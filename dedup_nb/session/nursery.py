"""A process that has imported what notebooks need -> a fresh kernel for each, forked from it.

A kernel that starts from nothing spends 2 of its CPU seconds on imports. Here they are made once
for all notebooks of a run: the runner forks the nursery before it has threads, the nursery imports
what is still missing and then forks a kernel whenever one is asked for. Kernels are as separate as
ever: each is a process of its own with a namespace of its own.

The nursery has no threads, has opened nothing and computes nothing, so that forking it is safe;
where that cannot be known (another system than Linux, or a runner with threads) kernels are started
in the usual way. It ends with the runner, and kernels end with it.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

# what every kernel imports, and every finder; all else is imported by the notebook that needs it
MODULES = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.zmqshell",
    "dedup_nb.session.workbench",
    "dedup_nb.finders.phash",
    "dedup_nb.widgets.tuning",
    "dedup_nb.widgets.labelling",
)
LAUNCHER = ["-m", "ipykernel_launcher"]
MOST_BYTES = 2**20  # of the environment and the arguments of a kernel


def is_safe() -> bool:
    """Return whether this process may be forked: on Linux, and without any other thread."""
    if not sys.platform.startswith("linux") or not hasattr(os, "pidfd_open"):
        return False
    return threading.active_count() == 1


class Nursery:
    """Forks kernels; see the module.

    Raises
    ------
    OSError
        If it cannot be forked.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if not self.pid:
            _ended_after(_tend, theirs)
        theirs.close()
        self.connection = ours
        self.lock = threading.Lock()

    def start(self, command: Sequence[str], env: Mapping[str, str], cwd: str | None) -> Kernel:
        """Fork a kernel.

        Raises
        ------
        OSError
            If the nursery has ended.
        """
        asked = json.dumps({"argv": list(command), "env": dict(env), "cwd": cwd}).encode()
        with self.lock:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MOST_BYTES)
            self.connection.send(asked)
            data, descriptors, _, _ = socket.recv_fds(self.connection, 64, 1)
        if not data or not descriptors:
            raise OSError("the process that starts kernels has ended")
        return Kernel(int(data), descriptors[0])

    def close(self) -> None:
        """End the nursery and what is left of its kernels."""
        self.connection.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


class Kernel:
    """A forked kernel, with the methods of `Popen` that Jupyter calls."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid, self.descriptor = pid, descriptor
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return 0 once it has ended, else None; how it ended is not known."""
        if self.returncode is None and select.select([self.descriptor], [], [], 0)[0]:
            self._is_gone()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until it has ended."""
        if self.returncode is None and select.select([self.descriptor], [], [], timeout)[0]:
            self._is_gone()
        return self.returncode

    def _is_gone(self) -> None:
        self.returncode = 0
        os.close(self.descriptor)

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.descriptor, number)  # type: ignore[attr-defined]

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


def manager_class(nursery: Nursery) -> Any:
    """Return the class of Jupyter's kernel managers whose kernels this nursery starts."""
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_client.provisioning.local_provisioner import LocalProvisioner

    class Provisioner(LocalProvisioner):  # type: ignore[misc]
        async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
            if Path(cmd[0]) != Path(sys.executable) or cmd[1:3] != LAUNCHER:
                return await super().launch_kernel(cmd, **kwargs)
            env = kwargs.get("env") or os.environ
            kernel: Any = nursery.start(cmd, env, kwargs.get("cwd"))
            self.process, self.pid, self.pgid = kernel, kernel.pid, kernel.pid
            return self.connection_info

    class Manager(AsyncKernelManager):  # type: ignore[misc]
        async def _async_pre_start_kernel(self, **kwargs: Any) -> Any:
            if self.provisioner is None:
                self.provisioner = Provisioner(
                    parent=self, kernel_id=self.kernel_id, kernel_spec=self.kernel_spec
                )
            return await super()._async_pre_start_kernel(**kwargs)

    return Manager


# ---------------------------------------------------------------- in the nursery and in kernels


def _ended_after(work: Any, *given: Any) -> NoReturn:
    """Do some work in a forked process and end it, without the rest of the runner's program."""
    status = 1
    try:
        work(*given)
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 0
    except BaseException:
        with contextlib.suppress(Exception):
            sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _tend(connection: socket.socket) -> None:
    """Fork a kernel for each message, until the runner closes the connection."""
    os.setsid()  # an interrupt at the terminal is for the runner
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    atexit._clear()  # what the runner does when it ends
    _without_descriptors(connection.fileno())
    _import()
    gc.collect()
    gc.freeze()  # the collector would otherwise write to, and so copy, what kernels share
    kernels: dict[int, int] = {}  # descriptor -> number of the process
    while True:
        for ended in select.select([connection.fileno(), *kernels], [], [])[0]:
            if ended != connection.fileno():
                os.waitpid(kernels.pop(ended), 0)
                os.close(ended)
            elif asked := connection.recv(MOST_BYTES):
                descriptor, pid = _forked(connection, kernels, json.loads(asked))
                kernels[descriptor] = pid
                socket.send_fds(connection, [str(pid).encode()], [descriptor])
            else:  # the runner has ended
                for descriptor in kernels:
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)  # type: ignore[attr-defined]
                return


def _forked(
    connection: socket.socket, kernels: Mapping[int, int], asked: dict[str, Any]
) -> tuple[int, int]:
    pid = os.fork()
    if not pid:
        connection.close()
        for descriptor in kernels:
            os.close(descriptor)
        _ended_after(_become_kernel, asked)
    return os.pidfd_open(pid), pid


def _without_descriptors(kept: int) -> None:
    """Close what the runner has open, such as the file that tells that it is at work."""
    for number in [int(path.name) for path in Path("/proc/self/fd").iterdir()]:
        if number > 2 and number != kept:
            with contextlib.suppress(OSError):
                os.close(number)


def _import() -> None:
    for name in MODULES:
        importlib.import_module(name)
    import numpy as np
    from matplotlib.backends import backend_agg  # noqa: F401  # charts are drawn with it

    from dedup_nb.groups.unions import unite

    none = np.zeros(0, np.int64)
    unite(1, none, none)  # numba sets itself up at the first call


def _become_kernel(asked: dict[str, Any]) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    command = asked["argv"]
    os.environ.clear()
    os.environ.update(asked["env"])
    os.environ["JPY_PARENT_PID"] = str(os.getppid())
    if asked["cwd"]:
        os.chdir(asked["cwd"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    scripts = Path(sys.argv[0]).absolute().parent
    if sys.path and Path(sys.path[0]) == scripts:  # that of `dedup-nb`; a kernel has none
        del sys.path[0]
    sys.argv = command[2:]
    from ipykernel import kernelapp

    try:
        kernelapp.launch_new_instance(argv=command[3:])
    finally:
        atexit._run_exitfuncs()
