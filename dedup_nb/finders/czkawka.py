"""Czkawka's results -> the groups they claim; our groups -> Czkawka's JSON.

Reads the JSON of every version since 6.1 (similar images and duplicates, with and without
reference folders), its text, and CSV made from it. A result is only a claim about a path; the
caller checks it on disk.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dedup_nb.library.files import read_named
from dedup_nb.library.tables import short

SIMILAR, DUPLICATES = "similar images", "duplicates"

PATH_COLUMNS = ("path", "file", "file_path", "filepath", "filename", "full_path", "fullpath")
GROUP_COLUMNS = ("group", "group_id", "groupid", "group_number", "group_no", "cluster")
BITS_COLUMNS = ("difference", "similarity", "distance", "hamming_bits")
REFERENCE_COLUMNS = ("reference", "is_reference")
BITS = re.compile(r"[0-9]{1,6}")
MOST_BYTES = 2**30  # of one results file
MOST_LINE = 16_384  # characters; a path has at most 4,096 bytes
YES = ("1", "true", "yes", "y", "x")

SIMILAR_LINE = re.compile(r"(.+) - (\d+)x(\d+) - [\d.,]+ ?[A-Za-z]+ - (.+)")
SIMILAR_HEAD = re.compile(r"Found (\d+) images which have similar friends")
SIMILAR_COUNT = re.compile(r"(\d+) images which have similar friends")
DUPLICATES_HEAD = re.compile(r"(?:Name|Size|---- Size|---- Name) .*- (\d+) files\s*")
REFERENCE_LINE = "Reference file - "
NOTHING = ("Not found any similar images.", "Not found any duplicates.")
RUST_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "\\": "\\", '"': '"', "'": "'"}
ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|(.?))", re.DOTALL)
WINDOWS = re.compile(r"(?:[A-Za-z]:[\\/]|\\\\)")


@dataclass(frozen=True)
class Entry:
    """One file of one group, as Czkawka reports it.

    Attributes
    ----------
    path : str
        Absolute, as written.
    size, modified : int or None
        Bytes and Unix seconds at the time of Czkawka's scan, if the results include them.
    bits : int or None
        Hamming distance to the group's first hash in bits, if the results include it.
    reference : bool
        Whether the file is in a reference folder.
    """

    path: str
    size: int | None = None
    modified: int | None = None
    bits: int | None = None
    reference: bool = False


@dataclass
class Results:
    """The groups in one results file."""

    file: Path
    kind: str  # SIMILAR or DUPLICATES; CSV counts as similar images
    groups: list[list[Entry]] = field(default_factory=list)


def read(file: Path) -> Results:
    """Read one results file; the format is detected from the content.

    Raises
    ------
    ValueError
        One sentence that names the file and the place in it, if the file is damaged, truncated
        or not from Czkawka.
    """
    text = _text(file)
    start = text.lstrip()[:1]
    if start and start in "[{":
        return _read_json(file, text)
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        raise ValueError(f"{file} is empty; export the results again")
    if delimiter := _delimiter(first):
        return _read_csv(file, text, delimiter)
    return _read_text(file, text)


def _text(file: Path) -> str:
    data = read_named(file, MOST_BYTES, "results file")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # PowerShell writes UTF-16
        return data.decode("utf-16", "replace")
    if (at := data.find(b"\0")) >= 0:
        raise ValueError(f"{file} byte {at}: binary data, so this is not a Czkawka results file")
    return data.decode("utf-8-sig", "surrogateescape")


# ---------------------------------------------------------------- JSON


def _read_json(file: Path, text: str) -> Results:
    try:
        loaded = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        whole = error.pos < len(text.rstrip())
        why = "damaged" if whole else "truncated"
        raise ValueError(
            f"{file} {place}: {error.msg}; the file is {why}; export it again"
        ) from None
    except RecursionError:
        raise ValueError(f"{file} is nested too deeply for a Czkawka results file") from None
    except ValueError as error:  # a number of thousands of digits
        raise ValueError(f"{file} is damaged: {error}; export it again") from None
    results = Results(file, SIMILAR)
    if isinstance(loaded, list):
        parts = [(f"group {n}", value) for n, value in enumerate(loaded, 1)]
    else:
        parts = [(f"key {short(json.dumps(key))}", value) for key, value in loaded.items()]
        results.kind = DUPLICATES
    for place, value in parts:
        for where, group in _groups_below(place, value, file, nested=isinstance(loaded, dict)):
            results.groups.append(_json_group(where, group, file))
    if results.groups and isinstance(loaded, list) and not _has_pixels(loaded):
        results.kind = DUPLICATES
    return results


def _groups_below(
    place: str, value: Any, file: Path, nested: bool
) -> Iterable[tuple[str, list[Any]]]:
    """Yield the groups under one key: a single group, or a list of groups keyed by hash."""
    if not isinstance(value, list):
        raise _foreign(file, place, "a list of files", value)
    if nested and value and all(isinstance(part, list) for part in value):
        for n, part in enumerate(value, 1):
            yield f"{place} group {n}", part
    else:
        yield place, value


def _json_group(place: str, group: list[Any], file: Path) -> list[Entry]:
    with_reference = len(group) == 2 and isinstance(group[1], list)
    members = [group[0], *group[1]] if with_reference else group
    return [
        _json_entry(f"{place} entry {n}", member, file, reference=with_reference and n == 1)
        for n, member in enumerate(members, 1)
    ]


def _json_entry(place: str, entry: Any, file: Path, *, reference: bool) -> Entry:
    if not isinstance(entry, dict):
        raise _foreign(file, place, "a file", entry)
    path = entry.get("path")
    if not isinstance(path, str) or not path:
        raise ValueError(f"{file} {place} has no path; this is not a Czkawka results file")
    numbers: dict[str, int | None] = {}
    for name, keys in {
        "size": ("size",),
        "modified": ("modified_date",),
        "bits": ("difference", "similarity"),
    }.items():
        value = next((entry[key] for key in keys if key in entry), None)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise ValueError(
                f"{file} {place}: {keys[0]} is {short(json.dumps(value))}, not an integer"
            )
        numbers[name] = value
    return Entry(path, **numbers, reference=reference)


def _has_pixels(groups: list[Any]) -> bool:
    """Return whether the entries have pixel sizes: similar images do, duplicates do not."""
    first = next((part for group in groups for part in group if isinstance(part, dict)), {})
    return not {"width", "dimensions", "similarity", "difference"}.isdisjoint(first)


def _foreign(file: Path, place: str, wanted: str, value: Any) -> ValueError:
    kinds = {dict: "an object", list: "a list", str: "text", type(None): "null"}
    return ValueError(
        f"{file} {place} is {kinds.get(type(value), 'a number')} where {wanted} is expected; "
        "this is not a Czkawka results file of similar images or duplicates"
    )


# ---------------------------------------------------------------- CSV


def _names(line: str, delimiter: str) -> list[str]:
    cells = next(csv.reader([line], delimiter=delimiter), [])
    return [re.sub(r"[\s-]+", "_", cell.strip().lower()) for cell in cells]


def _delimiter(head: str) -> str | None:
    """Return the delimiter of a CSV header that has path and group columns, or None."""
    for delimiter in ",;\t":
        names = _names(head, delimiter)
        if {*names} & {*PATH_COLUMNS} and {*names} & {*GROUP_COLUMNS}:
            return delimiter
    return None


def _read_csv(file: Path, text: str, delimiter: str) -> Results:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names: list[str] = []
    groups: dict[str, list[Entry]] = {}
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not names:
                names = _names(delimiter.join(cells), delimiter)
                continue
            if len(cells) != len(names):
                raise ValueError(
                    f"{file} line {reader.line_num} has {len(cells)} of {len(names)} columns; "
                    "the file is damaged or truncated"
                )
            row = dict(zip(names, cells, strict=True))
            entry = _csv_entry(row, f"{file} line {reader.line_num}")
            groups.setdefault(_cell(row, GROUP_COLUMNS), []).append(entry)
    except csv.Error as error:
        raise ValueError(f"{file} line {reader.line_num}: {error}; the file is damaged") from None
    return Results(file, SIMILAR, list(groups.values()))


def _csv_entry(row: Mapping[str, str], place: str) -> Entry:
    path = _cell(row, PATH_COLUMNS)
    if not path or not _cell(row, GROUP_COLUMNS):
        raise ValueError(f"{place} has no {'group' if path else 'path'}")
    bits = _cell(row, BITS_COLUMNS)
    reference = _cell(row, REFERENCE_COLUMNS).lower() in YES
    return Entry(path, bits=int(bits) if BITS.fullmatch(bits) else None, reference=reference)


def _cell(row: Mapping[str, str], columns: Sequence[str]) -> str:
    return next((row[name].strip() for name in columns if name in row), "")


# ---------------------------------------------------------------- text


@dataclass
class _Block:
    """One group of a text file while it is read."""

    line: int
    count: int
    kind: str
    written: list[str] = field(default_factory=list)
    reference: bool = False
    blank: bool = False  # an empty line after the header precedes a reference file


def _read_text(file: Path, text: str) -> Results:
    blocks: list[_Block] = []
    announced = None  # number of groups of similar images that the header announces
    nothing = False
    lines = [
        line.removesuffix("\r") for line in text.split("\n")
    ]  # file names may contain other line breaks
    for number, line in enumerate(lines, 1):
        if len(line) > MOST_LINE:
            raise ValueError(
                f"{file} line {number} has {len(line):,} characters, so this is not Czkawka output"
            )
        if match := SIMILAR_HEAD.fullmatch(line.strip()):
            blocks.append(_Block(number, int(match[1]), SIMILAR))
        elif match := SIMILAR_COUNT.fullmatch(line.strip()):
            announced = int(match[1])
        elif match := DUPLICATES_HEAD.fullmatch(line):
            blocks.append(_Block(number, int(match[1]), DUPLICATES))
        elif line.strip() in NOTHING:
            nothing = True
        elif blocks:
            _take_line(blocks[-1], line, f"{file} line {number}")
        elif line.strip() and not _preamble(line):
            raise ValueError(
                f"{file} line {number}: {line[:60]!r} is not Czkawka output; "
                "pass its JSON or text, or a CSV with the columns path and group"
            )
    if not blocks and not nothing and announced != 0:
        raise ValueError(
            f"{file} line {len(lines)}: the file ends before its first group; it is truncated"
        )
    _refuse_truncated(file, blocks, announced)
    plain = _quotes_are_plain([path for block in blocks for path in block.written])
    groups = [
        [
            Entry(_unquoted(path, plain), reference=block.reference and n == 0)
            for n, path in enumerate(block.written)
        ]
        for block in blocks
    ]
    kind = blocks[0].kind if blocks else SIMILAR
    return Results(file, kind, groups)


def _preamble(line: str) -> bool:
    return line.startswith(("Results of searching", "-------", "Found ", "Files with"))


def _take_line(block: _Block, line: str, place: str) -> None:
    if not line.strip():
        block.blank = block.blank or not block.written
        return
    if block.kind == DUPLICATES:
        if line.startswith("-------") or (line.startswith("Found ") and " groups " in line):
            return
        if line.startswith(REFERENCE_LINE):
            block.reference, line = True, line.removeprefix(REFERENCE_LINE)
        block.written.append(line)
        return
    match = SIMILAR_LINE.fullmatch(line)
    if not match:
        raise ValueError(
            f"{place}: {line[:60]!r} is not a similar image; the file is damaged or truncated"
        )
    block.reference = block.reference or block.blank
    block.written.append(match[1])


def _refuse_truncated(file: Path, blocks: Sequence[_Block], announced: int | None) -> None:
    if announced is not None and len(blocks) < announced:
        raise ValueError(
            f"{file} ends after {len(blocks)} of {announced} groups; the file is truncated"
        )
    for block in blocks[-1:]:
        wanted = block.count + block.reference
        # old versions wrote the number of groups here instead of the number of files
        if len(block.written) < wanted and block.count != announced:
            raise ValueError(
                f"{file} line {block.line}: the group has {len(block.written)} of {wanted} files; "
                "the file is truncated"
            )


def _quotes_are_plain(written: Sequence[str]) -> bool:
    """Return whether quoted paths are unescaped, as version 8 writes them; 7.0 escapes them."""
    quoted = [path[1:-1] for path in written if _is_quoted(path)]
    for path in quoted:
        left = ESCAPE.sub("", path)
        marks = {match[2] for match in ESCAPE.finditer(path) if match[1] is None}
        if '"' in left or not marks <= {*RUST_ESCAPES} or re.match(r"[A-Za-z]:\\[^\\]", path):
            return True
    return False


def _is_quoted(path: str) -> bool:
    return len(path) > 1 and path[0] == path[-1] == '"'


def _unquoted(path: str, plain: bool) -> str:
    if not _is_quoted(path):
        return path
    if plain:
        return path[1:-1]
    return ESCAPE.sub(_unescaped, path[1:-1])


def _unescaped(match: re.Match[str]) -> str:
    if not match[1]:
        return RUST_ESCAPES[match[2]]
    code = int(match[1], 16)
    return chr(code) if code <= sys.maxunicode else "\ufffd"


# ---------------------------------------------------------------- paths


def here(path: str, path_map: Mapping[str, str]) -> str:
    """Translate a path from Czkawka's results to this machine, with `/` separators.

    Parameters
    ----------
    path : str
        As Czkawka wrote it, possibly on another machine.
    path_map : mapping of str -> str
        Prefix there -> prefix here; the longest match wins. Only whole folders match. Windows
        paths ignore case, because Czkawka writes part of them in lower case.
    """
    clean = _slashes(path)
    for old in sorted(path_map, key=len, reverse=True):
        prefix = _slashes(old).rstrip("/")
        folded = bool(WINDOWS.match(old))
        head, tail = clean[: len(prefix)], clean[len(prefix) :]
        same = head.casefold() == prefix.casefold() if folded else head == prefix
        if same and (not tail or tail.startswith("/")):
            return path_map[old].rstrip("/") + tail
    return clean


def _slashes(path: str) -> str:
    if not WINDOWS.match(path):
        return path
    clean = path.replace("\\", "/")
    return re.sub(r"^//\?/(UNC/)?", lambda match: "//" if match[1] else "", clean)


# ---------------------------------------------------------------- export to Czkawka's format


def shaped(groups: Iterable[Sequence[Mapping[str, Any]]]) -> list[list[dict[str, Any]]]:
    """Convert groups to the JSON structure of similar images of Czkawka 8 to 10.

    Parameters
    ----------
    groups : iterable of sequences of mappings
        The keeper of each group comes first; members have `path` (absolute), `bytes`, `width`,
        `height`, `mtime_ns` and `bits`.
    """
    return [
        [
            {
                "path": member["path"],
                "size": int(member["bytes"]),
                "width": int(member["width"]),
                "height": int(member["height"]),
                "modified_date": int(member["mtime_ns"]) // 10**9,
                "hash": [],
                "similarity": int(member["bits"]),
            }
            for member in group
        ]
        for group in groups
    ]
