"""Progress counts -> lines with the time left, for terminals, notebooks and logs.

In a terminal and in a notebook a line takes the place of the line before. In a log each line is one
of its own; the longer the work takes, the further they are apart.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TextIO, TypeVar

from dedup_nb.library.quantities import duration_text

T = TypeVar("T")
Progress = Callable[[int, int], None]  # number of items done, and the total
Found = Callable[[int], None]  # number of items so far, where nobody knows the total

EVERY_S = 3.0  # between two lines; shorter work prints nothing
PART = 1 / 20  # of the time that the work has taken: lines are at least so far apart
RECENT_S = 20.0  # the rate is that of this time, or of half the time that the work has taken


def triangle(rows: int, n: int) -> tuple[int, int]:
    """Return how many of the pairs i < j of n items have one of the first `rows` as i, of all."""
    return rows * (2 * n - rows - 1) // 2, n * (n - 1) // 2


class Ticker:
    """Progress of one piece of work; it prints nothing if that is done within moments.

    Parameters
    ----------
    what : str
        What was done to each item: `decoded`.
    every_s : float
        Seconds between two lines, at first.
    stream : file, optional
        Where lines go; standard output by default.
    percent : bool
        Whether items are too many or too odd to be counted: `35 %` instead of `7 of 20`.
    """

    def __init__(
        self,
        what: str,
        every_s: float = EVERY_S,
        stream: TextIO | None = None,
        *,
        percent: bool = False,
    ) -> None:
        self.what, self.every_s, self.stream, self.percent = what, every_s, stream, percent
        self.begun = self.told = time.monotonic()
        self.points: list[tuple[float, int]] = []  # when a line was printed, and items done then
        self.width = 0  # of the line that stands

    def __call__(self, done: int, total: int | None) -> None:
        """Report the number of items done, and the total where it is known."""
        now = time.monotonic()
        if not self.points:
            self.points.append((now, done))  # what was done before, as the cache tells
        if total is not None and done >= total:
            self.close(done)
        elif now - self.told >= max(self.every_s, PART * (now - self.begun)):
            self._tell(f"{self.what} {self._counted(done, total)}{self._left(now, done, total)}")
            self.points.append((now, done))
            self.told = now

    def found(self, done: int) -> None:
        """Report the number of items found so far, where nobody knows the total."""
        self(done, None)

    def close(self, done: int | None = None) -> None:
        """End the line that stands, if there is one, and say how long the work took."""
        if self.width:
            took = duration_text(time.monotonic() - self.begun)
            uncounted = done is None or self.percent
            what = self.what.rstrip(":") if uncounted else f"{self.what} {done:,}"
            self._tell(f"{what} in {took}")
            self._write("\n" if self._in_place else "")
            self.width = 0

    def passing(self, items: Iterable[T], before: int, total: int) -> Iterator[T]:
        """Yield items as they are made, after `before` others of `total`, reporting each."""
        for done, item in enumerate(items, before + 1):
            self(done, total)
            yield item

    def over(self, items: Collection[T]) -> Iterator[T]:
        """Yield items, reporting each when the next is asked for."""
        for done, item in enumerate(items):
            self(done, len(items))
            yield item
        self(len(items), len(items))

    def _counted(self, done: int, total: int | None) -> str:
        if total is None:
            return f"{done:,}"
        return f"{done / total:.0%}" if self.percent else f"{done:,} of {total:,}"

    def _left(self, now: float, done: int, total: int | None) -> str:
        """Return how fast it goes, and how long it will take at that rate."""
        since = now - max(RECENT_S, (now - self.begun) / 2)
        then, before = next((point for point in self.points if point[0] >= since), self.points[-1])
        if now <= then or done <= before:
            return ""
        rate = (done - before) / (now - then)
        fast = "" if self.percent else f", {rate:,.{0 if rate >= 10 else 1}f} a second"
        if total is None:
            return fast
        return f"{fast}, about {duration_text((total - done) / rate)} left"

    # -- lines -----------------------------------------------------------------------------------

    @property
    def _out(self) -> TextIO:
        return self.stream or sys.stdout

    @property
    def _in_place(self) -> bool:
        """Whether a line can take the place of another: in a terminal, and in a notebook."""
        return self._out.isatty() or hasattr(self._out, "pub_thread")  # that of IPython's kernel

    def _tell(self, line: str) -> None:
        self._write(f"\r{line:{self.width}}" if self._in_place else f"{line}\n")
        self.width = len(line)

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
