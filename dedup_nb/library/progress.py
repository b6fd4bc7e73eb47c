"""Progress as plain lines, a few seconds apart: readable in a terminal, a notebook and a log."""

from __future__ import annotations

import sys

from tqdm import tqdm

tqdm.monitor_interval = 0  # a thread of tqdm's own is not needed for lines


class _Lines:
    """Takes what tqdm draws over and over in one line, and prints a line of its own for each."""

    def write(self, text: str) -> None:
        if line := text.strip("\r\n "):
            print(line, flush=True)

    def flush(self) -> None:
        sys.stdout.flush()


class Ticker:
    """Progress of one piece of work.

    Parameters
    ----------
    what : str
        What is done to each thing, in the past: `decoded`.
    every_s : float
        Seconds between two lines; work that is done sooner prints none.
    """

    def __init__(self, what: str, every_s: float = 3.0) -> None:
        self.bar = tqdm(
            desc=what,
            file=_Lines(),
            delay=every_s,
            mininterval=every_s,
            miniters=0,
            leave=False,
            bar_format="{desc} {n:,} of {total:,}, {rate_fmt}",
            unit="",
        )

    def __call__(self, done: int, total: int) -> None:
        """Tell how much is done, and of how much."""
        self.bar.total = total
        self.bar.update(done - self.bar.n)
