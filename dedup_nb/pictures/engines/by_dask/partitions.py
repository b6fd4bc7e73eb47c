"""Items -> partitions: pieces of work that are sent at once, bounded by bytes and by number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from dedup_nb.pictures import images

T = TypeVar("T")

MOST_BYTES = 256 * 2**20  # of the files of a partition, which are read one after another
MOST_SENT_BYTES = 8 * 2**20  # of what is sent with a partition
MOST_HELD_BYTES = 8 * 2**20  # of the rasters and thumbnails that a partition of files gives
MOST_ITEMS = 128  # a partition costs the head 2 ms, whatever is in it
MOST_TASKS = 32  # of which each may take seconds
EACH = 4  # partitions that each thread gets at least, as long as there are enough items


@dataclass
class Part(Generic[T]):
    """Some items that follow each other; sent as it is, since Dask looks through plain lists.

    Attributes
    ----------
    first : int
        Position of the first.
    items : list
    alone : bool
        Whether nothing else may be on its way with it: workers died of what was.
    """

    first: int
    items: list[T]
    alone: bool = False

    def each(self) -> list[Part[T]]:
        """Return a partition of each item."""
        return [Part(self.first + k, [item]) for k, item in enumerate(self.items)]


def most_files(rasters: Iterable[images.Raster]) -> int:
    """Return the largest number of files in a partition, by what is made of each."""
    held = sum(map(images.raster_bytes, rasters), images.USUAL_THUMBNAIL_BYTES)
    return max(1, min(MOST_ITEMS, MOST_HELD_BYTES // held))


def cut(
    items: Iterable[T],
    count: int,
    size_bytes: Callable[[int, T], int],
    threads: Callable[[], int],
    most_bytes: int = MOST_BYTES,
    most_items: int = MOST_ITEMS,
) -> Iterator[Part[T]]:
    """Yield items in partitions, smaller ones towards the end, so that all threads end together.

    Parameters
    ----------
    items : iterable
        Consumed as partitions are asked for.
    count : int
        Number of items.
    size_bytes : callable
        Takes a position and an item.
    threads : callable
        Returns the number of threads that work on them.
    most_bytes, most_items : int
        Bounds of a partition; an item that is larger is one of its own.
    """
    first, held, total = 0, list[T](), 0
    wanted = 1
    for position, item in enumerate(items):
        size = size_bytes(position, item)
        if held and (len(held) >= wanted or total + size > most_bytes):
            yield Part(first, held)
            first, held, total = position, [], 0
        if not held:
            share = (count - position) // (EACH * max(1, threads()))
            wanted = min(most_items, max(1, share))
        held.append(item)
        total += size
    if held:
        yield Part(first, held)
