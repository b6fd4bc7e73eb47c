"""What notebooks print while several are at work -> lines in their order, one after the other.

The first notebook that is not finished is heard live; what the others print waits for their turn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TextIO


class InOrder:
    """Tells what notebooks do, in their order.

    Parameters
    ----------
    names : sequence of str
        The notebooks, in order.
    say : callable
        Takes a line about a notebook.
    stream : file
        Takes what notebooks print.
    """

    def __init__(self, names: Sequence[str], say: Callable[[str], None], stream: TextIO) -> None:
        self.names, self.say, self.stream = list(names), say, stream
        self.lock = threading.RLock()
        self.waiting: dict[str, list[tuple[Callable[[str], Any], str]]] = {n: [] for n in names}
        self.ended: set[str] = set()
        self.first = 0  # the notebook that is heard live

    def begin(self, name: str) -> None:
        """Say that a notebook begins."""
        self._tell(name, self.say, f"{self._head(name)} ...")

    def end(self, name: str, how: str) -> None:
        """Say how a notebook ended, and then what waited for it."""
        with self.lock:
            self._tell(name, self.say, f"{self._head(name)}: {how}")
            self.ended.add(name)
            while self.first < len(self.names) and self.names[self.first] in self.ended:
                self.first += 1
                for tell, text in self._kept():
                    tell(text)

    def of(self, name: str) -> Any:
        """Return a file for what a notebook prints."""
        return _Stream(self, name)

    def _kept(self) -> list[tuple[Callable[[str], Any], str]]:
        if self.first == len(self.names):
            return []
        name = self.names[self.first]
        kept, self.waiting[name] = self.waiting[name], []
        return kept

    def _head(self, name: str) -> str:
        return f"[{self.names.index(name) + 1}/{len(self.names)}] {name}"

    def _tell(self, name: str, tell: Callable[[str], Any], text: str) -> None:
        with self.lock:
            if self.first < len(self.names) and name == self.names[self.first]:
                tell(text)
            else:
                self.waiting[name].append((tell, text))

    def print(self, name: str, text: str) -> None:
        """Pass on what a notebook printed."""
        self._tell(name, self._write, text)

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()


class _Stream:
    def __init__(self, telling: InOrder, name: str) -> None:
        self.telling, self.name = telling, name

    def write(self, text: str) -> None:
        self.telling.print(self.name, text)

    def flush(self) -> None:
        """Do nothing: each text is flushed when it is written."""
