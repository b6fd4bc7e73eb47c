"""An interrupt (Stop, Ctrl-C) -> a flag that staging checks between two bundles."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def flagged_interrupts() -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether an interrupt arrived; then restore the handler.

    Outside the main thread no interrupt arrives, and the function always returns False.
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
