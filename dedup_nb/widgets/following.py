"""Decisions made elsewhere, in another notebook or below in this one -> a call that shows them."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

from dedup_nb.groups.decisions import Decisions

EACH_S = 0.5  # between two looks at the file


class Follower:
    """Watches a file of decisions, from a thread of its own, while its owner is in use.

    Only the one that was started last watches, as only the last gallery of a notebook is in sight.

    Parameters
    ----------
    decisions : Decisions
        The live decisions.
    act : bound method
        Called in the thread when there are decisions that `seen` was not told of. Its object is not
        kept alive.
    lock : RLock
        Held while decisions are read and during the call.
    """

    _last: Follower | None = None

    def __init__(
        self, decisions: Decisions, act: Callable[[], None], lock: threading.RLock
    ) -> None:
        self.decisions, self.lock = decisions, lock
        self._act = weakref.WeakMethod(act)
        self._ended = threading.Event()
        self._size = -1
        self.seen()

    def seen(self) -> None:
        """Note that all decisions that were read are shown."""
        self._read = self.decisions.lines

    def start(self) -> None:
        """Begin to watch; the thread ends with the kernel, or when its owner is gone."""
        if Follower._last is not None:
            Follower._last.stop()
        Follower._last = self
        threading.Thread(target=self._watch, daemon=True, name="decisions").start()

    def stop(self) -> None:
        """End watching."""
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(EACH_S) and self._act() is not None:
            self.look()

    def look(self) -> bool:
        """Look once: call if there are other decisions than those seen; return whether it did."""
        path = self.decisions.path
        try:
            size = path.stat().st_size if path is not None else 0
        except OSError:  # none was made yet, or its disk is gone
            return False
        if size == self._size:
            return False
        self._size = size
        with self.lock:
            act = self._act()
            try:
                self.decisions.refresh()
            except (OSError, ValueError):  # the next decision will say so
                return False
            if act is None or self.decisions.lines == self._read:
                return False
            self.seen()
            act()
            return True
