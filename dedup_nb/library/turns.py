"""Notebooks at work at once -> turns at what they share: decoder processes, and work on one thing.

The runner of several notebooks makes a folder and names it in the environment; what is held is a
lock on a file in it, so that a process that is killed gives back what it had. Without that folder,
as in JupyterLab, everything is free at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

FOLDER = "DEDUP_NB_TURNS"  # the variable of the environment
POLL_S = 0.02

_held = threading.local()


@contextlib.contextmanager
def shared() -> Iterator[None]:
    """Let all processes started in the block take turns."""
    with tempfile.TemporaryDirectory(prefix="dedup-nb-", ignore_cleanup_errors=True) as folder:
        before = os.environ.get(FOLDER)
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[FOLDER]
            else:
                os.environ[FOLDER] = before


@contextlib.contextmanager
def at(what: str) -> Iterator[bool]:
    """Wait until no other process does this, and do it; yield whether others may have done it.

    A thread that has its turn may ask again.
    """
    holding: set[str] = _held.__dict__.setdefault("what", set())
    descriptor = None if what in holding else _opened(what)
    if descriptor is None:
        yield what not in holding and FOLDER in os.environ
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        holding.add(what)
        yield True
    finally:
        holding.discard(what)
        os.close(descriptor)


class Slots:
    """What this process holds of the decoders that all notebooks share, one a core.

    A process that needs decoders waits for one at least; it takes more only if they are free.
    """

    _of_process = 0  # slots of all calls of this process: an inner call must not wait for an outer
    _guard = threading.Lock()

    def __init__(self, most: int) -> None:
        self.total = most
        self.descriptors: list[int] = []
        self.unbound = FOLDER not in os.environ

    def take(self, wanted: int) -> int:
        """Take slots up to this number; return how many processes may be at work."""
        if self.unbound:
            return wanted
        while len(self.descriptors) < min(wanted, self.total):
            if (slot := self._free()) is not None:
                self.descriptors.append(slot)
                with Slots._guard:
                    Slots._of_process += 1
            elif self.descriptors:
                break
            elif Slots._of_process:  # an outer call of this process has some
                return 1
            else:
                time.sleep(POLL_S)
        return max(1, len(self.descriptors))

    def _free(self) -> int | None:
        for number in range(self.total):
            descriptor = _opened(f"decoder-{number}")
            if descriptor is None:
                self.unbound = True
                return None
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            return descriptor
        return None

    def give_back(self) -> None:
        """Let others have them."""
        for descriptor in self.descriptors:
            os.close(descriptor)
        with Slots._guard:
            Slots._of_process -= len(self.descriptors)
        self.descriptors = []


def _opened(what: str) -> int | None:
    """Return a file to lock, or None if nothing is shared or the folder is gone."""
    if not (folder := os.environ.get(FOLDER)):
        return None
    try:
        return os.open(Path(folder, what), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
