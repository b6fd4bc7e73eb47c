"""The registry of tasks: what runs in watched processes, because it judges strangers' pixels.

A task is a function below `dedup_nb.` that takes an `Item` and returns one, plain data both. To add
one, write the function and add an entry to `TASKS`; call it with `engine.judge(name, items)`. The
worker imports the function, so this folder need not know the folders above it:

    def compare_files(item: Item) -> Item:
        first, second = (whole.full_size(path) for path in item.blocks)  # absolute paths, bytes
        return Item({"score": judged(first, second, item.facts["matrix"])})

What a function raises becomes the `Failure` of that item, as do a crash, a hang and running out of
memory. It should need nothing but its item: which process runs it, and after what, is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

GIB = 2**30
MOST_MEMORY_BYTES = 6 * GIB  # no task may allow its process more


class Item(NamedTuple):
    """What goes to a task, and what comes back.

    Attributes
    ----------
    facts : mapping
        Whatever JSON can hold; a result may have no infinite numbers.
    blocks : sequence of bytes
        Such as encoded pictures, or paths.
    """

    facts: Mapping[str, Any]
    blocks: Sequence[bytes] = ()


class Failure(NamedTuple):
    """Why there is no result for an item, as the end of a sentence: `took longer than 20 s`."""

    reason: str

    def __str__(self) -> str:
        return self.reason


Ask = Callable[[Item], Item]  # a question to the kernel in the midst of an item, and the answer


@dataclass(frozen=True)
class Task:
    """One kind of work for watched processes.

    Attributes
    ----------
    name, help : str
        The name to call it by, and a description.
    target : str
        `module:function`; only modules below `dedup_nb.` are imported.
    who : str
        What its process is called in failures.
    seconds : float
        Time limit for one item.
    memory_bytes : int
        Address space that its process may take, on systems that can limit it.
    most_bytes : int
        Largest sum of the blocks of one result.
    asks : bool
        Whether the function also takes an `Ask`.
    keeps_bytes : int
        Memory in which its process may keep what it decoded for the next call, beyond what any
        process may that waits; 0 for most.
    """

    name: str
    help: str
    target: str
    who: str = "the process"
    seconds: float = 60.0
    memory_bytes: int = MOST_MEMORY_BYTES
    most_bytes: int = 64 * 2**20
    asks: bool = field(default=False)
    keeps_bytes: int = 0


def _of_thumbnails(name: str, help: str, function: str) -> Task:
    """Return a task that takes milliseconds and little memory."""
    target = f"dedup_nb.compare.looks:{function}"
    return Task(name, help, target, seconds=20.0, memory_bytes=2 * GIB, most_bytes=2**20)


def _of_files(name: str, help: str, function: str) -> Task:
    """Return a task for a person who looks at files; the next look needs the same pictures."""
    target = f"dedup_nb.compare.beside.{function}"
    return Task(name, help, target, who="the decoder", keeps_bytes=2 * GIB)


TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        Task(
            "measure",
            "read and decode a file",
            "dedup_nb.pictures.engines.decoders:measure",
            who="the decoder",
            asks=True,
        ),
        Task(
            "hold",
            "tell what of two pictures each holds that the other lacks",
            "dedup_nb.compare.whole_files:compare",
            who="the comparison",
            most_bytes=2**16,
        ),
        _of_files("tiles", "cut squares out of a picture", "tiles:tiles"),
        _of_files("differences", "cut squares out of a difference", "tiles:differences"),
        _of_files("beside", "align two pictures at full size", "placing:placed"),
        _of_thumbnails("first sight", "compare two thumbnails of one framing", "first_sight"),
        _of_thumbnails("features", "find the features of a thumbnail", "features_of"),
        _of_thumbnails("aligned", "compare two pictures aligned by their features", "aligned"),
        _of_thumbnails("same place", "find where two thumbnails differ", "same_place"),
    )
}
