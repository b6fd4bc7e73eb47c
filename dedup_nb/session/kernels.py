"""Papermill and the kernels that it executes notebooks in."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import ModuleType, TracebackType
from typing import Any

from dedup_nb.session import saving
from dedup_nb.session.forked import CAN_FORK, Nursery, manager_class


class Kernels:
    """Starts the kernels of one command; ends them all when it is left.

    Parameters
    ----------
    notebooks : int
        How many will be executed. A nursery pays from two on.

    Attributes
    ----------
    papermill : module
        Papermill, imported.
    options : dict
        What papermill passes on to the client of a notebook.
    """

    def __init__(self, notebooks: int) -> None:
        self.notebooks = notebooks
        self.nursery: Nursery | None = None
        self.options: dict[str, Any] = {}

    def __enter__(self) -> Kernels:
        if self.notebooks > 1 and CAN_FORK:
            with contextlib.suppress(OSError):  # no more processes or memory: start them as usual
                self.nursery = Nursery()
        self.papermill = imported()  # while the nursery is importing
        saving.register()
        if self.nursery is not None:
            self.options["kernel_manager_class"] = manager_class(self.nursery)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.nursery is not None:
            self.nursery.close()

    def end(self) -> None:
        """End all kernels at once, as after an interrupt; their notebooks can be run again."""
        import psutil

        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
        if self.nursery is not None:
            self.nursery.close()


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
