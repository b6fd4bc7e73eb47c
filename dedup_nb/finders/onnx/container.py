"""An ONNX file -> the files beside it that hold its weights, by a walk over its protobuf fields.

Only lengths and numbers of fields are read, so that a model of gigabytes takes no time. The names
are needed because the weights decide the vectors: their digests belong to the key.
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath

from dedup_nb.finders import encoders
from dedup_nb.library.files import is_file
from dedup_nb.library.tables import short

MOST_FIELDS = 5_000_000
MOST_DEPTH = 64
MOST_NAME_BYTES = 4_096
VARINT_BYTES = 10
NUMBER, EIGHT_BYTES, BLOCK, FOUR_BYTES = 0, 1, 2, 5  # wire types of protobuf
# message -> number of a field -> message in it, as in onnx.proto; other fields are skipped
MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "place"},
}
PLACE_KEY, PLACE_VALUE = 1, 2  # fields of an entry that says where a tensor's data are
GRAPH = 7  # field of a model
GIT_LFS = b"version https://git-lfs"
HAVE_IT_WHOLE = "download or export it again"


def digest(path: Path) -> str:
    """Return the sha256 of a model, and of the files beside it that hold its weights.

    Raises
    ------
    ValueError
        One sentence, if a file is missing, damaged or outside the model's folder.
    """
    own = encoders.digest(path, HAVE_IT_WHOLE)
    others = [encoders.digest(path.parent / name, HAVE_IT_WHOLE) for name in files_beside(path)]
    return hashlib.sha256(" ".join([own, *others]).encode()).hexdigest() if others else own


def files_beside(path: Path) -> list[str]:
    """Return the names of the files that hold weights of a model, relative to its folder, sorted.

    Raises
    ------
    ValueError
        One sentence, if the model is damaged, or one of the files is missing or elsewhere.
    """
    try:
        status = path.stat()
        names = _names(path, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror or error}") from error
    for name in names:
        parts = PurePosixPath(name).parts
        if not parts or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name:
            raise ValueError(
                f"{path} looks for weights in {short(name)!r}, which is not in its folder; "
                "export it again, with its weights beside it or inside it"
            )
        if not is_file(path.parent / name):
            raise ValueError(
                f"{path} keeps its weights in {short(name)}, which is not beside it; copy both "
                "files together, or export the model into one file (external_data=False)"
            )
    return list(names)


@cache
def _names(path: Path, *unchanged: int) -> tuple[str, ...]:
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise ValueError(f"{path} is empty; {HAVE_IT_WHOLE}")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if data[: len(GIT_LFS)] == GIT_LFS:
                raise ValueError(
                    f"{path} is a pointer of Git LFS, not the model itself; run git lfs pull"
                )
            try:
                found = set(_walk(data))
            except (ValueError, IndexError) as error:
                raise ValueError(
                    f"{path} is damaged or not an ONNX model ({error}); {HAVE_IT_WHOLE}"
                ) from None
    return tuple(sorted(found))


def _walk(data: mmap.mmap) -> Iterator[str]:
    """Yield the name of the file of every tensor whose data are outside the model."""
    places = [("model", 0, len(data), 0)]
    seen, graphs = 0, 0
    while places:
        message, start, end, depth = places.pop()
        inside = MESSAGES.get(message, {})
        entry: dict[int, bytes] = {}
        for number, at, length in _fields(data, start, end):
            seen += 1
            graphs += message == "model" and number == GRAPH
            if seen > MOST_FIELDS or depth > MOST_DEPTH:
                raise ValueError("it has too many parts")
            if number in inside and length >= 0:
                places.append((inside[number], at, at + length, depth + 1))
            elif message == "place" and 0 <= length <= MOST_NAME_BYTES:
                entry[number] = data[at : at + length]
        if entry.get(PLACE_KEY) == b"location":
            yield entry.get(PLACE_VALUE, b"").decode("utf-8", "replace")
    if not graphs:
        raise ValueError("it holds no graph")


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield (number, position, length) of the fields of a message; length -1 for a number."""
    at = start
    while at < end:
        tag, at = _varint(data, at, end)
        number, wire = tag >> 3, tag & 7
        length = -1
        if wire == BLOCK:
            length, at = _varint(data, at, end)
            size = length
        elif wire == NUMBER:
            _, after = _varint(data, at, end)
            size = after - at
        elif wire in (EIGHT_BYTES, FOUR_BYTES):
            size = 8 if wire == EIGHT_BYTES else 4
        else:
            raise ValueError(f"its byte {at:,} is not of a known kind")
        if number == 0 or at + size > end:
            raise ValueError(f"it is cut off or mixed up at byte {at:,}")
        yield number, at, length
        at += size


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """Return a number of variable length, and the position behind it."""
    value = 0
    for k in range(VARINT_BYTES):
        if at + k >= end:
            raise ValueError(f"it is cut off at byte {at:,}")
        byte = data[at + k]
        value |= (byte & 0x7F) << (7 * k)
        if byte < 0x80:
            return value, at + k + 1
    raise ValueError(f"its byte {at:,} is not of a known kind")
