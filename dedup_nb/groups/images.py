"""A table of images -> the columns that the rules need, and your marks and answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb.groups import bursts, keep_all
from dedup_nb.groups.bursts import Bursts
from dedup_nb.groups.holdings import Holdings, Relief
from dedup_nb.groups.keepers import KEEPER_ORDER, keeper_rank, place_rank, sort_keys, words_of
from dedup_nb.groups.links import Links
from dedup_nb.groups.roles import Indices
from dedup_nb.groups.series import Series
from dedup_nb.library.companions import split
from dedup_nb.library.works import IMAGE_WORKS

BEST = "best by the keeper order"  # why an image is kept

RAW = "RAW"  # the format of camera raw files
EPOCH = datetime(1970, 1, 1)
SHOWN = ["root", "stage", "series", "width", "height", "bytes", "sha256", "mtime_ns"]


class Images:
    """The images of a run as the rules see them.

    Parameters
    ----------
    table : DataFrame
        One row for each image, sorted by path. Columns `path, sha256, root, stage, level, series,
        folder, stem, width, height, bytes, mtime_ns, protected` (bool), `cropped` (bool) and
        `doubt` (why the image needs your review, or ""). Optional: `holds`, a tuple of words for
        what the image holds besides its pixels; `shot`, how it was taken (see `keep_all.find`);
        `frame`, what tells it from other frames of a burst (see `Bursts`).
    keeper_order, prefer, roots
        See `keepers.keeper_rank`.
    relief : callable, optional
        See `holdings.Relief`.
    burst_seconds : float
        See `Bursts`.

    Attributes
    ----------
    ranks : ndarray of int64
        Keeper order, 0 first. An image whose measure is not trusted never becomes the keeper of
        one whose measure is.
    paths, digests, doubts : list of str
    sizes, pixels : ndarray of int64
        File sizes in bytes; width times height.
    links : Links or None
        Which of them are hard links; from `table.attrs["links"]`.
    places : ndarray of int64
        Rank by the words of the keeper order that prefer a place (see `keepers.place_rank`), copies
        of stages after others.
    series : Series
        The series that the images belong to.
    folders : ndarray of str
    holdings : Holdings
        What the images hold besides their pixels.
    keep_all : KeepAll
        Sets of which all frames are kept, such as exposure brackets.
    is_work, is_raw : ndarray of bool
        Whether it is a work of its own (a raw or layered file), and whether a raw file.
    protected, cropped, doubted, needs_check : ndarray of bool
        `needs_check`: the pixels must be compared before the image is proposed.
    companion_kinds, works, blocked : ndarray of str
        What each image has beside it; see `library.companions.Beside`. Empty if the table does not
        have these columns.
    levels : ndarray of float64
        Number of the stage, nan if there is none.
    marks : list of "keep", "stage" or None
        Your mark of each image.
    answers : list of sets of sha256
        Sets of images that you marked as not duplicates of each other.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        keeper_order: Sequence[str] = KEEPER_ORDER,
        prefer: Sequence[str] = (),
        roots: Sequence[str] = (),
        relief: Relief | None = None,
        burst_seconds: float = bursts.SECONDS,
    ) -> None:
        if "holds" not in table:
            table = table.assign(holds=[()] * len(table))
        self.table, self.keeper_order, self.prefer, self.roots = table, keeper_order, prefer, roots
        self.paths: list[str] = table["path"].tolist()
        self.digests: list[str] = table["sha256"].tolist()
        self.sizes = table["bytes"].to_numpy(np.int64)
        self.pixels = (table["width"] * table["height"]).to_numpy(np.int64)
        self.links: Links | None = table.attrs.get("links")
        self.folders = table["folder"].to_numpy(object)
        self.protected = table["protected"].to_numpy(bool)
        self.cropped = table["cropped"].to_numpy(bool)
        self.doubts: list[str] = table["doubt"].tolist()
        self.doubted = np.array([bool(doubt) for doubt in self.doubts], bool)
        self.companion_kinds, self.works, self.blocked = (
            table[name].to_numpy(object) if name in table else np.full(len(table), "", object)
            for name in ("companion_kinds", "works", "blocked")
        )
        self.needs_check = ~(self.doubted | self.protected)
        formats = table["format"] if "format" in table else pd.Series("", table.index)
        numbers: Indices = pd.factorize(table["sha256"])[0].astype(np.int64)
        self._contents = numbers  # one for each content
        self.is_work = formats.isin(list(IMAGE_WORKS)).to_numpy(bool)
        self.is_raw = (formats == RAW).to_numpy(bool)
        self.ranks = np.empty(len(table), np.int64)
        by_order = keeper_rank(table, keeper_order, prefer, roots)
        last = self.doubted & ~self.protected
        self.ranks[np.lexsort((by_order, last, self.is_raw))] = np.arange(len(table))
        self.series = Series(table)
        self.series.rank(self.ranks)
        # a copy beside a stage never replaces it, whatever it holds
        self.places = 2 * place_rank(table, keeper_order, prefer) + self.series.copies
        self.holdings = Holdings(table["holds"].tolist(), relief)
        shots = table["shot"].tolist() if "shot" in table else [()] * len(table)
        self.keep_all = keep_all.find(shots)
        self._burst_seconds = burst_seconds
        self.levels = _levels(table)
        self.stems = table.groupby(["folder", "stem"], sort=False).ngroup().to_numpy()
        counts = np.bincount(self.stems, minlength=1)
        self.shared_stem = np.flatnonzero(counts[self.stems] > 1)
        self.decide([None] * len(table))

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def bursts(self) -> Bursts:
        """Which images are frames of one burst."""
        if "frame" not in self.table:
            return Bursts((), (), (), ())
        facts, stems, width, height = (
            self.table[name].tolist() for name in ("frame", "stem", "width", "height")
        )
        sizes = list(zip(width, height, strict=True))
        return Bursts(facts, stems, sizes, self.digests, self._burst_seconds)

    def works_apart(self, members: Indices, keepers: Indices) -> NDArray[np.bool_]:
        """Return which pairs are not copies and one of them is a work that the other is not.

        A raw or layered file goes only for a copy of itself, and no picture goes for a raw file,
        which must be developed before it shows anything.

        Parameters
        ----------
        members, keepers : ndarray of int64, shape (n,)
            Rows of the images, pair by pair.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        apart: NDArray[np.bool_] = self.is_work[members] | self.is_raw[keepers]
        differ: NDArray[np.bool_] = self._contents[members] != self._contents[keepers]
        return apart & differ

    def works_of(self, k: int) -> list[str]:
        """Return the kinds of the works beside an image, sorted."""
        return sorted(split(self.works[k]))

    def decide(self, marks: Sequence[str | None], answers: Sequence[frozenset[str]] = ()) -> None:
        """Set your marks and answers; the next cut applies them."""
        self.marks = list(marks)
        self.marked = [k for k, mark in enumerate(self.marks) if mark]
        self.answers = [digests for digests in answers if digests]
        mentioned = frozenset[str]().union(*self.answers)
        self.mentioned = (
            [k for k, d in enumerate(self.digests) if d in mentioned] if answers else []
        )

    def why_kept(self, rows: Sequence[int]) -> str:
        """Return how the first of these images is better than the next best one."""
        if len(rows) < 2:
            return BEST
        keeper, rival = rows[0], min(rows[1:], key=lambda k: self.ranks[k])
        if self.doubted[rival] and not self.doubted[keeper]:
            return f"{BEST}: its measure is trusted"
        for better, keys in self._kept_by:
            if any(key[keeper] != key[rival] for key in keys):
                return f"{BEST}: {better}"
        return BEST

    @cached_property
    def _kept_by(self) -> list[tuple[str, list[NDArray[Any]]]]:
        words = words_of(self.keeper_order, has_prefer=bool(self.prefer))
        return [
            (word.better, sort_keys(word, self.table, self.prefer, self.roots)) for word in words
        ]

    @cached_property
    def row_of_id(self) -> dict[str, int]:
        """Row of the image that gives a group its id, by that id."""
        return {identifier("g", path): k for k, path in enumerate(self.paths)}

    def record(self, k: int) -> Mapping[str, Any]:
        """Return the catalogue values of an image that groups show."""
        values: dict[str, Any] = {name: column.item(k) for name, column in self._shown.items()}
        return values | {"mtime": utc_time(values.pop("mtime_ns"))}

    @cached_property
    def _shown(self) -> dict[str, NDArray[Any]]:
        return {name: self.table[name].to_numpy() for name in SHOWN}


def _levels(table: pd.DataFrame) -> NDArray[np.float64]:
    """Return the stage numbers; an exact copy without a stage in its name gets its twin's."""
    levels: NDArray[np.float64] = table["level"].to_numpy(np.float64).copy()
    known = table[~np.isnan(levels) & (table["sha256"] != "")]
    of_digest = known.groupby("sha256")["level"].agg(["min", "max"])
    one = of_digest["min"][of_digest["min"] == of_digest["max"]]
    nameless = np.isnan(levels)
    levels[nameless] = table["sha256"][nameless].map(one).to_numpy(np.float64)
    return levels


def utc_time(mtime_ns: int) -> str:
    """Format a modification time as UTC text, to the second: `2025-07-05T21:52:18Z`."""
    return f"{EPOCH + timedelta(seconds=mtime_ns // 10**9):%Y-%m-%dT%H:%M:%SZ}"


def identifier(letter: str, path: str) -> str:
    """Return a short id of a group or component that depends only on a path."""
    digest = sha256(path.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{letter}-{digest[:10]}"
