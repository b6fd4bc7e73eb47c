"""A run folder <-> its catalogue, written whole and checked to be whole before it is used.

`run.json` records the size and digest of `catalogue.csv` and `not_images.csv`. A file that differs
was cut off by a kill, a full disk or a damaged one; it is kept under another name and made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from dedup_nb.library import catalogue, files
from dedup_nb.library.catalogue import Other
from dedup_nb.session import runs

CATALOGUE, NOT_IMAGES, PARQUET = "catalogue.csv", "not_images.csv", "catalogue.parquet"


def whole(folder: Path) -> pd.DataFrame:
    """Return the catalogue of a run.

    Raises
    ------
    FileNotFoundError
        If the run has none.
    ValueError
        If it is not the file that the run wrote, or cannot be read.
    """
    path = folder / CATALOGUE
    for name, written in _recorded(folder).items():
        if (folder / name).is_file() and _mark(folder / name) != written:
            raise ValueError(f"{folder / name} is not as it was written; was it cut off or edited?")
    return catalogue.read(path)


def usable(folder: Path) -> pd.DataFrame | None:
    """Return the catalogue of a run, or None if it must be made; a damaged one is set aside."""
    path = folder / CATALOGUE
    if not path.exists():
        return None
    try:
        return whole(folder)
    except ValueError as error:
        aside = files.set_aside(path)
        print(f"{error} It is kept as {aside.name}, and the catalogue is made again.")
        return None


def write(folder: Path, table: pd.DataFrame, others: Sequence[Other]) -> pd.DataFrame:
    """Write the catalogue of a run that has none; return it, or that of a faster notebook.

    `catalogue.csv` comes last, so where it is, the other files are.

    Raises
    ------
    ValueError
        If results of this run refer to an earlier catalogue that was lost and was another.
    """
    with files.replacing(folder / NOT_IMAGES) as fresh:
        catalogue.write_others(fresh, others)
    with files.replacing(folder / PARQUET) as fresh:
        _write_parquet(fresh, table)
    before = _recorded(folder).get(CATALOGUE)
    try:
        with files.creating(folder / CATALOGUE) as fresh:
            catalogue.write(fresh, table)
            mark = _mark(fresh)
            if before and mark != before and _has_results(folder):
                raise ValueError(
                    f"the library has changed since {folder / CATALOGUE} was damaged, and results "
                    "of this run refer to it; start a new run"
                )
            marks = {CATALOGUE: mark, NOT_IMAGES: _mark(folder / NOT_IMAGES)}
            runs.record(folder, files=marks)
    except FileExistsError:
        return whole(folder)
    return table


def _recorded(folder: Path) -> Mapping[str, Any]:
    """Return what `run.json` says of the files; runs of version 0.1 say nothing."""
    recorded = runs.read(folder).get("files") if (folder / "run.json").exists() else None
    return recorded if isinstance(recorded, dict) else {}


def _mark(path: Path) -> dict[str, Any]:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"bytes": file.tell(), "sha256": digest}


def _has_results(folder: Path) -> bool:
    return any(runs.is_complete(path.parent) for path in folder.glob("*/groups.csv"))


def _write_parquet(path: Path, table: pd.DataFrame) -> None:
    """Write the catalogue as Parquet; names that are not UTF-8 are escaped, unlike in the CSV."""
    text = table.select_dtypes("object").columns
    escaped = {
        name: [value.encode("utf-8", "backslashreplace").decode() for value in table[name]]
        for name in text
        if not _is_utf8("".join(table[name]))
    }
    table.assign(**escaped).to_parquet(path)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
