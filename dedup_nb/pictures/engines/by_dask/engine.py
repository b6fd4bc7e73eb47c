"""The engine `dask`: files, tasks and blocks of rows -> results of a Dask cluster."""

from __future__ import annotations

import atexit
import math
import os
import pickle
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Future

from dedup_nb.library.quantities import count, size_text
from dedup_nb.pictures import images
from dedup_nb.pictures.engines import decoders
from dedup_nb.pictures.engines.base import B, Engine, N, S
from dedup_nb.pictures.engines.by_dask import fitness, on_worker, partitions
from dedup_nb.pictures.engines.by_dask.cluster import Cluster, LostCluster
from dedup_nb.pictures.engines.by_dask.flight import Flight
from dedup_nb.pictures.engines.by_dask.partitions import Part
from dedup_nb.pictures.engines.decoders import Content, Told
from dedup_nb.pictures.engines.encoding import Encoding
from dedup_nb.pictures.engines.local import Local
from dedup_nb.pictures.engines.tasks import Failure, Item

LEAST_ITEMS = 16  # fewer are done here at once
WORTH_STEPS = 1e11  # operations of a join, 1 to 4 s of one core; smaller ones are done here
TASK_STEPS = 1e10  # operations of one block at least
BLOCKS_EACH = 32  # blocks of a join for each thread, so that all end together
MOST_SHARED = 0.5  # of a worker's memory, that what all blocks share may take
MOST_BATCHES = 8  # batches of `judge` that are given at once
# A worker may be slow, have less memory, or not see a file for a moment; then this machine decides.
DOUBTFUL = ("cannot be read: ", "took longer than", "(signal 9)", "needs more memory", decoders.ODD)

HERE = Local()

File = tuple[bytes, Content | None]


class Dask(Engine):
    """The machines of a Dask cluster; what takes a moment is done on this machine.

    Parameters
    ----------
    scheduler : str, optional
        Address of a scheduler; by default a cluster is started on this machine when it is needed.
    folders : sequence of Path
        Folders whose files every worker must see.
    say : callable
        Called with sentences for the user.
    """

    name = "dask"
    help = "the machines of a Dask cluster; see scheduler"

    def __init__(
        self,
        scheduler: str | None = None,
        folders: Sequence[Path] = (),
        say: Callable[[str], None] = print,
    ) -> None:
        self.scheduler, self.folders, self.say = scheduler, list(folders), say
        self._cluster: Cluster | None = None
        self._lock = threading.Lock()

    @property
    def cluster(self) -> Cluster:
        """The connected cluster.

        Raises
        ------
        LostCluster
            If there is none.
        """
        with self._lock:
            if self._cluster is None:
                self._cluster = Cluster(self.scheduler, fitness.needs(self.folders), self.say)
                atexit.register(self.close)
            return self._cluster

    def close(self) -> None:
        """Close the connection; it is made again when it is needed."""
        with self._lock:
            cluster, self._cluster = self._cluster, None
        if cluster is not None:
            atexit.unregister(self.close)
            cluster.close()

    def check(self) -> None:
        """Connect to a scheduler that was named, and check all its workers."""
        if self.scheduler is not None:
            _ = self.cluster

    def batch(self, usual: int) -> int:
        """Return how many items keep all workers busy."""
        if self._cluster is None:
            return usual
        return usual * min(MOST_BATCHES, 1 + self._cluster.threads // 4)

    # -- files -----------------------------------------------------------------------------------

    def measure(
        self,
        paths: Sequence[bytes],
        sizes: Sequence[images.Raster],
        *,
        contents: Sequence[Content] = (),
        known: Callable[[str], bool] = lambda sha256: False,
        workers: int | None = None,
        max_pixels: float = images.MAX_PIXELS,
        lengths: Sequence[int] = (),
        every_known: Callable[[], Sequence[str]] = lambda: (),
        encoding: Encoding | None = None,
    ) -> Generator[tuple[int, images.Measured | str], None, None]:
        """Decode partitions of files on the workers; see `Engine.measure`."""
        setup = decoders.setup(sizes, max_pixels)
        here = os.fsencode(Path.cwd())
        every = [os.path.join(here, path) for path in paths]
        hint = self._hint(every_known) if len(every) >= LEAST_ITEMS else None
        todo, left = list(range(len(every))), list[int]()
        while len(todo) >= LEAST_ITEMS:
            files = [(every[k], contents[k] if contents else None) for k in todo]
            size = [lengths[k] if lengths else 0 for k in todo]
            again = []
            for place, told in self._told(files, size, setup, hint, encoding):
                k = todo[place]
                result = told.measured(sizes, contents[k][-1] if contents else "", encoding)
                if isinstance(result, str) and not known(result):
                    again.append(k)  # its number was that of another content
                elif isinstance(result, images.Measured) and _is_doubtful(result.error):
                    left.append(k)
                else:
                    yield k, result
            todo, hint = again, None
        if left:
            self.say(
                f"{count(len(left), 'file')} that workers could not read or decode, tried here"
            )
        left = sorted(left + todo)
        stream = HERE.measure(
            [every[k] for k in left],
            sizes,
            contents=[contents[k] for k in left] if contents else (),
            known=known,
            workers=workers,
            max_pixels=max_pixels,
        )
        for place, measured in stream:
            yield left[place], measured

    def _hint(self, every_known: Callable[[], Sequence[str]]) -> Future | None:
        """Send all workers what they need not decode."""
        numbers = np.array(sorted(map(on_worker.prefix, every_known())), np.uint64)
        return self._scattered(numbers) if len(numbers) else None

    def _told(
        self,
        files: Sequence[File],
        lengths: Sequence[int],
        setup: Mapping[str, Any],
        hint: Future | None,
        encoding: Encoding | None,
    ) -> Iterator[tuple[int, Told]]:
        cluster = self.cluster
        parts = partitions.cut(
            files,
            len(files),
            lambda k, _: lengths[k],
            lambda: cluster.threads,
            most_items=partitions.most_files(decoders.sizes_of(setup)),
        )
        encoders = tuple(encoding.encoders) if encoding is not None else None

        def send(part: Part[File], only: list[str] | None) -> Future:
            known = hint if hint is not None and hint.status == "finished" else None
            return self._sent(on_worker.measure, part, setup, known, encoders, only=only)

        def blame(file: File, deaths: int) -> Told:
            return Told(Failure(_killed(deaths)), file[1][-1] if file[1] else "")

        return Flight(cluster, parts, send, blame, ordered=False).results()

    # -- tasks -----------------------------------------------------------------------------------

    def judge(
        self,
        task: str,
        items: Iterable[Item],
        count: int,
        *,
        setup: Mapping[str, Any] | None = None,
        seconds: float | None = None,
    ) -> Generator[Item | Failure, None, None]:
        """Carry out a task on the workers, in partitions; see `Engine.judge`."""
        if count < LEAST_ITEMS:
            yield from HERE.judge(task, items, count, setup=setup, seconds=seconds)
            return
        cluster = self.cluster
        parts = partitions.cut(
            items,
            count,
            lambda _, item: sum(map(len, item.blocks)),
            lambda: cluster.threads,
            partitions.MOST_SENT_BYTES,
            partitions.MOST_TASKS,
        )
        on_way: dict[int, Item] = {}

        def noted() -> Iterator[Part[Item]]:
            for part in parts:
                on_way.update(enumerate(part.items, part.first))
                yield part

        def send(part: Part[Item], only: list[str] | None) -> Future:
            return self._sent(on_worker.judge, task, part, setup, seconds, only=only)

        def blame(item: Item, deaths: int) -> Item | Failure:
            return Failure(_killed(deaths))

        flight = Flight(cluster, noted(), send, blame, ordered=True)
        for position, result in flight.results():
            item = on_way.pop(position)
            if isinstance(result, Failure) and _is_doubtful(result.reason):
                (result,) = HERE.judge(task, [item], 1, setup=setup, seconds=seconds)
            yield result

    # -- rows ------------------------------------------------------------------------------------

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
        """Compare blocks of rows on the workers; what they share is sent to each once."""
        if steps < WORTH_STEPS or not self._fits(shared):
            yield from HERE.join(work, shared, n, most_values=most_values, steps=steps, now=now)
            return
        cluster, held = self.cluster, _Held(self, shared)
        count = max(1, min(BLOCKS_EACH * cluster.threads, steps // TASK_STEPS, n))
        size = math.ceil(n / count)
        spans = [(start, min(n, start + size), n) for start in range(0, n, size)]
        parts = (Part(k, [span]) for k, span in enumerate(spans))

        def send(part: Part[tuple[int, int, int]], only: list[str] | None) -> Future:
            (span,) = part.items
            return self._sent(
                on_worker.join, work, held.future, span, most_values, now(), only=only
            )

        def blame(span: tuple[int, int, int], deaths: int) -> list[tuple[int, B]]:
            raise LostCluster(
                f"rows {span[0]:,} to {span[1]:,} of a join {_killed(deaths)}; give workers more "
                "memory, or more threads and fewer processes, and continue with --resume"
            )

        for _, made in Flight(cluster, parts, send, blame, ordered=True).results():
            yield from made

    def _fits(self, shared: object) -> bool:
        """Return whether workers have the memory for what all blocks share."""
        buffers: list[pickle.PickleBuffer] = []
        inside = len(pickle.dumps(shared, 5, buffer_callback=buffers.append))
        size = inside + sum(buffer.raw().nbytes for buffer in buffers)
        most = MOST_SHARED * self.cluster.least_memory_bytes()
        if size > most:
            self.say(
                f"the join needs {size_text(size)} in each worker, and may take {size_text(most)}; "
                "it is done on this machine"
            )
        return size <= most

    # -- sending ---------------------------------------------------------------------------------

    def _scattered(self, value: object) -> Future:
        cluster = self.cluster
        return cluster.asked(
            lambda: cluster.client.scatter(
                value, broadcast=True, hash=False, workers=cluster.only(), timeout=600
            )
        )

    def _sent(self, work: Callable[..., Any], *values: Any, only: list[str] | None) -> Future:
        """Submit one partition."""
        cluster = self.cluster
        return cluster.client.submit(
            work, cluster.needs, *values, pure=False, workers=only, allow_other_workers=False
        )


class _Held:
    """What all blocks of a join share, on the workers; sent again if it was lost with them."""

    def __init__(self, engine: Dask, shared: object) -> None:
        self.engine, self.shared = engine, shared
        self._future: Future | None = None

    @property
    def future(self) -> Future:
        """The copy on the workers."""
        if self._future is None or self._future.status != "finished":
            self._future = self.engine._scattered(self.shared)
        return self._future


def _is_doubtful(reason: str) -> bool:
    return any(word in reason for word in DOUBTFUL)


def _killed(deaths: int) -> str:
    return f"killed {deaths} workers of the cluster, one after another"
