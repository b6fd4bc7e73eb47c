"""The interface of engines: work items -> results in order, from processes or machines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from dedup_nb.pictures import images
from dedup_nb.pictures.engines.decoders import Content
from dedup_nb.pictures.engines.tasks import Failure, Item

A = TypeVar("A")
B = TypeVar("B")


class Engine(ABC):
    """One way to distribute work; only this folder knows the details.

    Attributes
    ----------
    name, help : str
        Value of the parameter `engine`, and a description.
    """

    name: str
    help: str

    @abstractmethod
    def measure(
        self,
        paths: Sequence[bytes],
        sizes: Sequence[images.Raster],
        *,
        contents: Sequence[Content] = (),
        known: Callable[[str], bool] = lambda sha256: False,
        workers: int | None = None,
        max_pixels: float = images.MAX_PIXELS,
    ) -> Generator[tuple[int, images.Measured | str], None, None]:
        """Decode each file in a watched process; see `decoders.measure_all`."""

    @abstractmethod
    def judge(
        self,
        task: str,
        items: Iterable[Item],
        count: int,
        *,
        setup: Mapping[str, Any] | None = None,
        seconds: float | None = None,
    ) -> Generator[Item | Failure, None, None]:
        """Carry out a task on each item where a crash costs only that item.

        Parameters
        ----------
        task : str
            One of `tasks.TASKS`.
        items : iterable of Item
            Plain data; consumed as they are needed, some hundreds ahead.
        count : int
            Number of items.
        setup : mapping, optional
            Facts that all items share, sent once; those of an item come first.
        seconds : float, optional
            Time limit for each item; that of the task by default.

        Yields
        ------
        Item or Failure
            In the order of the items. Facts and blocks are those that the task returned, of any
            JSON types and lengths up to the task's bound: whoever uses them checks them, since a
            picture may have taken its process over.
        """

    @abstractmethod
    def map(self, work: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        """Apply `work` to items in memory; results come in the order of the items."""

    @abstractmethod
    def join(self, work: Callable[[int, int], B], blocks: Iterable[tuple[int, int]]) -> Iterator[B]:
        """Compare blocks of rows with all others; results come in the order of the blocks.

        Parameters
        ----------
        work : callable
            Takes the first row of a block and the row after its last.
        blocks : iterable of (int, int)
            Consumed one by one, so that later blocks may depend on earlier results.
        """

    @abstractmethod
    def blocks(self, n: int, most_values: int | None = None) -> Iterator[tuple[int, int]]:
        """Split the rows of a triangular join into blocks.

        Parameters
        ----------
        n : int
            Number of rows; row i is compared with the rows after it.
        most_values : int, optional
            Approximate largest number of comparisons in a block, to limit memory.
        """
