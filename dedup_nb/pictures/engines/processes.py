"""Worker processes as the kernel sees them: started, fed, watched, replaced, reused and ended.

Each is a new interpreter (spawned, never forked, so numeric libraries cannot deadlock) that imports
nothing from the current folder. What it sends is bounded plain data; see `wire`.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dedup_nb
from dedup_nb.library import safe_path
from dedup_nb.pictures.engines.tasks import Item, Task
from dedup_nb.pictures.engines.wire import CHUNK_BYTES, Inbox, Malformed, Message, packed

START_SECONDS = 120.0  # time limit for starting a worker, long enough for a busy machine
IDLE_SECONDS = 60.0  # after which workers that wait for the next call are ended
MOST_RESTING_BYTES = 300 * 2**20  # a worker that holds more memory is not kept for later

# One thread each; glibc keeps freed memory for the next picture, which saves a tenth of the time.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_TOP_PAD_": str(2**25),
}

# Loads the very package that this process uses, wherever it lies, without a path of imports.
PROGRAM = """
import importlib.util, socket, sys
spec = importlib.util.spec_from_file_location("dedup_nb", sys.argv[1])
package = sys.modules["dedup_nb"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
from dedup_nb.pictures.engines.worker import serve
serve(socket.socket(fileno=int(sys.argv[2])))
"""


class Worker:
    """One worker process.

    Attributes
    ----------
    held : deque of (int, Item)
        The items that it was given and has not answered, by position, the current one first.
    started : float
        When it began with the current item.
    died_resting : bool
        Whether it had ended before it was given the current item, which is then not to blame.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = _start(theirs)
        ours.setblocking(False)
        self.connection = ours
        self.held: deque[tuple[int, Item]] = deque()
        self.started = time.monotonic()
        self.ready = self.gone = self.died_resting = False
        self.resident_bytes = 0
        self.unsent = bytearray()
        self.inbox = Inbox(0)
        self.malformed: Malformed | None = None
        self.task: Task | None = None
        self.seconds = 0.0

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self.connection.fileno()

    def begin(self, task: Task, setup: Mapping[str, Any], seconds: float) -> None:
        """Tell it the task of the items that follow."""
        self.task, self.seconds, self.ready = task, seconds, False
        self.inbox = Inbox(task.most_bytes)
        self.started = time.monotonic()
        self._send(
            {
                "task": task.target,
                "setup": setup,
                "seconds": seconds,
                "memory_bytes": task.memory_bytes,
                "asks": task.asks,
            }
        )

    def give(self, position: int, item: Item) -> None:
        """Give it one more item."""
        resting = not self.held
        if resting and self.ready:
            self.started = time.monotonic()
        self.held.append((position, item))
        self._send(item.facts, item.blocks)
        self.died_resting |= resting and self.gone

    def answer(self, item: Item) -> None:
        """Answer its question."""
        self.started = time.monotonic()
        self._send(*item)

    def _send(self, facts: Mapping[str, Any], blocks: Any = ()) -> None:
        self.unsent += packed(facts, blocks)
        self.push()

    def push(self) -> None:
        """Send what it takes at once; what it does not read waits, and stops nothing here."""
        with contextlib.suppress(BlockingIOError):
            try:
                while self.unsent:
                    del self.unsent[: self.connection.send(self.unsent[:CHUNK_BYTES])]
            except ConnectionError:  # the rest shows when reading
                self.gone = True
                self.unsent.clear()

    def pull(self) -> list[Message] | None:
        """Return the messages that have arrived, or None if it has ended.

        Raises
        ------
        Malformed
            If it sent what is no message, once the messages before it were returned.
        """
        if self.malformed is not None:
            raise self.malformed
        try:
            data = self.connection.recv(CHUNK_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            return None
        messages: list[Message] = []
        try:
            messages.extend(self.inbox.feed(data))
        except Malformed as error:
            if not messages:
                raise
            self.malformed = error
        return messages if data else None

    @property
    def busy(self) -> bool:
        """Whether it has something to do."""
        return bool(self.held) or not self.ready

    def late(self) -> bool:
        """Return whether the current item takes longer than allowed."""
        limit = self.seconds if self.ready else START_SECONDS
        return time.monotonic() - self.started > limit

    def last_words(self) -> str:
        """Return how it ended: `crashed (signal 11)`."""
        try:
            code = self.process.wait(5)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        return f"crashed ({f'signal {-code}' if code < 0 else f'exit status {code}'})"

    def end(self) -> None:
        """End it at once."""
        self.connection.close()
        self.process.kill()
        self.process.wait()


def _start(theirs: socket.socket) -> subprocess.Popen[bytes]:
    number = str(theirs.fileno())
    # an interrupt during the start is not for it; a process inherits which signals are blocked
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", PROGRAM, str(Path(dedup_nb.__file__)), number],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=os.sep,  # libraries read files of settings from the current folder
            env=safe_path.environment() | ENVIRONMENT,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Pool:
    """Workers that wait for the next call; they end when idle for long, and with this process."""

    def __init__(self) -> None:
        self._resting: list[Worker] = []
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None
        self._owner = os.getpid()
        atexit.register(self.close)

    def __len__(self) -> int:
        return len(self._resting)

    def take(self) -> Worker | None:
        """Return a worker that waits, or None."""
        with self._lock:
            while self._resting:
                worker = self._resting.pop()
                if worker.process.poll() is None and os.getpid() == self._owner:
                    return worker
                worker.connection.close()
        return None

    def put(self, worker: Worker) -> None:
        """Keep a worker for the next call, unless it is busy or has become large."""
        kept_bytes = MOST_RESTING_BYTES + (worker.task.keeps_bytes if worker.task else 0)
        if worker.busy or worker.unsent or worker.resident_bytes > kept_bytes:
            worker.end()
            return
        with self._lock:
            if self._owner != os.getpid():  # forked: what waits belongs to the other process
                self._resting, self._timer, self._owner = [], None, os.getpid()
            self._resting.append(worker)
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(IDLE_SECONDS, self.close)
            self._timer.daemon = True
            self._timer.start()

    def close(self) -> None:
        """End all workers that wait."""
        with self._lock:
            resting, self._resting = self._resting, []
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        if os.getpid() == self._owner:
            for worker in resting:
                worker.end()


POOL = Pool()
