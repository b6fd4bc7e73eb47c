"""Progress for people: lines that read well in a terminal, in a notebook and in a log."""

from __future__ import annotations

import sys
import time


class Ticker:
    """Progress as plain lines, a few seconds apart: readable in a terminal and in a notebook."""

    def __init__(self, what: str, every_s: float = 3.0) -> None:
        self.what, self.every_s = what, every_s
        self.begun = self.told = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.told < self.every_s:
            return
        self.told = now
        rate = done / (now - self.begun)
        print(f"{self.what} {done:,} of {total:,}, {rate:,.0f} a second", flush=True)
        sys.stdout.flush()
