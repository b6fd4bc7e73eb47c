"""What a worker of the cluster carries out: partitions of files, of tasks, and of rows.

Strangers' pixels are judged in watched processes, as on one machine: a bomb or a crash costs one
item, and not the worker. A worker that is not fit says so instead of working.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from distributed import get_worker
from numpy.typing import NDArray

from dedup_nb.pictures.engines import base, cores, decoders, dispatch
from dedup_nb.pictures.engines.by_dask import fitness
from dedup_nb.pictures.engines.by_dask.fitness import Needs, Unfit
from dedup_nb.pictures.engines.decoders import Content, Told
from dedup_nb.pictures.engines.tasks import Failure, Item

PREFIX_DIGITS = 16  # of a sha256, by which a worker knows contents

_one_join = threading.Lock()  # numba's and BLAS's own threads serve one join at a time
_fit: set[Needs] = set()


def measure(
    needs: Needs,
    files: Sequence[tuple[bytes, Content | None]],
    setup: Mapping[str, Any],
    known: NDArray[np.uint64] | None,
) -> list[Told] | Unfit:
    """Decode files; return what decoders tell, in their order.

    Parameters
    ----------
    needs : Needs
        What this worker must have.
    files : sequence of (bytes, Content or None)
        Absolute paths, with the content at the last reading.
    setup : mapping
        See `decoders.setup`.
    known : ndarray of uint64, ascending, or None
        Prefixes of the digests of contents that are not decoded.
    """

    def work() -> list[Told]:
        made = decoders.told_by_decoders(
            [path for path, _ in files],
            setup,
            contents=[content for _, content in files],  # type: ignore[misc]  # None: not known
            known=lambda digest: _among(digest, known),
            workers=1,
        )
        results = dict(made)
        return [results[k] for k in range(len(files))]

    return _if_fit(needs, work)


def judge(
    needs: Needs,
    task: str,
    items: Sequence[Item],
    setup: Mapping[str, Any] | None,
    seconds: float | None,
) -> list[Item | Failure] | Unfit:
    """Carry out a task on items; return the results in their order."""
    return _if_fit(
        needs,
        lambda: list(
            dispatch.in_order(task, items, len(items), setup=setup, seconds=seconds, workers=1)
        ),
    )


def join(
    needs: Needs,
    work: Callable[..., Any],
    shared: Any,
    rows: tuple[int, int, int],
    most_values: int | None,
    now: Any,
) -> list[list[tuple[int, Any]]] | Unfit:
    """Compare some rows with all others, in blocks that fit into memory; return a list of one.

    Parameters
    ----------
    rows : (int, int, int)
        The first row, the row after the last, and the number of all rows.
    """

    def compare() -> list[list[tuple[int, Any]]]:
        start, stop, n = rows
        with _one_join, cores.at_most(get_worker().state.nthreads):
            blocks = base.blocks(n, most_values, start, stop)
            return [[(last, work(shared, first, last, now)) for first, last in blocks]]

    return _if_fit(needs, compare)


def prefix(digest: str) -> int:
    """Return the number by which a worker knows a content."""
    return int(digest[:PREFIX_DIGITS], 16)


def _among(digest: str, known: NDArray[np.uint64] | None) -> bool:
    if known is None or not len(known):
        return False
    wanted = np.uint64(prefix(digest))
    place = int(np.searchsorted(known, wanted))
    return place < len(known) and bool(known[place] == wanted)


def _if_fit(needs: Needs, work: Callable[[], list[Any]]) -> list[Any] | Unfit:
    """Return what `work` returns, or why this worker cannot do it."""
    if needs not in _fit:
        if reason := fitness.lacking(needs):
            return Unfit(get_worker().address, reason)
        _fit.add(needs)
    try:
        return work()
    except dispatch.EngineError as error:
        return Unfit(get_worker().address, f"cannot decode: {error}")
