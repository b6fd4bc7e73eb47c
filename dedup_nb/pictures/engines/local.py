"""Work items -> results on this machine: in watched processes what judges strangers' pixels."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any

from dedup_nb.library import turns
from dedup_nb.pictures import images
from dedup_nb.pictures.engines import decoders, dispatch
from dedup_nb.pictures.engines.base import B, Engine, N, S, blocks
from dedup_nb.pictures.engines.encoding import Encoding
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
        lengths: Sequence[int] = (),
        every_known: Callable[[], Sequence[str]] = lambda: (),
        encoding: Encoding | None = None,
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

    def join(
        self,
        work: Callable[[S, int, int, N], B],
        shared: S,
        n: int,
        *,
        most_values: int | None = None,
        steps: float = math.inf,
        now: Callable[[], N],
    ) -> Iterator[tuple[int, B]]:
        """Process one block after another; each block uses all cores.

        Notebooks at work at once take turns, block by block: more threads than cores are slower.
        """
        for start, stop in self.blocks(n, most_values):
            with turns.at("joining"):
                found = work(shared, start, stop, now())
            yield stop, found

    def blocks(self, n: int, most_values: int | None = None) -> Iterator[tuple[int, int]]:
        """Split the rows only as far as memory requires."""
        return blocks(n, most_values)
