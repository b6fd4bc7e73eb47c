"""A table <-> a CSV that is safe to open in a spreadsheet; file names -> printable text.

Standard library only. UTF-8 with `surrogateescape`, so that every file name survives. A cell that a
spreadsheet would run as a formula gets a leading `'`, which is removed on reading.
"""

from __future__ import annotations

import codecs
import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any, TextIO

from dedup_nb.library import files

QUOTED_SIGNS = ',"\r\n'  # most readers treat a bare CR as the end of the row
QUOTED = re.compile(f"[{QUOTED_SIGNS}]")
FORMULA_STARTS = ("=", "+", "-", "@", "'", "\t", "\r")

# How names are written: bytes that are not UTF-8 as they are, half characters escaped.
NAMES = "dedup_nb.names"
DELIMITERS = ",;\t|"
MOST_HEADER = 2**20  # characters of a header line
SPREADSHEETS = {b"PK\x03\x04": "an .xlsx or .ods", b"\xd0\xcf\x11\xe0": "an .xls"}

ROWS = 20_000  # rows written at once

# What pandas and Arrow raise for a Parquet file that is damaged or holds another table
NOT_A_TABLE = (
    OSError, ValueError, IndexError, KeyError, TypeError, NotImplementedError, OverflowError
)  # fmt: skip

csv.field_size_limit(2**31 - 1)  # no limit on the size of a cell


def _as_name(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    half = error.object[error.start : error.end]
    data = b"".join(
        bytes([ord(c) - 0xDC00]) if "\udc80" <= c <= "\udcff" else b"\\u%04x" % ord(c) for c in half
    )
    return data, error.end


codecs.register_error(NAMES, _as_name)


def shown(text: str) -> str:
    """Return printable `text`: bytes that are not UTF-8 become the replacement character."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:  # half a character, as JSON can hold
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def plain(text: str) -> str:
    """Return text on one line, safe for a terminal: what cannot be seen is escaped.

    Control characters, terminal sequences, marks that turn the direction of writing around and
    line ends become `\\x1b`, `\\u202e`, `\\n`.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in shown(text))


def short(text: str, most: int = 100) -> str:
    """Return at most the first `most` characters of a text, for a message."""
    return text if len(text) <= most else f"{text[:most]}…"


def guard(cell: str) -> str:
    """Prefix a cell that a spreadsheet would run as a formula with `'`."""
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell


def unguard(cell: str) -> str:
    """Undo `guard`."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA_STARTS) else cell


def csv_cell(value: Any) -> str:
    """Format one value for CSV: None and NaN are empty, text is guarded and quoted."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    text = guard(value)
    if QUOTED.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text


def csv_line(values: Iterable[Any]) -> str:
    """Format one row of CSV, with its line feed."""
    return ",".join(map(csv_cell, values)) + "\n"


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as a new CSV file.

    Raises
    ------
    FileExistsError
        If `path` exists; results are never overwritten.
    """
    with _new(path) as file:
        file.write(csv_line(columns))
        file.writelines(csv_line(row.get(name) for name in columns) for row in rows)


def write_columns(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns of equal length as a new CSV file, like `write_csv` but several times faster.

    Parameters
    ----------
    columns : mapping of str to sequence or ndarray
        The values of each column.

    Raises
    ------
    FileExistsError
        If `path` exists; results are never overwritten.
    """
    n = max(map(len, columns.values()), default=0)
    with _new(path) as file:
        file.write(csv_line(columns))
        for start in range(0, n, ROWS):
            cells = [_cells(values[start : start + ROWS]) for values in columns.values()]
            file.writelines(map("{}\n".format, map(",".join, zip(*cells, strict=True))))


@contextmanager
def _new(path: Path) -> Iterator[TextIO]:
    """Open a new CSV file, which gets its name when it is complete."""
    with (
        files.creating(path) as fresh,
        open(fresh, "w", encoding="utf-8", errors=NAMES, newline="") as file,
    ):
        yield file


def _cells(values: Any) -> list[str]:
    """Return `csv_cell` of each value, handling a whole column at once where possible."""
    if hasattr(values, "tolist"):
        values = values.tolist()  # NumPy numbers become Python numbers
    kinds = set(map(type, values))
    if kinds == {int}:
        return list(map(str, values))
    if kinds == {str}:
        joined = "".join(values)
        firsts = {value[:1] for value in values}
        if firsts.isdisjoint(FORMULA_STARTS) and not any(sign in joined for sign in QUOTED_SIGNS):
            return list(values)
    return list(map(csv_cell, values))


def read_csv(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file as dicts of text, with guards removed.

    Raises
    ------
    ValueError
        If the file is not a UTF-8 CSV with a header; names the line.
    """
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            columns = [unguard(name) for name in next(reader, [])]
            _check_header(path, columns)
            for cells in _of_width(path, reader, len(columns)):
                yield dict(zip(columns, map(unguard, cells), strict=True))
        except csv.Error as error:
            raise ValueError(f"{path} line {reader.line_num} is not CSV: {error}") from error


def read_columns(path: Path, wanted: Sequence[str]) -> dict[str, list[str]]:
    """Return some columns of a CSV file as lists of text; those that it does not have are empty.

    Much faster than `read_csv`, and other columns take no memory.

    Raises
    ------
    OSError, ValueError
        See `read_csv`.
    """
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = [unguard(name) for name in next(reader, [])]
            _check_header(path, header)
            there = [name for name in wanted if name in header]
            take = itemgetter(*[header.index(name) for name in there], 0)  # 0: always a tuple
            rows = [take(row) for row in _of_width(path, reader, len(header))]
        except csv.Error as error:
            raise ValueError(f"{path} line {reader.line_num} is not CSV: {error}") from error
    columns: dict[str, list[str]] = {name: [""] * len(rows) for name in wanted}
    for name, cells in zip(there, zip(*rows, strict=True), strict=False):
        once: dict[str, str] = {}  # most cells of most columns are equal to another one
        column = (unguard(cell) if cell[:1] == "'" else cell for cell in cells)
        columns[name] = [once.setdefault(cell, cell) for cell in column]
    return columns


def _check_header(path: Path, columns: Sequence[str]) -> None:
    if not columns:
        raise ValueError(f"{path} is empty; a CSV needs a header line")
    if len(set(columns)) < len(columns):
        raise ValueError(f"{path} has two columns of the same name: {', '.join(columns)}")


def _of_width(path: Path, reader: Any, width: int) -> Iterator[list[str]]:
    """Yield the rows of a CSV reader without blank ones; each must have so many cells."""
    for cells in reader:
        if len(cells) == width:
            yield cells
        elif cells:
            raise ValueError(
                f"{path} line {reader.line_num} has {len(cells)} cells, "
                f"the header has {width}; was the file cut or edited?"
            )


def read_edited(path: Path, needed: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file that a person may have saved from a spreadsheet.

    UTF-8 or UTF-16 with a mark; commas, semicolons, tabs or bars; a line `sep=;` before the header.
    Blank rows, blank columns, and blanks around column names are left out. Cells that a spreadsheet
    omits at the end of a row may be missing, unless they are needed.

    Parameters
    ----------
    path : Path
        The file.
    needed : sequence of str
        Columns that it must have.

    Raises
    ------
    ValueError
        If it is something else, was cut off inside a row, or lacks a column; says what it is.
    """
    encoding, ends = _encoding(path)
    errors = "surrogateescape" if encoding == "utf-8-sig" else "strict"
    with open(path, encoding=encoding, errors=errors, newline="") as file:
        try:
            delimiter, above = _delimiter(path, file, needed)
            file.seek(0)
            for _ in range(above):
                file.readline()
            yield from _edited_rows(path, file, delimiter, needed, above, ends)
        except UnicodeError as error:
            raise ValueError(f"{path} is damaged: it is not whole UTF-16 text") from error


def _encoding(path: Path) -> tuple[str, bool]:
    """Return the encoding of a file by its first bytes, and whether its last line is ended."""
    with open(path, "rb") as file:
        head = file.read(4096)
        size = file.seek(0, 2)
        file.seek(max(0, size - 4))
        ends = file.read().rstrip(b"\0").endswith((b"\n", b"\r"))
    for start, what in SPREADSHEETS.items():
        if head.startswith(start):
            raise ValueError(f"{path} is {what} file; save it as CSV (UTF-8) and pass that")
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16", ends
    if b"\0" in head[:2]:
        raise ValueError(f"{path} is not text, or UTF-16 without a mark; save it as CSV (UTF-8)")
    return "utf-8-sig", ends


def _delimiter(path: Path, file: TextIO, needed: Sequence[str]) -> tuple[str, int]:
    """Return what separates the cells, and the number of lines above the header."""
    above, given = 0, ""
    while line := file.readline(MOST_HEADER):
        text = line.strip("\ufeff \r\n")
        if match := re.fullmatch(r"sep=(.)", text.strip('"'), re.IGNORECASE):
            given = match[1]
        elif text.strip(DELIMITERS + '" '):
            break
        above += 1
    else:
        raise ValueError(f"{path} is empty; a CSV needs a header line")

    def known(delimiter: str) -> int:
        cells = next(csv.reader([line], delimiter=delimiter), [])
        return len({_column(cell) for cell in cells} & {*needed})

    return max(given or DELIMITERS, key=known), above


def _column(cell: str) -> str:
    return unguard(cell.strip("\ufeff \t\r\n")).strip()


def _edited_rows(
    path: Path, file: TextIO, delimiter: str, needed: Sequence[str], above: int, ends: bool
) -> Iterator[dict[str, str]]:
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    columns: list[str] = []
    short_by = 0  # cells that the last row lacks
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            line = reader.line_num + above
            if not columns:
                columns = [_column(cell) for cell in cells]
                _check_columns(path, columns, needed)
                continue
            if len(cells) == len(columns) and "" not in columns:
                short_by = 0
                yield dict(zip(columns, map(unguard, cells), strict=True))
                continue
            short_by = max(0, len(columns) - len(cells))
            extra, missing = cells[len(columns) :], columns[len(cells) :]
            if any(cell.strip() for cell in extra) or {*missing} & {*needed}:
                raise ValueError(
                    f"{path} line {line} has {len(cells)} cells, "
                    f"the header has {len(columns)}; was the file cut or edited?"
                )
            row = dict(zip(columns, map(unguard, cells), strict=False))
            nameless = (cell for name, cell in zip(columns, cells, strict=False) if not name)
            if any(cell.strip() for cell in nameless):
                raise ValueError(f"{path} line {line} has a value in a column without a name")
            row.pop("", None)
            yield dict.fromkeys(filter(None, missing), "") | row
    except csv.Error as error:
        raise ValueError(
            f"{path} line {reader.line_num + above} is not CSV: {error}; "
            "was the file cut or edited?"
        ) from error
    if short_by and not ends:
        raise ValueError(f"{path} ends inside its last row; was it cut off?")


def _check_columns(path: Path, columns: Sequence[str], needed: Sequence[str]) -> None:
    names = [name for name in columns if name]
    if len(set(names)) < len(names):
        raise ValueError(f"{path} has two columns of the same name: {', '.join(names)}")
    if lacking := [name for name in needed if name not in names]:
        raise ValueError(f"{path} lacks the columns {', '.join(lacking)}; run the report again")
