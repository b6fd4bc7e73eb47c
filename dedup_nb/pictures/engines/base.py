"""The interface of engines: work items -> results in order, from processes or machines."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from dedup_nb.pictures import images
from dedup_nb.pictures.engines.decoders import Content
from dedup_nb.pictures.engines.encoding import Encoding
from dedup_nb.pictures.engines.tasks import Failure, Item

S = TypeVar("S")  # what all blocks of a join share
N = TypeVar("N")  # what is known when a block is given away
B = TypeVar("B")  # the result of a block


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
        lengths: Sequence[int] = (),
        every_known: Callable[[], Sequence[str]] = lambda: (),
        encoding: Encoding | None = None,
    ) -> Generator[tuple[int, images.Measured | str], None, None]:
        """Decode each file in a watched process; see `decoders.measure_all`.

        Parameters
        ----------
        lengths : sequence of int, optional
            Bytes of each file, for engines that send several files at once.
        every_known : callable
            Returns the digests that `known` will accept, or some of them, for engines whose
            processes cannot ask about each.
        encoding : Encoding, optional
            What will be computed from the rasters. An engine may do so where it decodes; `values`
            are then given instead of `rasters`.
        """

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
        """Compare blocks of rows with all others, and yield what `work` returns for each block.

        Parameters
        ----------
        work : callable
            A function of a module, which other processes can import. It takes `shared`, the first
            row of a block, the row after its last, and what `now` returned. Its results may depend
            on how rows are split into blocks only as far as whoever joins them does not care.
        shared : object
            What all blocks need, such as arrays; sent once.
        n : int
            Number of rows; row i is compared with the rows after it.
        most_values : int, optional
            Approximate largest number of comparisons in a block, to limit memory.
        steps : float
            About how many operations the whole join takes, each as long as a multiplication in a
            large product of matrices, 0.01 to 0.04 ns. What takes a moment is not worth sending.
        now : callable
            Returns what is known when a block is given away, such as a bound that has risen. Later
            blocks may know less than all results before them.

        Yields
        ------
        stop : int
            The row after the last of a block.
        result : object
            In the order of the rows.
        """

    def check(self) -> None:  # noqa: B027  # most have nothing to check
        """Check what can be checked before anything starts.

        Raises
        ------
        EngineError
            If the engine cannot be used; the message says why.
        """

    def close(self) -> None:  # noqa: B027  # most hold nothing
        """Give back what the engine holds; it is taken again when it is needed."""

    def batch(self, usual: int) -> int:
        """Return how many items to give to `judge` at once, if `usual` keep one machine busy."""
        return usual


def blocks(
    n: int, most_values: int | None = None, start: int = 0, last: int | None = None
) -> Iterator[tuple[int, int]]:
    """Split rows of a triangular join into blocks, only as far as memory requires.

    Parameters
    ----------
    n : int
        Number of rows; row i is compared with the rows after it.
    most_values : int, optional
        Approximate largest number of comparisons in a block.
    start, last : int
        The rows `start:last` are split; all by default.
    """
    last = n if last is None else last
    while start < last:
        most = last if most_values is None else start + max(1, most_values // (n - start))
        stop = min(last, most)
        yield start, stop
        start = stop
