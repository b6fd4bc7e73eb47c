"""One journal record -> checked for its shape and its paths before anything believes it.

A checksum shows that a line is whole, not that it is true: a journal may come with a library from
somewhere else. A record that this tool could not have written makes its journal read-only, so that
it never names a file to move or to remove.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from dedup_nb.library.bundles import folded
from dedup_nb.library.layout import CLUSTERS, OURS, STAGING
from dedup_nb.library.tables import short
from dedup_nb.staging.refusals import Refused
from dedup_nb.staging.safefs import Parts, split_path

MARKER = ".cropped"  # the only file that a journal may name as made by us
MOST_BUNDLES = 2**31
MOST_BITS = 96  # of any number; a time in ns beyond year 2262 needs 65
SHA256 = re.compile(r"[0-9a-f]{64}")

Record = dict[str, Any]
FILE_NUMBERS = ("size", "mtime_ns", "mode", "ino", "dev", "nlink")
KEEPER_NUMBERS = ("size", "mtime_ns", "ino", "dev")


def check(record: Record, batch: str) -> None:
    """Refuse a record that this tool could not have written for a batch.

    Raises
    ------
    ValueError
        What is wrong with it.
    """
    CHECKS[record["event"]](record, batch)


def _header(record: Record, batch: str) -> None:
    if record.get("batch") != batch:
        raise ValueError("the header names another batch")
    _texts(record, ("time", "tool", "host", "plan"))


def _intent(record: Record, batch: str) -> None:
    _number_of(record)
    _texts(record, ("bundle", "group", "rule", "reason"), needed=True)
    _texts(record, ("time",))
    for path in _list(record, "covers", str):
        _home(path)
    for keeper in _list(record, "keepers", dict, needed=True):
        _home(_text(keeper, "path"))
        _numbers(keeper, KEEPER_NUMBERS)
        _digest(keeper)
    files = _list(record, "files", dict, needed=True)
    if not files:
        raise ValueError("an intent without files")
    for file in files:
        check_file(file, batch)
    for name in ("src", "dst"):
        if len({file[name] for file in files}) < len(files):
            raise ValueError("an intent that names a file twice")


def check_file(file: Record, batch: str) -> None:
    """Refuse a file of an intent whose paths lie outside its batch, or whose identity is odd."""
    home, place = _home(_text(file, "src")), _parts(_text(file, "dst"))
    if place[0] not in STAGING or place[1:2] != (batch,):
        raise ValueError("an intent with paths outside its batch")
    inner = 3 if place[0] == CLUSTERS and place[2:] != home else 2
    if place[inner:] != home:
        raise ValueError("an intent with paths outside its batch")
    _numbers(file, FILE_NUMBERS)
    _digest(file)


def _made(record: Record, batch: str) -> None:
    """Check that folders lie in this batch's staging, and that files are markers."""
    for path in _list(record, "folders", str):
        parts = _parts(path)
        if parts[0] not in STAGING or (len(parts) > 1 and parts[1] != batch):
            raise ValueError(f"the folder {short(path)!a} is not in the staging of this batch")
    for path in _list(record, "flags", str):
        parts = _home(path)
        if not parts[-1].endswith(MARKER):
            raise ValueError(f"{short(path)!a} is not a {MARKER} marker")


def _step(record: Record, batch: str) -> None:
    _number_of(record)


def _step_with_files(record: Record, batch: str) -> None:
    _number_of(record)
    _list(record, "files", str, needed=True)


def _end(record: Record, batch: str) -> None:
    """An end of a batch says nothing that anything relies on."""


CHECKS: dict[str, Callable[[Record, str], None]] = {
    "header": _header,
    "intent": _intent,
    "done": _step,
    "aborted": _step,
    "conflict": _step,
    "restore_intent": _step_with_files,
    "restored": _step_with_files,
    "approve_intent": _step,
    "purged": _step_with_files,
    "created": _made,
    "uncreated": _made,
    "end": _end,
}


# ---------------------------------------------------------------- values


def _number_of(record: Record) -> None:
    number = record.get("intent")
    if type(number) is not int or not 0 <= number < MOST_BUNDLES:
        raise ValueError("the number of an intent is not a whole number")


def _numbers(entry: Record, names: Iterable[str]) -> None:
    for name in names:
        value = entry.get(name)
        if type(value) is not int or value.bit_length() > MOST_BITS:
            raise ValueError(f"{name} is not a whole number")


def _text(entry: Record, name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is not text")
    return value


def _texts(entry: Record, names: Iterable[str], *, needed: bool = False) -> None:
    for name in names:
        if needed or entry.get(name) is not None:
            _text(entry, name)


def _digest(entry: Record) -> None:
    if not SHA256.fullmatch(_text(entry, "sha256")):
        raise ValueError("sha256 is not a digest")


def _list(entry: Record, name: str, kind: type, *, needed: bool = False) -> list[Any]:
    value = entry.get(name)
    if value is None and not needed:
        return []
    if not isinstance(value, list) or not all(isinstance(item, kind) for item in value):
        raise ValueError(f"{name} is not a list")
    return value


def _parts(path: str) -> Parts:
    try:
        return split_path(path)
    except Refused as refused:
        raise ValueError(str(refused)) from None


def _home(path: str) -> Parts:
    """Return the components of a path outside our own folders."""
    parts = _parts(path)
    if any(folded(part) in OURS for part in parts):
        raise ValueError(f"{short(path)!a} lies in a staging or private folder")
    return parts
