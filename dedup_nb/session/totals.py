"""A run folder -> what all finders together propose, each image once, and what waits.

Plans overlap: most copies are found by several finders. They are added up as if they were staged
one after the other: whole sets, then the plan that frees most; see `groups.overlaps`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dedup_nb.compare.holding import words
from dedup_nb.groups.links import Links
from dedup_nb.groups.overlaps import Move, united
from dedup_nb.library import layout, tables
from dedup_nb.session import notebooks, runs

WHOLE_SET = "whole set"  # kind of an image that goes with its set
LATER = (notebooks.REVIEW, notebooks.STAGE, notebooks.APPROVE)  # no finders
FIGURES = {"groups", "images", "bytes", "review"}
GROUPS = "group_id path role keeper reason bytes width height kind lacks".split()
PLAN = "bundle src size sha256 keeper keeper_sha256".split()
IMAGES = "path status error bytes mtime_ns stage stamp sha256".split()
GOING = "path finder group keeper bytes freed stage kind month".split()
WAITING = "path finder group bytes why".split()
UNREAD = ["path", "status", "error"]
ENDS_REASON = re.compile(r"[:;(]|, score |, above |(?<=are paired) with |(?<=no copy of its) ")
NUMBER = re.compile(r"\d+([.,]\d+)*%?")
ONLY_MEASURED = re.compile(r"(cosine )?…( (bits?|s|matches)\b|$|,)")


@dataclass(frozen=True)
class Part:
    """What one finder proposes, and what of it no finder before it proposes.

    Attributes
    ----------
    images, bytes : int
        Images that its own plan would stage, and the bytes that this frees.
    adds_images, adds_bytes : int
        The part of them that the finders before it do not propose.
    contradicted : int
        Images that cannot go once the plans before it were staged.
    """

    name: str
    folder: Path
    groups: int
    images: int
    bytes: int
    review: int
    most_in: str
    adds_images: int
    adds_bytes: int
    contradicted: int


@dataclass(frozen=True)
class Totals:
    """What all finders of a run propose together.

    Attributes
    ----------
    parts : list of Part
        The finders in the order in which they are counted.
    going : DataFrame
        One row per image that could go: see `GOING`. `freed` is 0 for a hard link of what stays.
    waiting : DataFrame
        One row per image that waits for your review and does not go: see `WAITING`.
    unreadable : DataFrame
        Columns `path`, `status`, `error`.
    companions, companion_bytes : int
        Other files that move with the images, and the bytes that this frees.
    images, bytes : int
        All images of the library.
    members : dict of str -> DataFrame
        Rows of `groups.csv` by finder.
    digests : dict of str -> str
        Path -> sha256 of every image.
    problems : list of str
        What could not be counted, one sentence each.
    """

    parts: list[Part]
    going: pd.DataFrame
    waiting: pd.DataFrame
    unreadable: pd.DataFrame
    companions: int
    companion_bytes: int
    images: int
    bytes: int
    members: Mapping[str, pd.DataFrame] = field(repr=False)
    digests: Mapping[str, str] = field(repr=False)
    problems: list[str]

    @property
    def freed(self) -> int:
        """Bytes that staging everything frees in the end, companions included."""
        return int(self.going["freed"].sum()) + self.companion_bytes


@dataclass
class _Finder:
    name: str
    folder: Path
    summary: Mapping[str, Any]
    members: pd.DataFrame
    plan: pd.DataFrame


def of_run(folder: Path) -> Totals:
    """Return the totals of a run folder; what is damaged is named in `problems`.

    Raises
    ------
    ValueError
        If `run.json` is missing or damaged.
    """
    content = runs.read(folder)
    problems: list[str] = []
    images = _images(folder, problems)
    finders = [
        finder
        for name in sorted(content["notebooks"])
        if name not in LATER and (finder := _finder(folder / name, problems))
    ]
    finders.sort(key=_turn)
    moves = [_moves(finder.plan) for finder in finders]
    made = united(moves)
    files = _files(finders, made.added, Path(content["library"]))
    going = _going(files[files["is_image"]], images)
    parts = [
        _part(finder, going[going["finder"] == finder.name], finder.plan["is_image"].to_numpy(), no)
        for finder, no in zip(finders, made.contradicted, strict=True)
    ]
    beside = files[~files["is_image"]]
    unreadable = images[images["status"] != "ok"][UNREAD].reset_index(drop=True)
    return Totals(
        parts,
        going,
        _waiting(finders, set(files["path"])),
        unreadable,
        len(beside),
        int(beside["freed"].sum()),
        len(images),
        int(images["bytes"].sum()),
        {finder.name: finder.members for finder in finders},
        dict(zip(images["path"], images["sha256"], strict=True)),
        problems,
    )


# ---------------------------------------------------------------- reading


def _images(folder: Path, problems: list[str]) -> pd.DataFrame:
    path = folder / "catalogue.csv"
    try:
        if path.is_file():
            return _table(path, IMAGES, ["bytes", "mtime_ns"])
    except (OSError, ValueError) as error:
        problems.append(f"the share of the library is not known: {error}")
    return _frame({name: [] for name in IMAGES}, ["bytes", "mtime_ns"])


def _finder(folder: Path, problems: list[str]) -> _Finder | None:
    """Return what a notebook proposes; None if it is not a finder or has no results."""
    try:
        summary = runs.summary(folder)
        if not summary.keys() >= FIGURES or summary.get("staging") == layout.CLUSTERS:
            return None
        members = _table(folder / "groups.csv", GROUPS, ["bytes", "width", "height"])
        plan = _table(folder / "manifest.csv", PLAN, ["size"])
    except (OSError, ValueError) as error:
        problems.append(f"{folder.name} is not counted: {error}")
        return None
    staged = members[members["role"] == "stage"]
    plan["is_image"] = plan["src"].isin(staged["path"])
    for name, column in (("group", "group_id"), ("kind", "kind")):
        known = dict(zip(staged["path"], staged[column], strict=True))
        plan[name] = pd.Series([known.get(src, "") for src in plan["src"]], dtype=object)
    if summary.get("staging") == layout.DELETE_REVIEW:  # compared stage by stage
        plan["kind"] = plan["kind"].replace("", WHOLE_SET)
    return _Finder(folder.name, folder, summary, members, plan)


def _table(path: Path, columns: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
    """Return some columns of a CSV file; those that an earlier version did not write are empty.

    Raises
    ------
    OSError, ValueError
        If it cannot be read, or is damaged.
    """
    return _frame(tables.read_columns(path, columns), numbers)


def _frame(columns: Mapping[str, Sequence[str]], numbers: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            name: pd.Series([int(cell or 0) for cell in cells], dtype="int64")
            if name in numbers
            else pd.Series(list(cells), dtype=object)
            for name, cells in columns.items()
        }
    )


# ---------------------------------------------------------------- counting


def _turn(finder: _Finder) -> tuple[bool, float, str]:
    """Return when the plan of a finder has its turn: whole sets, then what frees most."""
    of_sets = finder.summary.get("staging") == layout.DELETE_REVIEW
    return not of_sets, -finder.summary["bytes"], finder.name


def _moves(plan: pd.DataFrame) -> list[Move]:
    columns = (plan[name].tolist() for name in ("bundle", "src", "keeper"))
    return list(map(Move, *columns))


def _files(
    finders: Sequence[_Finder], added: Sequence[Sequence[int]], library: Path
) -> pd.DataFrame:
    """Return every file that goes, once, with the bytes that this frees."""
    names = [*PLAN, "is_image", "group", "kind", "finder"]
    chosen = [
        finder.plan.iloc[list(rows)].assign(finder=finder.name)
        for finder, rows in zip(finders, added, strict=True)
        if rows
    ]
    if not chosen:
        return pd.DataFrame({name: pd.Series([], dtype=object) for name in names}).assign(
            path=[], freed=pd.Series([], dtype="int64"), is_image=pd.Series([], dtype=bool)
        )
    files = pd.concat(chosen, ignore_index=True)
    files["path"] = files["src"]
    files["freed"] = _freed(files, library)
    return files


def _freed(files: pd.DataFrame, library: Path) -> Any:
    """Return the bytes that each file frees; hard links free nothing while a name stays.

    Only exact copies can be hard links, so only their bundles are looked up on disk.
    """
    copies = files["sha256"].duplicated(keep=False) | (files["sha256"] == files["keeper_sha256"])
    bundles = set(files["bundle"][copies & files["is_image"]])
    inodes = {}
    paths = files["src"].tolist()
    for k in np.flatnonzero(files["bundle"].isin(bundles)).tolist():
        try:
            now = os.lstat(os.fsencode(os.path.join(library, paths[k])))
        except (OSError, ValueError):  # gone since, or no name that a file can have
            continue
        inodes[k] = (now.st_dev, now.st_ino, now.st_nlink)
    sizes = files["size"].to_numpy(np.int64).copy()
    return Links.of(inodes).freed(sizes, np.ones(len(files), bool))


def _going(files: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    facts = zip(images["stage"], images["stamp"], images["mtime_ns"], strict=True)
    known = dict(zip(images["path"], facts, strict=True))
    rows = [known.get(path, ("", "", 0)) for path in files["path"]]
    made = files.assign(
        bytes=files["size"],
        stage=pd.Series([stage for stage, _, _ in rows], files.index, dtype=object),
        month=pd.Series(
            [at[:7] or (_month(ns) if ns else "") for _, at, ns in rows], files.index, dtype=object
        ),
    )
    return made[GOING].reset_index(drop=True)


def _month(mtime_ns: int) -> str:
    try:
        return f"{datetime.fromtimestamp(mtime_ns / 1e9, UTC):%Y-%m}"
    except (OverflowError, OSError, ValueError):
        return ""


def _part(finder: _Finder, adds: pd.DataFrame, is_image: Any, contradicted: Sequence[int]) -> Part:
    summary = finder.summary
    return Part(
        finder.name,
        finder.folder,
        int(summary["groups"]),
        int(summary["images"]),
        int(summary["bytes"]),
        int(summary["review"]),
        str(summary.get("most_in", "")),
        len(adds),
        int(adds["freed"].sum()),
        int(is_image[list(contradicted)].sum()),
    )


def _waiting(finders: Sequence[_Finder], gone: set[str]) -> pd.DataFrame:
    """Return the images that wait in any finder and go by none, each once.

    Time windows come last: that images were made together says the least about them.
    """
    order = sorted(finders, key=lambda finder: (finder.name == notebooks.TIME_WINDOW, finder.name))
    rows: dict[str, tuple[Any, ...]] = {}
    for finder in order:
        part = finder.members[finder.members["role"] == "review"]
        for row in part.itertuples(index=False):
            if row.path not in gone and row.path not in rows:
                why = plain_reason(row.reason, row.lacks, finder.name)
                rows[row.path] = (row.path, finder.name, row.group_id, row.bytes, why)
    return pd.DataFrame(list(rows.values()), columns=WAITING)


def plain_reason(reason: str, lacks: str, finder: str) -> str:
    """Return why an image waits, without the figures that belong to it alone."""
    if lacks:
        first = lacks.partition(";")[0]
        shown = words.shown(first)
        return f"the keeper {shown}" if shown.startswith("lacks ") else shown
    if finder == notebooks.TIME_WINDOW:
        return "made within seconds of another image, and not compared with it"
    text = NUMBER.sub("…", ENDS_REASON.split(reason)[0].strip())
    text = text.replace("no copy of its", "no copy of a file beside it")
    text = text.replace("only … of … stages of its set are", "not every stage of its set is")
    return "near by the measure alone" if ONLY_MEASURED.match(text) else text
