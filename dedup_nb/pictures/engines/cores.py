"""How many cores the current piece of work may use: all, or those of one worker of a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_most: ContextVar[int | None] = ContextVar("most", default=None)


def count() -> int:
    """Return the number of cores that the current piece of work may use."""
    return _most.get() or os.cpu_count() or 1


@contextmanager
def at_most(number: int) -> Iterator[None]:
    """Use at most so many cores inside the block, in loops of numba and in BLAS too."""
    import numba
    from threadpoolctl import threadpool_limits

    before = numba.get_num_threads()
    token = _most.set(number)
    numba.set_num_threads(min(number, numba.config.NUMBA_NUM_THREADS))
    try:
        with threadpool_limits(number):
            yield
    finally:
        numba.set_num_threads(before)
        _most.reset(token)
