"""Files -> measured pictures, in watched decoder processes.

A hang or a crash costs only one image; see `dispatch`. What a decoder tells is checked here before
anybody relies on it.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import zip_longest
from pathlib import Path
from typing import Any

from PIL import Image

from dedup_nb.library import files, formats
from dedup_nb.pictures import images
from dedup_nb.pictures.engines import dispatch
from dedup_nb.pictures.engines.encoding import Encoding
from dedup_nb.pictures.engines.tasks import Ask, Failure, Item

SECONDS_PER_IMAGE = 60.0
DIGEST = re.compile(r"[0-9a-f]{64}")
STATUSES = ("ok", "unreadable", "too_large")
ODD = "the decoder sent what it should not"
MOST_CHARS = 1000  # of a text that a decoder tells

Raster = images.Raster
Content = tuple[int, int, int, str]  # bytes, mtime_ns, ctime_ns, sha256 at the last reading


def measure_all(
    paths: Sequence[bytes],
    sizes: Sequence[Raster],
    *,
    contents: Sequence[Content] = (),
    known: Callable[[str], bool] = lambda sha256: False,
    workers: int | None = None,
    max_pixels: float = images.MAX_PIXELS,
    seconds: float = SECONDS_PER_IMAGE,
) -> Generator[tuple[int, images.Measured | str], None, None]:
    """Measure files in watched processes; results come as soon as they are ready.

    Parameters
    ----------
    paths : sequence of bytes
        Paths of the files.
    sizes : sequence of (width, height)
        Grey rasters to compute for each picture.
    contents : sequence of Content, optional
        Previous content of each path; an unchanged file is not digested and `known` is not called.
    known : callable
        Called with the sha256 of a file; if it returns True, the file is not decoded.
    workers : int, optional
        Largest number of processes, one per core by default; fewer if there is little to do.
    max_pixels, seconds : float
        Limits for one picture.

    Yields
    ------
    (int, Measured or str)
        Position in `paths` and the result; only the sha256 if the file was `known`.
    """
    here = os.fsencode(Path.cwd())  # a worker has another current folder
    stream = told_by_decoders(
        [os.path.join(here, path) for path in paths],
        setup(sizes, max_pixels),
        contents=contents,
        known=known,
        workers=workers,
        seconds=seconds,
    )
    for position, told in stream:
        before = contents[position][-1] if position < len(contents) else ""
        yield position, told.measured(sizes, before)


@dataclass(frozen=True)
class Told:
    """What a decoder tells about a file, plain data that nobody has checked.

    Attributes
    ----------
    result : Item or Failure
        Of the task `measure`.
    asked : str
        The sha256 that it asked about, or "".
    """

    result: Item | Failure
    asked: str

    def measured(
        self, sizes: Sequence[Raster], before: str = "", encoding: Encoding | None = None
    ) -> images.Measured | str:
        """Return it checked: the measured picture, or only its sha256 if that was known.

        Parameters
        ----------
        sizes : sequence of Raster
            The rasters that were asked for.
        before : str
            The sha256 of the file at the last reading, or "".
        encoding : Encoding, optional
            What was computed from the rasters, if it comes instead of them.
        """
        if isinstance(self.result, Failure):
            return images.Measured("unreadable", self.result.reason, self.asked)
        if self.result.facts == {"known": True} and self.asked:
            return self.asked
        return _measured(self.result, sizes, self.asked or before, encoding)

    def encoded(self, values: Sequence[bytes]) -> Told:
        """Return it with what was computed from its rasters instead of them."""
        facts, blocks = self.result  # type: ignore[misc]  # no `Failure` has rasters
        return Told(Item(facts, [*values, blocks[-1]]), self.asked)


def setup(sizes: Sequence[Raster], max_pixels: float) -> dict[str, Any]:
    """Return the facts that all items of the task `measure` share."""
    return {"sizes": [_named(size) for size in sizes], "max_pixels": max_pixels}


def sizes_of(setup: Mapping[str, Any]) -> list[Raster]:
    """Return the rasters that a `setup` asks for."""
    return [_size(size) for size in setup["sizes"]]


def told_by_decoders(
    paths: Sequence[bytes],
    setup: Mapping[str, Any],
    *,
    contents: Sequence[Content] = (),
    known: Callable[[str], bool] = lambda sha256: False,
    workers: int | None = None,
    seconds: float = SECONDS_PER_IMAGE,
    memory_bytes: int | None = None,
) -> Generator[tuple[int, Told], None, None]:
    """Yield position and what a decoder tells about each file; see `measure_all`.

    Parameters
    ----------
    paths : sequence of bytes
        Absolute paths.
    setup : mapping
        See `setup`.
    """
    digests: dict[int, str] = {}

    def answer(position: int, question: Item) -> Item:
        digest = question.facts.get("sha256")
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            raise ValueError("a digest that is none")
        digests[position] = digest
        return Item({"decode": not known(digest)})

    items = (Item({"content": content}, [path]) for path, content in zip_longest(paths, contents))
    stream = dispatch.as_ready(
        "measure",
        items,
        len(paths),
        setup=setup,
        seconds=seconds,
        workers=workers,
        answer=answer,
        memory_bytes=memory_bytes,
    )
    for position, result in stream:
        yield position, Told(result, digests.pop(position, ""))


def _named(size: Raster) -> Any:
    return size._asdict() if isinstance(size, images.ModelInput) else size


def _measured(
    result: Item, sizes: Sequence[Raster], digest: str, encoding: Encoding | None = None
) -> images.Measured:
    """Return what a decoder tells, if it is of the right types and lengths."""
    facts, blocks = result
    good = (
        facts.keys() == FACTS.keys()
        and all(check(facts[name]) for name, check in FACTS.items())
        and facts["sha256"] in ("", digest)
    )
    if good and facts["status"] == "ok" and facts["sha256"]:
        if encoding is not None and _are_values(blocks, encoding):
            return images.Measured(**facts, values=list(blocks[:-1]), thumbnail=blocks[-1])
        if encoding is None and _are_rasters(blocks, sizes):
            kept = dict(zip(sizes, blocks, strict=False))
            return images.Measured(**facts, rasters=kept, thumbnail=blocks[-1])
    if good and facts["status"] != "ok" and not blocks:
        return images.Measured(**facts)
    return images.Measured("unreadable", ODD, digest)


def _are_rasters(blocks: Sequence[bytes], sizes: Sequence[Raster]) -> bool:
    """Return whether blocks are the rasters of these sizes, and a thumbnail."""
    if len(blocks) != len(sizes) + 1 or not all(map(images.is_raster, blocks, sizes)):
        return False
    for_model = bool(sizes) and isinstance(sizes[0], images.ModelInput)
    return images.is_thumbnail(blocks[-1]) or (for_model and not blocks[-1])


def _are_values(blocks: Sequence[bytes], encoding: Encoding) -> bool:
    """Return whether blocks may be what was computed, and a thumbnail."""
    return (
        bool(blocks)
        and encoding.are_sound(blocks[:-1])
        and type(blocks[-1]) is bytes
        and images.is_thumbnail(blocks[-1])
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MOST_CHARS


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**62


FACTS: dict[str, Callable[[Any], bool]] = {
    "status": lambda value: value in STATUSES,
    "error": _is_text,
    "sha256": lambda value: value == "" or bool(_is_text(value) and DIGEST.fullmatch(value)),
    "size": _is_count,
    "format": lambda value: value in ("", "unknown", *formats.FORMATS),
    "width": _is_count,
    "height": _is_count,
    "animated": lambda value: isinstance(value, bool),
    "contrast": lambda value: isinstance(value, float) and math.isfinite(value),
    "exposure": _is_text,
}


# -- in the worker -------------------------------------------------------------------------------


def measure(item: Item, ask: Ask) -> Item:
    """Read and decode the file of an item; a task, see `tasks`."""
    Image.MAX_IMAGE_PIXELS = None  # `max_pixels` is checked instead, before decoding
    facts, (path,) = item
    content = facts["content"]
    try:
        data = files.read_file(path)
        same = content is not None and _unchanged(path, content)
    except ValueError as error:
        return _told(images.Measured("too_large", str(error)))
    except OSError as error:
        return _told(images.Measured("unreadable", f"cannot be read: {error.strerror or error}"))
    digest = content[-1] if same else files.sha256(data)
    if not same and not ask(Item({"sha256": digest})).facts["decode"]:
        return Item({"known": True})
    sizes = sizes_of(facts)
    name = os.fsdecode(os.path.basename(path))
    return _told(images.measure(data, name, sizes, facts["max_pixels"], digest), sizes)


BLOCKS = ("rasters", "thumbnail", "values")  # of `Measured`, the rest are facts


def _size(named: Any) -> Raster:
    if isinstance(named, dict):
        return images.ModelInput(**named)
    return named if isinstance(named, str) else (named[0], named[1])


def _told(measured: images.Measured, sizes: Sequence[Raster] = ()) -> Item:
    names = [field.name for field in fields(measured)]
    facts = {n: getattr(measured, n) for n in names if n not in BLOCKS}
    if measured.status != "ok":
        return Item(facts)
    return Item(facts, [*(measured.rasters[size] for size in sizes), measured.thumbnail])


def _unchanged(path: bytes, content: Content) -> bool:
    """Return whether a file that was just read is unchanged since the last reading."""
    status = os.lstat(path)
    return tuple(content[:-1]) == (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
