"""Stop, asked for with an interrupt, becomes a flag that is looked at between two bundles."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def flagged_interrupts() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether an interrupt came; the handler is put back after.

    Outside the main thread interrupts are never delivered, and the function stays false.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return

    def remember(_signal: int, _frame: FrameType | None) -> None:
        asked.set()

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)
