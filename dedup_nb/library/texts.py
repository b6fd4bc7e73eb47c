"""Untrusted files -> short texts for display: companions, and text stored in PNGs.

Nothing is interpreted: a YAML file is shown as it is, and every text is cut to a maximum length.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dedup_nb.library import files, png_chunks

MAX_BYTES = 64 * 1024  # largest size of one text
MAX_COMPANIONS = 12
MAX_LINES = 400  # largest number of lines that are compared
CONTEXT = 2  # equal lines shown around a difference
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
    for each in png_chunks.texts(data, MAX_BYTES):
        if not each.problem and each.keyword not in texts and len(texts) < MAX_COMPANIONS:
            texts[each.keyword] = each.text + CUT if each.cut else each.text
    return texts


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
