"""manifest.csv -> the plan: which bundles move, each row checked without the disk."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dedup_nb.library.bundles import folded
from dedup_nb.library.layout import CLUSTERS, OURS, STAGING
from dedup_nb.library.memory import uncollected
from dedup_nb.library.skipped import not_theirs
from dedup_nb.library.tables import read_edited, short, shown
from dedup_nb.staging.refusals import WRONG_INPUT, Refused, StagingError
from dedup_nb.staging.safefs import Parts, split_path

# One row for each file, paths relative to the library; `covers` is optional.
MANIFEST_COLUMNS = (
    "bundle",
    "src",
    "dst",
    "size",
    "mtime_ns",
    "sha256",
    "group",
    "keeper",
    "keeper_sha256",
    "rule",
    "reason",
    "covers",
)
_NEEDED = MANIFEST_COLUMNS[:-1]
CONFIRMED = "confirmed"  # optional: the digest of a work that may move without a copy
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-fA-F]{1,63}")
_WHOLE = re.compile(r"-?[0-9]{1,28}")  # a time before 1970 is negative
_SPREADSHEET_NUMBER = re.compile(r"-?[0-9]+([.,][0-9]*)?([eE]\+?[0-9]+)?")


class Row(NamedTuple):
    """One file of a plan."""

    src: str
    staging: str  # the staging folder
    folder: str  # folder below the batch, for clusters; otherwise ''
    size: int
    mtime_ns: int
    sha256: str
    keeper: str
    keeper_sha256: str
    covers: tuple[str, ...] | None = None  # images that a shared sidecar covers
    confirmed: bool = False  # a person confirmed this digest; see `holding`

    def dst(self, batch: str) -> str:
        """Return the destination of the file in a batch, relative to the library."""
        return "/".join(filter(None, (self.staging, batch, self.folder, self.src)))


@dataclass(slots=True)
class PlannedBundle:
    """The rows that move together, or why they cannot."""

    bundle: str
    group: str = ""
    rule: str = ""
    reason: str = ""
    rows: list[Row] = field(default_factory=list)
    problem: Refused | None = None

    @property
    def shared_only(self) -> bool:
        """Whether it holds only shared sidecars."""
        return bool(self.rows) and all(row.covers is not None for row in self.rows)


@dataclass
class Plan:
    """The moves that a manifest asks for, not yet compared with the disk."""

    path: Path | None = None
    sha256: str = ""
    mtime_ns: int = 0
    bundles: dict[str, PlannedBundle] = field(default_factory=dict)
    condemned: set[str] = field(default_factory=set)  # every src
    keepers: set[str] = field(default_factory=set)
    shared: dict[str, tuple[str, ...]] = field(default_factory=dict)  # src -> images it covers
    duplicates: set[str] = field(default_factory=set)  # every src that appears twice

    @property
    def files(self) -> int:
        """Number of files the plan would move."""
        return sum(len(bundle.rows) for bundle in self.bundles.values())

    @property
    def n_bytes(self) -> int:
        """Number of bytes the plan would move."""
        return sum(row.size for bundle in self.bundles.values() for row in bundle.rows)

    def in_order(self) -> Iterator[PlannedBundle]:
        """Yield the bundles in the order they move: bundles of shared sidecars come last."""
        for last in (False, True):
            yield from (b for b in self.bundles.values() if b.shared_only is last)


@uncollected()
def read_manifest(path: str | Path) -> Plan:
    """Read a manifest into a plan, without looking at the library.

    Parameters
    ----------
    path : path of a CSV
        UTF-8 with `surrogateescape`, or as a spreadsheet saves it (`tables.read_edited`); the
        columns of `MANIFEST_COLUMNS` (the last may be missing, others are ignored), one row for
        each file. Rows of one bundle need not follow each other.

    Returns
    -------
    Plan
        Bundles in the order of the file. A bundle with an invalid row has a `problem` and will be
        refused; the others are not affected.

    Raises
    ------
    StagingError
        With status 2, if the file is not a CSV, is cut off inside a row, or lacks a column.
    """
    path = Path(path)
    try:
        sha256, mtime_ns = _file_digest(path)
        plan = Plan(path, sha256, mtime_ns)
        for row in read_edited(path, _NEEDED):
            _add(plan, row)
        _refuse_duplicates(plan)
    except OSError as error:
        raise StagingError(f"{path} cannot be read: {error.strerror}", WRONG_INPUT) from error
    except ValueError as error:
        raise StagingError(str(error), WRONG_INPUT) from error
    return plan


def plan_of(rows: Iterable[Mapping[str, str]]) -> Plan:
    """Return the plan of rows in memory, as `read_manifest` does for a file."""
    plan = Plan()
    for row in rows:
        _add(plan, row)
    _refuse_duplicates(plan)
    return plan


def _file_digest(path: Path) -> tuple[str, int]:
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError(f"{path} is not a regular file; pass the manifest.csv of a report")
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return digest, os.fstat(file.fileno()).st_mtime_ns


def _add(plan: Plan, cells: Mapping[str, str]) -> None:
    name = sys.intern(cells["bundle"])
    bundle = plan.bundles.get(name)
    if bundle is None:
        group, rule, reason = (sys.intern(cells[key]) for key in ("group", "rule", "reason"))
        bundle = plan.bundles[name] = PlannedBundle(name, group, rule, reason)
    if cells["src"] in plan.condemned:
        plan.duplicates.add(cells["src"])
    plan.condemned.add(cells["src"])
    try:
        row = _row(cells)
        if not name:
            raise Refused("bad_row", f"the row of {shown(row.src)} names no bundle", row.src)
    except Refused as problem:
        bundle.problem = bundle.problem or problem
        return
    if row.covers is not None:
        plan.shared[row.src] = row.covers
    plan.keepers.add(row.keeper)
    bundle.rows.append(row)


def _refuse_duplicates(plan: Plan) -> None:
    for bundle in plan.bundles.values() if plan.duplicates else ():
        for row in bundle.rows:
            if row.src in plan.duplicates:
                problem = Refused("duplicate_row", f"{shown(row.src)} is planned twice", row.src)
                bundle.problem = bundle.problem or problem


def _row(cells: Mapping[str, str]) -> Row:
    src, keeper = cells["src"], cells["keeper"]
    _refuse_ours(split_path(src), src)
    staging, folder = _destination(cells["dst"], src, cells["group"])
    if folder and len(split_path(folder)) != 1:
        raise Refused("bad_dst", f"{shown(folder)!r} is not the name of a single folder", src)
    covers = _covers(cells.get("covers") or "", src)
    if keeper:
        _refuse_ours(split_path(keeper), keeper)
    elif staging != CLUSTERS and covers is None:
        raise Refused("no_keeper", f"{shown(src)} has no keeper", src)
    return Row(
        src,
        staging,
        folder,
        _whole(cells["size"], "size", src),
        _whole(cells["mtime_ns"], "mtime_ns", src),
        _digest(cells["sha256"], "sha256", src),
        sys.intern(keeper),
        sys.intern(_digest(cells["keeper_sha256"], "keeper_sha256", src) if keeper else ""),
        covers,
        cells["sha256"] in (cells.get(CONFIRMED) or "").replace(";", " ").split(),
    )


def _refuse_ours(parts: Parts, path: str) -> None:
    """Refuse a path inside a staging folder or the private folder, ignoring case."""
    if any(folded(part) in OURS for part in parts):
        raise Refused("bad_path", f"{shown(path)} lies in a staging or private folder", path)
    if why := not_theirs(parts[:-1]):
        raise Refused("bad_path", f"{shown(path)} lies in {shown(why)}", path)


def _destination(dst: str, src: str, group: str) -> tuple[str, str]:
    """Return the staging folder of a row, and its folder below the batch (clusters only)."""
    staging, _, home = dst.partition("/")
    if staging not in STAGING:
        raise Refused("bad_dst", f"dst {shown(dst)!r} is not in a staging folder", src)
    if home == src:
        return sys.intern(staging), sys.intern(group if staging == CLUSTERS else "")
    folder, _, home = home.partition("/")
    if staging == CLUSTERS and home == src:
        return sys.intern(staging), sys.intern(folder)
    raise Refused("bad_dst", f"dst {shown(dst)!r} is not {staging}/{shown(src)}", src)


def _whole(text: str, column: str, src: str) -> int:
    text = text.strip()
    if _WHOLE.fullmatch(text) and (column == "mtime_ns" or not text.startswith("-")):
        return int(text)
    if column == "mtime_ns" and _SPREADSHEET_NUMBER.fullmatch(text):
        raise Refused("rounded_mtime", f"mtime_ns of {shown(src)} was rounded to {text}", src)
    if "e" in text.lower() and _SPREADSHEET_NUMBER.fullmatch(text):
        raise Refused("bad_row", f"size of {shown(src)} was rounded to {text}", src)
    found = shown(short(text))
    raise Refused("bad_row", f"{column} of {shown(src)} is {found!r}, not a whole number", src)


def _digest(text: str, column: str, src: str) -> str:
    text = text.strip().lower()
    if _SHA256.fullmatch(text):
        return text
    if _HEX.fullmatch(text) or _SPREADSHEET_NUMBER.fullmatch(text):
        raise Refused(
            "short_digest", f"{column} of {shown(src)} is cut to {len(text)} characters", src
        )
    raise Refused("bad_row", f"{column} of {shown(src)} is not a sha256", src)


def _covers(text: str, src: str) -> tuple[str, ...] | None:
    """Return the images that a shared sidecar covers, or None for an ordinary row."""
    if not text:
        return None
    try:
        covers = json.loads(text)
    except (ValueError, RecursionError):
        covers = None
    if not isinstance(covers, list) or not all(isinstance(path, str) for path in covers):
        raise Refused("bad_row", f"covers of {shown(src)} is not a JSON list of paths", src)
    for path in covers:
        _refuse_ours(split_path(path), path)
    return tuple(covers) if covers else None


def rounded_mtime(planned_ns: int, found_ns: int) -> bool:
    """Return whether a time in a manifest is the time on disk rounded to 15 digits."""
    if planned_ns == found_ns:
        return False
    return any(
        planned_ns in (round(found_ns, -zeros), found_ns // 10**zeros * 10**zeros)
        for zeros in range(4, 18)
    )
