"""The process that carries out tasks: messages of the kernel -> results, one item after another.

`processes` starts it. It ends when the kernel does, since their connection closes, and an alarm
ends it if it hangs when nobody watches any more.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import re
import resource
import signal
import socket
import time
import warnings
from collections.abc import Callable
from typing import Any

from dedup_nb.pictures.engines.tasks import MOST_MEMORY_BYTES, Item
from dedup_nb.pictures.engines.wire import Line, Message

PACKAGE = "dedup_nb."
MOST_CHARS = 300  # of a reason
LOOK_SECONDS = 0.05
ALARM_SECONDS = 30.0  # beyond the time limit, by which the kernel has long ended a process


def serve(connection: socket.socket) -> None:
    """Carry out items until the kernel closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is meant for the kernel
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process, whatever it is doing
    warnings.simplefilter("ignore")
    limit_memory(MOST_MEMORY_BYTES, MOST_MEMORY_BYTES)
    line = Line(connection)
    job: _Job | None = None
    while (message := line.receive()) is not None:
        if "task" in message.facts:
            try:
                job = _Job(line, **message.facts)
            except Exception as error:
                line.send({"broken": _reason(error, 0)})
                return
            line.send({"ready": True})
        elif job is not None:
            job.carry_out(message)


def limit_memory(most_bytes: int, largest: int | None = None) -> None:
    """Limit the address space of this process, on systems that can."""
    kind = getattr(resource, "RLIMIT_AS", None)
    if kind is not None:
        hard = resource.getrlimit(kind)[1] if largest is None else largest
        allowed = resource.getrlimit(kind)[1]
        hard = hard if allowed == resource.RLIM_INFINITY else min(hard, allowed)
        resource.setrlimit(kind, (min(most_bytes, hard), hard))


class _Job:
    """A task with what all its items have in common."""

    def __init__(
        self, line: Line, task: str, setup: dict[str, Any], seconds: float, memory_bytes: int,
        asks: bool,
    ) -> None:  # fmt: skip
        self.line, self.setup, self.seconds = line, setup, seconds
        self.memory_bytes, self.asks, self.resident = memory_bytes, asks, _Resident()
        module, _, function = task.partition(":")
        if not module.startswith(PACKAGE):
            raise ValueError(f"{task} is not a part of dedup_nb")
        self.function: Callable[..., Item] = getattr(importlib.import_module(module), function)
        limit_memory(memory_bytes)

    def carry_out(self, message: Message) -> None:
        """Carry out one item, and send its result or why there is none."""
        item = Item(self.setup | message.facts, message.blocks)
        self._alarm(True)
        try:
            made = self.function(item, self._ask) if self.asks else self.function(item)
            self._alarm(False)
            self.line.send({"done": made.facts, **self.resident.told()}, made.blocks)
        except Exception as error:  # decoders raise anything on malformed files
            self._alarm(False)
            self.line.send({"failed": _reason(error, self.memory_bytes), **self.resident.told()})

    def _ask(self, item: Item) -> Item:
        self._alarm(False)
        self.line.send({"ask": item.facts}, item.blocks)
        answer = self.line.receive()
        if answer is None:  # the kernel is gone
            raise SystemExit(0)
        self._alarm(True)
        return Item(*answer)

    def _alarm(self, on: bool) -> None:
        signal.setitimer(signal.ITIMER_REAL, self.seconds + ALARM_SECONDS if on else 0)


class _Resident:
    """How much memory this process holds, looked up now and then."""

    def __init__(self) -> None:
        self.looked, self.bytes = -math.inf, 0

    def told(self) -> dict[str, int]:
        if time.monotonic() - self.looked > LOOK_SECONDS:
            self.looked = time.monotonic()
            with contextlib.suppress(OSError), open("/proc/self/statm", "rb") as file:
                self.bytes = int(file.read().split()[1]) * resource.getpagesize()
        return {"resident_bytes": self.bytes}


def _reason(error: Exception, memory_bytes: int) -> str:
    if isinstance(error, MemoryError) or "Insufficient memory" in str(error):  # OpenCV's words
        return f"needs more memory than the {math.ceil(memory_bytes / 2**20):,} MB allowed"
    text = re.sub(r" at 0x[0-9a-f]+", "", str(error))  # memory addresses vary between runs
    kind = "" if isinstance(error, ValueError) and text else f"{type(error).__name__}: "
    return f"{kind}{text}".strip(": ")[:MOST_CHARS]
