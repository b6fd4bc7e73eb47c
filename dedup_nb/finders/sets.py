"""Series -> sets of one line-up, which of them are the same, and which one is kept.

Works on numbers and names only; it reads no files and no pixels. A set is never pruned through a
third set: every stage is compared directly with the kept set.
"""

from __future__ import annotations

import bisect
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb.library.names import LOOK_AHEAD, STAMP, find_series
from dedup_nb.library.naming.series import places

SAME, REVIEW, DIFFERENT = "same", "review", "different"

MAX_TONE = 4.0  # grey levels: re-encoding and noise change less than 2, a filter more

Near = Callable[[int, int], bool]


@dataclass(frozen=True)
class ImageSet:
    """The images of one series.

    Attributes
    ----------
    folder, series : str
        Its folder, and its id there: the stamp of its first member, or what the names of its
        members have in common. The stages may lie in folders of their own below its folder.
    rows : tuple of int
        Catalogue rows of its images, in the order of the stages.
    stages : tuple of str
        Full stage names of these images: the line-up.
    problem : str
        Why it cannot be compared as a set, or "".
    """

    folder: str
    series: str
    root: str
    rows: tuple[int, ...]
    stages: tuple[str, ...]
    levels: tuple[float, ...]
    stamps: tuple[str, ...]
    problem: str = ""

    @property
    def name(self) -> str:
        """Folder and series id, for display."""
        return f"{self.folder}/{self.series}" if self.folder else self.series


def find(images: pd.DataFrame) -> list[ImageSet]:
    """Return the series of a library as sets, sorted by folder and id.

    Parameters
    ----------
    images : DataFrame
        One row an image. Columns `path, folder, series, stage, level, stamp` (ISO text), `root,
        status`.
    """
    members = images.reset_index(drop=True)
    members = members[members["series"] != ""].sort_values(["level", "stamp", "path"])
    found = places(members["folder"], members["series"])
    members = members.assign(
        folder=pd.Series([folder for folder, _ in found], members.index, object),
        series=pd.Series([name for _, name in found], members.index, object),
    )
    return [_set(part) for _, part in members.groupby(["folder", "series"], sort=True)]


def _set(part: pd.DataFrame) -> ImageSet:
    stages = tuple(part["stage"])
    bad = part["path"][part["status"] != "ok"]
    problem = f"{bad.iat[0]} could not be read" if len(bad) else ""
    if len(set(part["level"])) < len(stages):
        problem = "two images of one stage have this series id"
    first = part.iloc[0]
    return ImageSet(
        first["folder"],
        first["series"],
        first["root"],
        tuple(int(row) for row in part.index),
        stages,
        tuple(part["level"]),
        tuple(part["stamp"]),
        problem,
    )


# ---------------------------------------------------------------- runs over several folders


def split_runs(
    images: pd.DataFrame, sets: Sequence[ImageSet], near: Near
) -> tuple[dict[int, list[int]], list[list[int]]]:
    """Find runs of stages that are spread over several folders; they are reported, never pruned.

    An image without a series continues a set in another folder if it has a stage that the set
    lacks, its stamp lies between those of the neighbouring stages, and it looks like them. A copy
    of a member under the same name does not continue the set.

    Parameters
    ----------
    images : DataFrame
        As in `find`, with the column `stem`.
    sets : sequence of ImageSet
        Result of `find`.
    near : callable
        Two rows -> whether the pictures look alike; True if unknown.

    Returns
    -------
    continued : dict of int -> list of int
        Position of a set -> rows in other folders that belong to its run.
    scattered : list of list of int
        Runs without two stages in any one folder.
    """
    table = images.reset_index(drop=True)
    of_series = table[table["series"] != ""]
    alone = table[(table["series"] == "") & (table["stamp"] != "") & ~table["level"].isna()]
    alone = alone[~alone["stem"].isin(set(of_series["stem"]))].drop_duplicates("stem")
    alone = alone.sort_values(["stamp", "level", "path"])
    stamps = list(alone["stamp"])
    rows, levels = alone.index.to_numpy(), alone["level"].to_numpy()
    folders = list(alone["folder"])
    continued: dict[int, list[int]] = {}
    for place, each in enumerate(sets):
        if not all(each.stamps):  # its stages are told by names or folders
            continue
        start = bisect.bisect_left(stamps, each.stamps[0]) - LOOK_AHEAD
        stop = bisect.bisect_right(stamps, each.stamps[-1]) + LOOK_AHEAD
        further: dict[float, int] = {}  # for each stage the first row that fits
        for k in range(max(0, start), min(stop, len(rows))):
            if (
                folders[k] != each.folder
                and _continues(each, levels[k], stamps[k])
                and near(_beside(each, levels[k]), int(rows[k]))
            ):
                further.setdefault(float(levels[k]), int(rows[k]))
        if further:
            continued[place] = list(further.values())
    taken = {row for further in continued.values() for row in further}
    return continued, _scattered(alone[~alone.index.isin(taken)], near)


def _continues(each: ImageSet, level: float, stamp: str) -> bool:
    return level not in each.levels and all(
        (mine <= stamp) if below < level else (mine >= stamp)
        for below, mine in zip(each.levels, each.stamps, strict=True)
    )


def _beside(each: ImageSet, level: float) -> int:
    """Return the member whose stage is closest to a level."""
    away = [abs(mine - level) for mine in each.levels]
    return each.rows[away.index(min(away))]


def _scattered(alone: pd.DataFrame, near: Near) -> list[list[int]]:
    rows, folders = alone.index.to_numpy(), list(alone["folder"])
    names = [path.rpartition("/")[2] for path in alone["path"]]
    return [
        [int(rows[k]) for k in run]
        for run in find_series(names)
        if len({folders[k] for k in run}) > 1
        and all(near(int(rows[a]), int(rows[b])) for a, b in itertools.pairwise(run))
    ]


# ---------------------------------------------------------------- which sets are compared


def near_sets(
    sets: Sequence[ImageSet], i: NDArray[np.int64], j: NDArray[np.int64]
) -> Iterator[tuple[int, int]]:
    """Yield each pair of sets with a near pair of images of the same stage, once and sorted.

    Parameters
    ----------
    sets : sequence of ImageSet
        Result of `find`.
    i, j : ndarray of int, shape (n_pairs,)
        Catalogue rows of near images.
    """
    place_of = {row: (k, stage) for k, each in enumerate(sets) for row, stage in _members(each)}
    pairs = set()
    for a, b in zip(i.tolist(), j.tolist(), strict=True):
        one, other = place_of.get(a), place_of.get(b)
        if one and other and one[0] != other[0] and one[1] == other[1]:
            pairs.add((min(one[0], other[0]), max(one[0], other[0])))
    yield from sorted(pairs)


def _members(each: ImageSet) -> Iterator[tuple[int, str]]:
    return zip(each.rows, each.stages, strict=True)


def why_apart(one: ImageSet, other: ImageSet) -> str:
    """Return why two sets cannot be compared stage by stage, or "".

    Two sets of one stamp are one set; two of one name are not, since counters start again.
    """
    if one.series == other.series and STAMP.fullmatch(one.series):
        return "of one series id"
    return "of another line-up" if one.stages != other.stages else ""


# ---------------------------------------------------------------- comparing two sets


@dataclass(frozen=True)
class Match:
    """Two sets of one line-up, compared stage by stage.

    Attributes
    ----------
    a, b : int
        Positions of the sets, a < b.
    cosines : tuple of float
        Cosine similarity of each stage.
    areas : tuple of float
        Share of the picture that differs locally, 0 to 1, for each stage; nan if not compared.
    tones : tuple of float
        Difference of overall tone and colour in grey levels, for each stage.
    problem : str
        Why a stage could not be compared, or "".
    told, told_why : str
        Result of comparing companions and PNG text (`same`, `differs`, `inconclusive`, or "" if
        not compared), and its reason.
    """

    a: int
    b: int
    cosines: tuple[float, ...]
    areas: tuple[float, ...]
    tones: tuple[float, ...] = ()
    problem: str = ""
    told: str = ""
    told_why: str = ""

    @property
    def weakest(self) -> int:
        """Index of the stage that differs most: the largest area, then the lowest cosine."""
        areas = np.nan_to_num(np.round(self.areas, 4))
        return min(range(len(areas)), key=lambda k: (-areas[k], self.cosines[k], k))

    @property
    def area(self) -> float:
        """The largest differing share of any stage; nan if none was compared."""
        known = [area for area in self.areas if not np.isnan(area)]
        return max(known, default=float("nan"))

    @property
    def cosine(self) -> float:
        """The lowest cosine of all stages."""
        return min(self.cosines)


def judge(
    match: Match, stages: Sequence[str], min_cosine: float, max_edited_area: float
) -> tuple[str, str]:
    """Return whether two sets are the same at these thresholds (inclusive), and why not.

    Returns
    -------
    verdict : str
        `same`, `review` (the pictures match, but their tone, companions or PNG text differ or are
        unknown), or `different`.
    why : str
        The deciding stage and how it differs; "" for `same`.
    """
    for stage, cosine in zip(stages, match.cosines, strict=True):
        if cosine < min_cosine:
            return DIFFERENT, f"{stage}: cosine {cosine:.4f} is below {min_cosine:g}"
    for stage, area in zip(stages, match.areas, strict=True):
        if area > max_edited_area:
            return DIFFERENT, f"{stage}: {area:.1%} of the picture differs"
    if match.problem or any(np.isnan(match.areas)):
        return REVIEW, match.problem or "not compared tile by tile"
    for stage, tone in zip(stages, match.tones, strict=True):
        if tone > MAX_TONE:
            return REVIEW, f"{stage}: tone or colours differ by {tone:.0f} of 255 levels"
    if match.told == "differs":
        return REVIEW, f"companions or PNG text differ: {match.told_why}"
    if match.told == "inconclusive":
        return REVIEW, f"inconclusive: {match.told_why}"
    return SAME, ""


# ---------------------------------------------------------------- which one is kept


def stars(
    order: Sequence[int], edges: Sequence[tuple[int, int]], taken: Sequence[int] | None = None
) -> dict[int, int]:
    """Assign each set to the best kept set that it was compared with directly.

    The best remaining set is kept and its direct neighbours join it; this repeats on the rest.

    Parameters
    ----------
    order : sequence of int
        Sets, best first.
    edges : sequence of (int, int)
        Pairs of sets that are the same.
    taken : sequence of int, optional
        Sets that are already kept: others may join them, but they join no other set.

    Returns
    -------
    dict of int -> int
        Set -> the kept set that it joins.
    """
    neighbours: dict[int, list[int]] = defaultdict(list)
    for a, b in edges:
        neighbours[a].append(b)
        neighbours[b].append(a)
    kept = set(taken or ())
    joined: dict[int, int] = {}
    for best in sorted(order, key=lambda k: k not in kept):  # a stable sort: kept ones first
        if best in joined:
            continue
        for other in neighbours[best]:
            if other not in joined and other not in kept and other != best:
                joined[other] = best
                kept.add(best)
    return joined
