"""Papermill and the kernels that it executes notebooks in."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import ModuleType


def end() -> None:
    """End all kernels at once, as after an interrupt; their notebooks can be run again."""
    import psutil

    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)


def imported() -> ModuleType:
    """Return papermill, imported without a grammar that takes most of the time and is never used.

    `jsonschema` imports `rfc3987_syntax`, if it is installed, to check addresses of a format that
    notebooks do not have; the package compiles its grammars when it is imported.
    """
    with _without("rfc3987_syntax"):
        import papermill
    module: ModuleType = papermill
    return module


@contextlib.contextmanager
def _without(name: str) -> Iterator[None]:
    """Let a package seem not to be installed, unless it is imported already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]
