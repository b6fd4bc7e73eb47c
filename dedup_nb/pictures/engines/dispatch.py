"""Items of one task -> results from watched workers, one process a core.

A crash, a hang or too much memory costs one item: its result is a `Failure`, and its process is
replaced. Workers are started only as far as the remaining work is worth it.
"""

from __future__ import annotations

import math
import os
import selectors
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import replace
from typing import Any

from dedup_nb.library import turns
from dedup_nb.pictures.engines.processes import POOL, Pool, Worker
from dedup_nb.pictures.engines.tasks import TASKS, Failure, Item, Task
from dedup_nb.pictures.engines.wire import Malformed, Message

WORTH_SECONDS = 0.5  # remaining work that justifies one more worker; starting one takes 0.3 s
PACE_ITEMS, PACE_SECONDS = 8, 0.25  # items or seconds after which the pace is known
MOST_HELD = 8  # items that a worker is given ahead, so that it never waits
MOST_HELD_BYTES = 2**20
MOST_STARTS = 3  # failed starts in a row before the work is given up
AHEAD = 256  # results that may be ready before an earlier one

Answer = Callable[[int, Item], Item]


class EngineError(RuntimeError):
    """Workers cannot be started at all; the items are not to blame."""


def in_order(
    task: str,
    items: Iterable[Item],
    count: int,
    *,
    setup: Mapping[str, Any] | None = None,
    seconds: float | None = None,
    workers: int | None = None,
    memory_bytes: int | None = None,
) -> Generator[Item | Failure, None, None]:
    """Yield the result of each item in the order of the items; see `as_ready`."""
    early: dict[int, Item | Failure] = {}
    following = 0
    chosen = _within(TASKS[task], memory_bytes)
    work = Work(chosen, items, count, setup=setup, seconds=seconds, workers=workers)
    work.before = lambda: following + AHEAD
    try:
        for position, result in work.results():
            early[position] = result
            while following in early:
                following += 1
                yield early.pop(following - 1)
    finally:
        work.end()


def as_ready(
    task: str,
    items: Iterable[Item],
    count: int,
    *,
    setup: Mapping[str, Any] | None = None,
    seconds: float | None = None,
    workers: int | None = None,
    answer: Answer | None = None,
    memory_bytes: int | None = None,
) -> Generator[tuple[int, Item | Failure], None, None]:
    """Yield (position, result) of each item as soon as it is there.

    Parameters
    ----------
    task : str
        Name of one of `TASKS`.
    items : iterable of Item
        Consumed as workers become free.
    count : int
        Number of items.
    setup : mapping, optional
        Facts that all items share.
    seconds : float, optional
        Time limit for one item; that of the task by default.
    workers : int, optional
        Largest number of processes, one per core by default.
    answer : callable, optional
        Answers questions of a task that `asks`: takes a position and the question. A `ValueError`
        means that the question is no sound one, and the process is ended.
    memory_bytes : int, optional
        Memory that a process may take, if that is less than the task allows.

    Raises
    ------
    EngineError
        If no process can be started.
    """
    chosen = _within(TASKS[task], memory_bytes)
    work = Work(chosen, items, count, setup=setup, seconds=seconds, workers=workers, answer=answer)
    try:
        yield from work.results()
    finally:
        work.end()


def _within(task: Task, memory_bytes: int | None) -> Task:
    if memory_bytes is None or memory_bytes >= task.memory_bytes:
        return task
    return replace(task, memory_bytes=memory_bytes)


class Work:
    """One call: its items, and the workers that it has taken."""

    def __init__(
        self,
        task: Task,
        items: Iterable[Item],
        count: int,
        *,
        setup: Mapping[str, Any] | None = None,
        seconds: float | None = None,
        workers: int | None = None,
        answer: Answer | None = None,
        pool: Pool = POOL,
    ) -> None:
        self.task, self.setup, self.answer, self.pool = task, dict(setup or {}), answer, pool
        self.seconds = seconds or task.seconds
        self.items = enumerate(items)
        self.again: deque[tuple[int, Item]] = deque()  # given to a worker that died before
        self.count, self.most = count, min(count, workers or os.cpu_count() or 1)
        self.before: Callable[[], int] = lambda: count  # the first position that must wait
        self.given = self.done = self.failed_starts = 0
        self.spent = 0.0
        self.crew: list[Worker] = []
        self.slots = turns.Slots(os.cpu_count() or 1)
        self.selector = selectors.DefaultSelector()

    def results(self) -> Generator[tuple[int, Item | Failure], None, None]:
        """Yield (position, result) as they come."""
        while self.done < self.count:
            self._hire()
            for worker in self.crew:
                self._feed(worker)
            ready = self._wait()
            for worker in list(self.crew):
                yield from self._heard(worker) if worker in ready else self._watched(worker)

    def end(self) -> None:
        """Return the workers to the pool; those that are busy are ended."""
        for worker in self.crew:
            self.selector.unregister(worker)
            self.pool.put(worker)
        self.crew = []
        self.selector.close()
        self.slots.give_back()

    # -- hiring and feeding ----------------------------------------------------------------------

    def _hire(self) -> None:
        """Take workers that wait, and start new ones as far as the remaining work is worth it."""
        left = self.count - self.given + len(self.again)  # not yet with a worker
        idle = sum(not worker.held for worker in self.crew)
        most = self.slots.take(min(self.most, len(self.crew) + left)) if left > idle else 0
        while len(self.crew) < most and left > idle and (worker := self.pool.take()):
            self._add(worker)
            idle += 1
        known_pace = self.done >= PACE_ITEMS or self.spent >= PACE_SECONDS  # the first is slow
        worth = min(left, 1)
        if known_pace and self.done:
            worth = math.ceil(left * self.spent / self.done / WORTH_SECONDS)
        for _ in range(min(most, worth) - len(self.crew)):
            self._add(Worker())

    def _add(self, worker: Worker) -> None:
        self.crew.append(worker)
        self.selector.register(worker, selectors.EVENT_READ, worker)
        worker.begin(self.task, self.setup, self.seconds)

    def _feed(self, worker: Worker) -> None:
        left = self.count - self.given + len(self.again)
        share = 1 if self.task.asks else min(MOST_HELD, 1 + left // (4 * len(self.crew)))
        while len(worker.held) < share and (len(worker.unsent) < MOST_HELD_BYTES):
            if self.again:
                worker.give(*self.again.popleft())
            elif self.given < min(self.count, self.before()):
                self.given += 1
                worker.give(*next(self.items))
            else:
                return

    def _wait(self) -> set[Worker]:
        for each in self.crew:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if each.unsent else 0)
            self.selector.modify(each, wanted, each)
        ready = set()
        for key, events in self.selector.select(timeout=0.5):
            worker = key.data
            if events & selectors.EVENT_WRITE:
                worker.push()
            if events & selectors.EVENT_READ:
                ready.add(worker)
        return ready

    # -- listening -------------------------------------------------------------------------------

    def _heard(self, worker: Worker) -> Generator[tuple[int, Item | Failure], None, None]:
        try:
            messages = worker.pull()
            if messages is None:
                yield from self._lost(worker, worker.last_words())
                return
            for message in messages:
                if (result := self._understood(worker, message)) is not None:
                    yield result
            if worker.malformed:
                raise worker.malformed
        except Malformed as error:
            yield from self._lost(worker, f"sent what it should not ({error})")

    def _watched(self, worker: Worker) -> Generator[tuple[int, Item | Failure], None, None]:
        if worker.busy and worker.late():
            yield from self._lost(worker, f"took longer than {worker.seconds:g} s")

    def _understood(self, worker: Worker, message: Message) -> tuple[int, Item | Failure] | None:
        facts = message.facts
        if not worker.ready:
            if "broken" in facts:
                raise EngineError(f"a worker cannot do {self.task.name}: {facts['broken']}")
            if facts != {"ready": True}:
                raise Malformed("no word that it is ready")
            worker.ready, worker.started, self.failed_starts = True, time.monotonic(), 0
            return None
        if not worker.held:
            raise Malformed("a result that nobody asked for")
        position, _ = worker.held[0]
        if "ask" in facts and self.answer is not None:
            worker.answer(self._answered(position, message))
            return None
        resident = facts.get("resident_bytes")
        worker.resident_bytes = resident if isinstance(resident, int) else 0
        result: Item | Failure
        if isinstance(facts.get("done"), dict):
            result = Item(facts["done"], message.blocks)
        elif isinstance(facts.get("failed"), str):
            result = Failure(facts["failed"][:300])
        else:
            raise Malformed("neither a result nor a failure")
        worker.held.popleft()
        self._counted(worker)
        return position, result

    def _answered(self, position: int, message: Message) -> Item:
        if self.answer is None or not isinstance(message.facts["ask"], dict):
            raise Malformed("a question of the wrong type")
        try:
            return self.answer(position, Item(message.facts["ask"], message.blocks))
        except ValueError as error:
            raise Malformed(str(error)) from error

    def _counted(self, worker: Worker) -> None:
        now = time.monotonic()
        self.done, self.spent = self.done + 1, self.spent + now - worker.started
        worker.started = now

    def _lost(self, worker: Worker, why: str) -> Generator[tuple[int, Item | Failure], None, None]:
        """Replace a worker; what it was doing has failed, the rest goes to others."""
        self.crew.remove(worker)
        self.selector.unregister(worker)
        worker.end()
        held = worker.held
        if not worker.ready:
            self.failed_starts += 1
            if self.failed_starts >= MOST_STARTS:
                raise EngineError(f"no worker process can be started: {self.task.who} {why}")
        elif held and not worker.died_resting:
            position, _ = held.popleft()
            self._counted(worker)
            self.again.extendleft(reversed(held))
            yield position, Failure(f"{self.task.who} {why}")
            return
        self.again.extendleft(reversed(held))
