"""Untrusted files -> short texts for display: companions, and text stored in PNGs.

Nothing is interpreted: a YAML file is shown as it is, and every text is cut to a maximum length.
"""

from __future__ import annotations

import difflib
import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dedup_nb.library import files

MAX_BYTES = 64 * 1024  # largest size of one text
MAX_COMPANIONS = 12
MAX_LINES = 400  # largest number of lines that are compared
CONTEXT = 2  # equal lines shown around a difference
PNG = b"\x89PNG\r\n\x1a\n"
CUT = "\n… (cut)"


def read(path: bytes) -> str | None:
    """Return the beginning of a text file, or None if it is not text.

    Raises
    ------
    OSError
        If it cannot be opened or is not a regular file.
    """
    data = files.read_file(path, MAX_BYTES + 1, cut=True)
    if b"\0" in data:
        return None
    text = data[:MAX_BYTES].decode("utf-8", "replace")
    return text + CUT if len(data) > MAX_BYTES else text


def companions(folder: bytes, names: Sequence[str], stem: str) -> dict[str, str]:
    """Return the texts of an image's companions by the rest of their name: `.yaml`, `.txt`."""
    texts = {}
    for name in names[:MAX_COMPANIONS]:
        try:
            text = read(os.path.join(folder, os.fsencode(name)))
        except (OSError, ValueError) as error:
            text = f"cannot be read: {error}"
        texts[name.removeprefix(stem)] = "(not text)" if text is None else text
    return texts


def in_png(data: bytes) -> dict[str, str]:
    """Return the texts stored in a PNG by keyword, such as `parameters` or `prompt`.

    Damaged texts, and texts that inflate beyond `MAX_BYTES`, are cut.
    """
    texts: dict[str, str] = {}
    for kind, body in _chunks(data):
        keyword, separator, rest = body.partition(b"\0")
        if not separator or len(texts) >= MAX_COMPANIONS:
            continue
        text = _text(kind, rest)
        name = keyword[:79].decode("latin-1")
        if text is not None and name not in texts:
            texts[name] = text
    return texts


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(PNG)
    while data.startswith(PNG) and at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            yield kind, data[at + 8 : at + 8 + length]
        at += 12 + length


def _text(kind: bytes, rest: bytes) -> str | None:
    if kind == b"tEXt":
        return _cut(rest, "latin-1")
    if kind == b"zTXt":
        return _inflated(rest[1:], "latin-1")
    if len(rest) < 2:
        return None
    packed, text = rest[0], rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    return _inflated(text, "utf-8") if packed else _cut(text, "utf-8")


def _inflated(data: bytes, encoding: str) -> str | None:
    try:
        return _cut(zlib.decompressobj().decompress(data, MAX_BYTES + 1), encoding)
    except zlib.error:
        return None


def _cut(data: bytes, encoding: str) -> str:
    text = data[:MAX_BYTES].decode(encoding, "replace")
    return text + CUT if len(data) > MAX_BYTES else text


def compare(a: Mapping[str, str], b: Mapping[str, str]) -> list[dict[str, Any]]:
    """Compare the facts and texts of two images by name; differences come first.

    Returns
    -------
    list of dict
        `name`, `same`, `a` and `b` (None if missing), and for texts of several lines `diff`: a list
        of (sign, line) with `-` for the first, `+` for the second, ` ` for both and `@` where equal
        lines are omitted.
    """
    rows = [_compared(name, a.get(name), b.get(name)) for name in {**a, **b}]
    return sorted(rows, key=lambda row: bool(row["same"]))


def _compared(name: str, a: str | None, b: str | None) -> dict[str, Any]:
    row: dict[str, Any] = {"name": name, "same": a == b, "a": a, "b": b}
    if a is not None and b is not None and a != b and "\n" in (a + b).strip():
        row["diff"] = list(_diff(a.splitlines()[:MAX_LINES], b.splitlines()[:MAX_LINES]))
    return row


def _diff(a: list[str], b: list[str]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(difflib.unified_diff(a, b, lineterm="", n=CONTEXT)):
        if number > 1:  # the first two lines are file names
            yield line[0], "" if line[0] == "@" else line[1:]
