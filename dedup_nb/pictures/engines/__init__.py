"""The registry of engines, which distribute work: `local` and `dask`.

To add an engine, write a module with a class of `Engine` and add an entry to `ENGINES`.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from dedup_nb.pictures.engines.base import Engine
from dedup_nb.pictures.engines.dispatch import EngineError
from dedup_nb.pictures.engines.local import Local
from dedup_nb.pictures.engines.tasks import Failure, Item

LOCAL = Local()

Make = Callable[[str | None, Sequence[Path]], Engine]
Share = Callable[[Callable[[str], None]], AbstractContextManager[None]]


@dataclass(frozen=True)
class Choice:
    """One engine: a value of the parameter `engine`.

    Attributes
    ----------
    name, help : str
        The value, and a description.
    make : callable
        Takes the address of a scheduler or None, and the folders whose files it will read.
    package : str
        What must be installed, or "".
    extra : str
        What to add to `pip install` for it.
    share : callable, optional
        Starts what the notebooks of a command use together if they name no scheduler; takes a
        function for sentences.
    """

    name: str
    help: str
    make: Make
    package: str = ""
    extra: str = ""
    share: Share | None = None

    @property
    def is_installed(self) -> bool:
        """Whether what it needs is there."""
        return not self.package or importlib.util.find_spec(self.package) is not None


def _dask(scheduler: str | None, folders: Sequence[Path]) -> Engine:
    module = importlib.import_module("dedup_nb.pictures.engines.by_dask.engine")
    made: Engine = module.Dask(scheduler, folders)
    return made


def _shared_dask(say: Callable[[str], None]) -> AbstractContextManager[None]:
    module = importlib.import_module("dedup_nb.pictures.engines.by_dask.own")
    made: AbstractContextManager[None] = module.shared(say)
    return made


ENGINES: Mapping[str, Choice] = {
    choice.name: choice
    for choice in (
        Choice(LOCAL.name, LOCAL.help, lambda scheduler, folders: LOCAL),
        Choice(
            "dask",
            "the machines of a Dask cluster; see scheduler",
            _dask,
            "distributed",
            "dedup_nb[dask]",
            _shared_dask,
        ),
    )
}
_opened: dict[tuple[object, ...], Engine] = {}


def opened(name: str, scheduler: str | None = None, folders: Sequence[Path] = ()) -> Engine:
    """Return an engine; the same one for the same scheduler and folders in this process.

    Raises
    ------
    ValueError
        If there is no such engine, or what it needs is not installed.
    """
    if name not in ENGINES:
        raise ValueError(f"there is no engine {name}; choose one of {', '.join(ENGINES)}")
    choice = ENGINES[name]
    if not choice.is_installed:
        raise ValueError(f"engine {name} is not installed; run: pip install '{choice.extra}'")
    if scheduler is not None and not choice.package:
        raise ValueError(f"scheduler is set, but engine {name} has none; set engine: dask")
    key = (name, scheduler, *folders)
    if key not in _opened:
        _opened[key] = choice.make(scheduler, folders)
    return _opened[key]


@contextlib.contextmanager
def shared(names: Sequence[str], say: Callable[[str], None] = print) -> Iterator[None]:
    """Start what processes started in the block use together, whose engines name no scheduler.

    Raises
    ------
    EngineError
        If it cannot be started.
    """
    with contextlib.ExitStack() as stack:
        for name in sorted(set(names)):
            if (share := ENGINES[name].share) is not None:
                stack.enter_context(share(say))
        yield


__all__ = ["ENGINES", "LOCAL", "Engine", "EngineError", "Failure", "Item", "opened", "shared"]
