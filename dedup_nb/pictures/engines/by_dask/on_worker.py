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

from dedup_nb.pictures import images
from dedup_nb.pictures.engines import base, cores, decoders, dispatch, encoding
from dedup_nb.pictures.engines.by_dask import fitness
from dedup_nb.pictures.engines.by_dask.fitness import Needs, Unfit
from dedup_nb.pictures.engines.by_dask.partitions import Part
from dedup_nb.pictures.engines.decoders import Content, Told
from dedup_nb.pictures.engines.encoding import Encode
from dedup_nb.pictures.engines.tasks import Failure, Item

LEAST_MEMORY_BYTES = 2 * 2**30  # of address space, of which a decoder takes half before it decodes
PREFIX_DIGITS = 16  # of a sha256, by which a worker knows contents

_one_join = threading.Lock()  # numba's and BLAS's own threads serve one join at a time
_fit: set[Needs] = set()


def measure(
    needs: Needs,
    part: Part[tuple[bytes, Content | None]],
    setup: Mapping[str, Any],
    known: NDArray[np.uint64] | None,
    encoders: Sequence[Encode] | None = None,
) -> list[Told] | Unfit:
    """Decode files; return what decoders tell, in their order.

    Parameters
    ----------
    needs : Needs
        What this worker must have.
    part : Part of (bytes, Content or None)
        Absolute paths, with the content at the last reading.
    setup : mapping
        See `decoders.setup`.
    known : ndarray of uint64, ascending, or None
        Prefixes of the digests of contents that are not decoded.
    encoders : sequence of Encode, optional
        What to compute from the rasters, which are then not sent.
    """

    files = part.items

    def work() -> list[Told]:
        made = decoders.told_by_decoders(
            [path for path, _ in files],
            setup,
            contents=[content for _, content in files],  # type: ignore[misc]  # None: not known
            known=lambda digest: _among(digest, known),
            workers=1,
            memory_bytes=_memory_bytes(),
        )
        results = dict(made)
        every = [results[k] for k in range(len(files))]
        return every if encoders is None else _encoded(every, files, setup, encoders)

    return _if_fit(needs, work)


def _encoded(
    every: Sequence[Told],
    files: Sequence[tuple[bytes, Content | None]],
    setup: Mapping[str, Any],
    encoders: Sequence[Encode],
) -> list[Told]:
    """Return what decoders tell, with what is computed from the rasters instead of them."""
    sizes, made = decoders.sizes_of(setup), list(every)
    good: dict[int, images.Measured] = {}
    for k, told in enumerate(every):
        checked = told.measured(sizes, content[-1] if (content := files[k][1]) else "")
        if isinstance(checked, images.Measured) and checked.status == "ok":
            good[k] = checked
        elif isinstance(checked, images.Measured) and checked.error == decoders.ODD:
            made[k] = Told(Item({}), told.asked)  # no values, which it could be mistaken for
    values = encoding.values(encoders, [checked.rasters for checked in good.values()])
    for k, own in zip(good, values, strict=True):
        made[k] = every[k].encoded(own)
    return made


def judge(
    needs: Needs,
    task: str,
    part: Part[Item],
    setup: Mapping[str, Any] | None,
    seconds: float | None,
) -> list[Item | Failure] | Unfit:
    """Carry out a task on items; return the results in their order."""
    items = part.items

    def work() -> list[Item | Failure]:
        made = dispatch.in_order(
            task,
            items,
            len(items),
            setup=setup,
            seconds=seconds,
            workers=1,
            memory_bytes=_memory_bytes(),
        )
        return list(made)

    return _if_fit(needs, work)


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


def _memory_bytes() -> int | None:
    worker = get_worker()
    manager = worker.memory_manager  # none if memory is not watched
    return share_of(manager.memory_limit if manager else None, worker.state.nthreads)


def share_of(limit_bytes: int | None, threads: int) -> int | None:
    """Return the memory that a decoder beside a thread of a worker may take; None for any."""
    return max(LEAST_MEMORY_BYTES, limit_bytes // threads) if limit_bytes else None


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
