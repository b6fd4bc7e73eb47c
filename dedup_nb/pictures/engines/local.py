"""Work items -> results on this machine: in watched processes what judges strangers' pixels."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from threadpoolctl import threadpool_limits

from dedup_nb.pictures import images
from dedup_nb.pictures.engines import decoders, dispatch
from dedup_nb.pictures.engines.base import A, B, Engine
from dedup_nb.pictures.engines.tasks import Failure, Item


class Local(Engine):
    """This machine, with one decoder process and one thread per core."""

    name = "local"
    help = "this machine: a watched decoder process and a thread for each core"

    def measure(
        self,
        paths: Sequence[bytes],
        sizes: Sequence[images.Raster],
        *,
        contents: Sequence[decoders.Content] = (),
        known: Callable[[str], bool] = lambda sha256: False,
        workers: int | None = None,
        max_pixels: float = images.MAX_PIXELS,
    ) -> Generator[tuple[int, images.Measured | str], None, None]:
        """Decode each file in a watched process; see `decoders.measure_all`."""
        return decoders.measure_all(
            paths, sizes, contents=contents, known=known, workers=workers, max_pixels=max_pixels
        )

    def judge(
        self,
        task: str,
        items: Iterable[Item],
        count: int,
        *,
        setup: Mapping[str, Any] | None = None,
        seconds: float | None = None,
    ) -> Generator[Item | Failure, None, None]:
        """Carry out a task in watched processes, one per core; see `Engine.judge`."""
        return dispatch.in_order(task, items, count, setup=setup, seconds=seconds)

    def map(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """Apply `work` in threads, one per core."""
        # with its own threads BLAS takes twice as long for such small products
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
            yield from pool.map(work, items)

    def join(self, work: Callable[[int, int], B], blocks: Iterable[tuple[int, int]]) -> Iterator[B]:
        """Process one block after another; each block uses all cores."""
        for start, stop in blocks:
            yield work(start, stop)

    def blocks(self, n: int, most_values: int | None = None) -> Iterator[tuple[int, int]]:
        """Split the rows only as far as memory requires."""
        start = 0
        while start < n:
            stop = n if most_values is None else min(n, start + max(1, most_values // (n - start)))
            yield start, stop
            start = stop
