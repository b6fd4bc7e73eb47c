"""Partitions -> results of their items, with a bounded number of partitions on their way.

A worker that dies costs time, not results: Dask gives its partitions to others. A partition of
which several workers die is sent again item by item, and an item of which workers die even while
nothing else is on its way is to blame. A partition that takes far longer than all others is sent to
another worker too, once one is idle, and the first answer counts.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from distributed import Future
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker

from dedup_nb.pictures.engines.by_dask.cluster import Cluster
from dedup_nb.pictures.engines.by_dask.fitness import Unfit
from dedup_nb.pictures.engines.by_dask.partitions import Part

T = TypeVar("T")
R = TypeVar("R")

EACH = 2  # partitions on their way for each thread: one in work, one waiting
TICK_SECONDS = 0.5
SLOW_SECONDS = 60.0  # a partition may always take so long,
SLOW_TIMES = 4  # and as many times as long as the longest so far
FETCH_SECONDS = 60.0  # to fetch the results of a partition
GONE = (CancelledError, CommClosedError, TimeoutError, OSError)

Send = Callable[[Part[T], list[str] | None], Future]
Blame = Callable[[T, int], R]


@dataclass
class _Flown(Generic[T]):
    """A partition on its way, to one worker or two."""

    part: Part[T]
    since: float
    only: frozenset[str] | None
    futures: list[Future] = field(default_factory=list)


class Flight(Generic[T, R]):
    """One call of an engine: its partitions, and what came of them.

    Parameters
    ----------
    cluster : Cluster
        Where they go.
    parts : iterator of Part
        Consumed as workers become free.
    send : callable
        Sends a partition, to some workers only if they are given; its future holds a result for
        each item, or `Unfit`.
    blame : callable
        Takes an item that killed workers, and how many; returns its result, or raises.
    ordered : bool
        Whether results are wanted in the order of the items.
    """

    def __init__(
        self,
        cluster: Cluster,
        parts: Iterator[Part[T]],
        send: Send[T],
        blame: Blame[T, R],
        *,
        ordered: bool,
    ) -> None:
        self.cluster, self.parts, self.send, self.blame = cluster, parts, send, blame
        self.ordered = ordered
        self.flown: dict[int, _Flown[T]] = {}  # by the position of the first item
        self.again: deque[Part[T]] = deque()
        self.suspects: deque[Part[T]] = deque()
        self.ready: queue.SimpleQueue[tuple[int, Future]] = queue.SimpleQueue()
        self.early: dict[int, R] = {}
        self.longest, self.largest, self.alone = 0.0, 1, False

    def results(self) -> Generator[tuple[int, R], None, None]:
        """Yield (position, result) of each item.

        Raises
        ------
        LostCluster
            If the scheduler is gone, or no worker comes back.
        """
        following = 0
        try:
            while True:
                self._fill()
                if not self.flown:
                    return
                self.cluster.look()
                for position, result in self._landed():
                    if not self.ordered:
                        yield position, result
                        continue
                    self.early[position] = result
                while following in self.early:
                    following += 1
                    yield following - 1, self.early.pop(following - 1)
        finally:
            for flown in self.flown.values():
                _forget(flown.futures)

    # -- sending ---------------------------------------------------------------------------------

    def _fill(self) -> None:
        if self.alone and self.flown:
            return
        self.alone = False
        room = max(1, EACH * self.cluster.threads)
        while len(self.flown) < room and (part := self._next(room)) is not None:
            self._submit(part)
        if not self.flown and self.suspects:
            self.alone = True
            self._submit(self.suspects.popleft())

    def _next(self, room: int) -> Part[T] | None:
        if self.again:
            return self.again.popleft()
        if self.ordered and len(self.early) > EACH * room * self.largest:
            return None  # an earlier one is late
        part = next(self.parts, None)
        if part is not None:
            self.largest = max(self.largest, len(part.items))
        return part

    def _submit(self, part: Part[T]) -> None:
        self.flown[part.first] = _Flown(part, time.monotonic(), None)
        self._send(self.flown[part.first])

    def _send(self, flown: _Flown[T], without: frozenset[str] = frozenset()) -> None:
        only = self.cluster.only(without)
        flown.only = frozenset(only) if only is not None and not flown.futures else flown.only
        try:
            future = self.send(flown.part, only)
        except GONE as error:
            raise self.cluster.lost(str(error)) from None
        flown.futures.append(future)
        first = flown.part.first
        future.add_done_callback(lambda done: self.ready.put((first, done)))

    def _again(self, flown: _Flown[T]) -> None:
        """Send a partition once more, since what was sent is lost."""
        _forget(flown.futures)
        flown.futures, flown.since = [], time.monotonic()
        self._send(flown)

    # -- landing ---------------------------------------------------------------------------------

    def _landed(self) -> Iterator[tuple[int, R]]:
        """Wait a moment, and yield the results of a partition if one is there."""
        try:
            first, future = self.ready.get(timeout=TICK_SECONDS)
        except queue.Empty:
            self._look_after()
            return
        flown = self.flown.get(first)
        if flown is None or not any(one is future for one in flown.futures):
            return  # another was faster
        results = self._fetched(flown, future)
        if results is not None:
            self.longest = max(self.longest, time.monotonic() - flown.since)
            del self.flown[first]
            _forget(flown.futures)
            yield from enumerate(results, first)

    def _fetched(self, flown: _Flown[T], future: Future) -> list[R] | None:
        """Return the results of a partition, or None if it is sent once more."""
        try:
            if future.status not in ("finished", "error"):
                raise CancelledError
            results = future.result(timeout=FETCH_SECONDS)
        except KilledWorker as error:
            return self._killed(flown, 1 + error.allowed_failures)
        except GONE:
            self.cluster.await_connection()
            self._again(flown)
            return None
        if isinstance(results, Unfit):
            self.cluster.refuse(results.worker, results.reason)
            self._again(flown)
            return None
        made: list[R] = results
        return made

    def _killed(self, flown: _Flown[T], deaths: int) -> list[R] | None:
        part = flown.part
        if part.alone:
            return [self.blame(item, deaths) for item in part.items]
        _forget(flown.futures)
        del self.flown[part.first]
        if len(part.items) > 1:
            self.again.extend(part.each())
        else:
            part.alone = True
            self.suspects.append(part)
        return None

    # -- what is late ----------------------------------------------------------------------------

    def _look_after(self) -> None:
        """Send once more what waits for workers that are gone, or is with one that is slow."""
        if self.cluster.client.status != "running":
            self.cluster.await_connection()
        limit = max(SLOW_SECONDS, SLOW_TIMES * self.longest)
        idle = len(self.flown) < self.cluster.threads  # else a copy would delay other work
        for flown in list(self.flown.values()):
            lost = any(future.status in ("cancelled", "lost") for future in flown.futures)
            if lost or (flown.only is not None and flown.only.isdisjoint(self.cluster.fit)):
                self._again(flown)
            elif idle and len(flown.futures) == 1 and time.monotonic() - flown.since > limit:
                self._copy(flown)

    def _copy(self, flown: _Flown[T]) -> None:
        """Send a partition to another worker too."""
        if flown.part.alone or len(self.cluster.fit) < 2:
            return
        key = flown.futures[0].key
        processing = self.cluster.asked(self.cluster.client.processing)
        busy = frozenset(address for address, keys in processing.items() if key in keys)
        if busy:
            self._send(flown, busy)


def _forget(futures: list[Future]) -> None:
    """Cancel what nobody waits for any more."""
    for future in futures:
        with contextlib.suppress(Exception):
            if future.status == "pending":
                future.cancel()
            future.release()
