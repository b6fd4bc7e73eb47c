"""The commands of kernels -> kernels forked by a nursery; see `nursery` for why and how.

Everything here happens in the runner. Whatever prevents a fork (another system than Linux, a
nursery that was killed or refuses) leads to an ordinary kernel, started by Jupyter.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dedup_nb.library import safe_path
from dedup_nb.session import notebooks
from dedup_nb.session.nursery import MOST_BYTES, WITHOUT_THREADS

CAN_FORK = sys.platform.startswith("linux") and hasattr(os, "pidfd_open")
LAUNCHER = ["-m", "ipykernel_launcher"]
LONGEST_S = 60  # until a nursery answers, which imports before it does
LONGEST_END_S = 5  # until it has ended, which ends when its kernels have


class Nursery:
    """Starts a nursery and asks it for kernels; it is importing while the runner goes on.

    Raises
    ------
    OSError
        If it cannot be started.
    """

    def __init__(self) -> None:
        self.lock, self.closed = threading.Lock(), False
        self.connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        lifeline, self.lifeline = os.pipe()
        environment = safe_path.environment() | WITHOUT_THREADS
        environment.pop("JPY_PARENT_PID", None)  # kernels would end with the nursery
        handed = [theirs.fileno(), lifeline]
        module = "dedup_nb.session.nursery"
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", module, *map(str, handed)],
                pass_fds=handed,
                stdin=subprocess.DEVNULL,
                env=environment,
                cwd=notebooks.notebooks_folder(),
                start_new_session=True,  # an interrupt at the terminal is for the runner
            )
        except OSError:
            self._let_go()
            raise
        finally:
            theirs.close()
            os.close(lifeline)
        self.connection.settimeout(LONGEST_S)

    def kernel(self, command: Sequence[str], env: Mapping[str, str], cwd: str | None) -> Kernel:
        """Fork a kernel.

        Raises
        ------
        OSError
            If the nursery has ended, does not answer or refuses; it is not asked again.
        """
        asked = {"command": list(command), "env": dict(env), "cwd": cwd and str(cwd)}
        with self.lock:
            try:
                self.connection.send(json.dumps(asked).encode())
                answer, descriptors, _, _ = socket.recv_fds(self.connection, MOST_BYTES, 1)
                if not descriptors:
                    raise OSError("the process that forks kernels has ended, or refuses")
            except OSError:
                self.connection.close()
                raise
        return Kernel(int(answer), descriptors[0])

    def close(self) -> None:
        """End the nursery, and whatever is left of its kernels."""
        if not self.closed:
            self.closed = True
            self._let_go()
            try:
                self.process.wait(LONGEST_END_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def _let_go(self) -> None:
        self.connection.close()
        os.close(self.lifeline)


class Kernel:
    """A forked kernel, with the methods of `Popen` that Jupyter calls."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid, self.descriptor = pid, descriptor
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return 0 once it has ended, else None; how it ended is not known."""
        return self.wait(0)

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until it has ended; return 0 if it has, else None."""
        if self.returncode is None and select.select([self.descriptor], [], [], timeout)[0]:
            self.returncode = 0
            os.close(self.descriptor)
        return self.returncode

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
    """Return the class of Jupyter's kernel managers whose kernels a nursery forks."""
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_client.provisioning.local_provisioner import LocalProvisioner

    class Provisioner(LocalProvisioner):
        async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
            if Path(cmd[0]) == Path(sys.executable) and cmd[1:3] == LAUNCHER:
                env = kwargs.get("env") or os.environ
                with contextlib.suppress(OSError):
                    kernel: Any = nursery.kernel(cmd, env, kwargs.get("cwd"))
                    self.process, self.pid, self.pgid = kernel, kernel.pid, kernel.pid
                    return self.connection_info
            if nursery.closed:
                raise OSError("the run has ended")
            return await super().launch_kernel(cmd, **kwargs)

    class Manager(AsyncKernelManager):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.kernel_id = str(uuid.uuid4())
            self.provisioner = Provisioner(
                parent=self, kernel_id=self.kernel_id, kernel_spec=self.kernel_spec
            )

    return Manager
