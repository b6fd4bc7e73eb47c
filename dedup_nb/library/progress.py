"""Progress counts -> plain lines every few seconds, for terminals, notebooks and logs."""

from __future__ import annotations

import sys

from tqdm import tqdm

tqdm.monitor_interval = 0  # plain lines do not need tqdm's monitor thread


class _Lines:
    """Prints each update of tqdm, which would overwrite one line, as a line of its own."""

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
        What was done to each item: `decoded`.
    every_s : float
        Seconds between two lines; shorter work prints nothing.
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
        """Report the number of items done and the total."""
        self.bar.total = total
        self.bar.update(done - self.bar.n)
