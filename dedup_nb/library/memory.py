"""Keeps Python's garbage collector from costing more the more there is."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 1_000_000  # objects, of which those that nobody needs take much memory


@contextmanager
def uncollected() -> Iterator[None]:
    """Disable the garbage collector while very many records without cycles are created.

    It would otherwise traverse all of them, and all imported modules, again and again.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextmanager
def settled() -> Iterator[None]:
    """Let the garbage collector pass over all that exists now, such as a plan of a million rows.

    It would otherwise traverse all of it now and then, though nothing of it becomes free.
    """
    gc.freeze()
    try:
        yield
    finally:
        many = gc.get_freeze_count() > MANY
        gc.unfreeze()
        if many:
            gc.collect()  # or what became free meanwhile would stay until much more does
