"""Pairs -> star groups at a threshold -> keepers and roles.

Numbers in, numbers out: no file is touched here and no pixel looked at. Every finder's pairs come
through this one place, so a staged image always leaves a directly similar keeper behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple, Protocol

import numba
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb.unions import unite

COLUMNS = [
    "group_id",
    "path",
    "role",
    "keeper",
    "measure",
    "value",
    "reason",
    "root",
    "stage",
    "series",
    "width",
    "height",
    "bytes",
    "mtime",
    "component_id",
]
FURTHER_COLUMNS = ["kind", "score"]  # what comparing the pixels told, where that was done

NONE, KEEPER, STAGE, REVIEW, PROTECTED = range(5)
ROLES = ("", "keeper", "stage", "review", "protected")

# Best first; the path comes last so that a tie never depends on chance.
KEEPER_ORDER = ["protected", "prefer", "stage", "pixels", "bytes", "mtime", "path"]
KEEPER_WORDS = (*KEEPER_ORDER, "newest", "oldest", "largest")

# why an image is kept
BEST = "best by keeper_order"
BETTER = {
    "protected": "protected",
    "prefer": "in a preferred root",
    "stage": "higher stage",
    "pixels": "more pixels",
    "bytes": "more bytes",
    "mtime": "newer",
    "newest": "newer",
    "oldest": "older",
    "largest": "larger",
    "path": "equal but for its path",
}
GUARDED = "in a curated root or protected"

EPOCH = datetime(1970, 1, 1)

Indices = NDArray[np.int64]


class Judgement(NamedTuple):
    """What comparing the pixels of a member and its keeper told."""

    accepted: bool  # the member may be staged for this keeper
    kind: str  # what was done to the picture, in words
    score: float  # 0 to 1, how surely they are the same
    reason: str = ""  # why it is not accepted


class Checks(Protocol):
    """Whoever compares pixels; groups ask for each member that would be staged."""

    def refused(self, members: Indices, keepers: Indices) -> NDArray[np.bool_]:
        """Return which pairs are known to be no copies; what is not known yet may be found out."""

    def judgement(self, member: int, keeper: int) -> Judgement | None:
        """Return what is known of a pair, or None."""


NOT_CHECKED = "not verified yet"


def keeper_rank(
    images: pd.DataFrame, order: Sequence[str] = KEEPER_ORDER, prefer: Sequence[str] = ()
) -> Indices:
    """Rank images from the one that is kept first (0) to the one that is kept last.

    Parameters
    ----------
    images : DataFrame
        Columns `path, root, level, width, height, bytes, mtime_ns, protected`.
    order : sequence of str
        Words of `KEEPER_WORDS`, the most important first: `protected`, `prefer` (roots in the
        order of `prefer`), `stage` (higher first), `pixels` and `bytes` (more first), `mtime`
        or `newest` (later first), `oldest`, `largest` (pixels, then bytes), `path`.
    prefer : sequence of str
        Roots, best first.

    Returns
    -------
    ndarray of int64, shape (n,)

    Raises
    ------
    ValueError
        If a word is unknown.
    """
    unknown = [word for word in order if word not in KEEPER_WORDS]
    if unknown:
        raise ValueError(
            f"keeper_order has {unknown[0]}, which is not known; use {', '.join(KEEPER_WORDS)}"
        )
    columns = keeper_columns(images, prefer)
    keys = [key.to_numpy() for word in (*order, "path") for key in columns[word]]
    ranked = np.lexsort(keys[::-1])
    ranks = np.empty(len(images), np.int64)
    ranks[ranked] = np.arange(len(images))
    return ranks


def keeper_columns(images: pd.DataFrame, prefer: Sequence[str]) -> dict[str, list[Any]]:
    """Return what each word of `KEEPER_WORDS` sorts by, the smallest first; see `keeper_rank`."""
    places = {root: place for place, root in enumerate(prefer)}
    root_place = images["root"].map(lambda root: places.get(root, len(places)))
    pixels = images["width"] * images["height"]
    return {
        "protected": [~images["protected"]],
        "prefer": [root_place],
        "stage": [-images["level"].fillna(-1.0)],
        "pixels": [-pixels],
        "bytes": [-images["bytes"]],
        "mtime": [-images["mtime_ns"]],
        "newest": [-images["mtime_ns"]],
        "oldest": [images["mtime_ns"]],
        "largest": [-pixels, -images["bytes"]],
        "path": [images["path"].rank(method="first")],
    }


class Stars:
    """The pairs of one measure, prepared once, cut into stars at any threshold at once.

    Parameters
    ----------
    n : int
        Number of images.
    i, j : ndarray of int, shape (n_pairs,)
        The pairs.
    distances : ndarray of float, shape (n_pairs,)
        Smaller is nearer; give a similarity with its sign turned.
    ranks : ndarray of int, shape (n,)
        Keeper order, 0 first.
    limits : ndarray of float, shape (n_pairs,), optional
        A pair counts only while the threshold is below its limit; infinity by default.
    """

    def __init__(
        self,
        n: int,
        i: Indices,
        j: Indices,
        distances: NDArray[np.float64],
        ranks: Indices,
        limits: NDArray[np.float64] | None = None,
    ) -> None:
        self.n = n
        if limits is None:
            limits = np.full(len(i), np.inf)
        ends = np.concatenate([i, j]).astype(np.int64)
        others = np.concatenate([j, i]).astype(np.int64)
        both = np.concatenate([distances, distances]).astype(np.float64)
        by_row = np.lexsort((ranks[others], both, ends))
        self.neighbours, self.distances = others[by_row], both[by_row]
        self.limits = np.concatenate([limits, limits])[by_row]
        self.refused = np.zeros(len(ends), np.bool_)  # a pair never counts in this direction
        self.yields = np.zeros(len(ends), np.bool_)  # the keeper would rather be the member
        self.starts = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=n))])
        connected = np.flatnonzero(np.diff(self.starts))
        self.order = connected[np.argsort(ranks[connected])]
        nearest = np.lexsort((j, i, distances))  # all that components depend on joins them first
        near_i, near_j = i[nearest].astype(np.int64), j[nearest].astype(np.int64)
        _, needed = unite(n, near_i, near_j)
        self.forest = near_i[needed], near_j[needed], distances[nearest][needed]

    def cut(self, threshold: float) -> tuple[Indices, NDArray[np.float64]]:
        """Return each image's keeper and its distance to it, at a threshold (inclusive).

        The best image of all that are left becomes a keeper, its direct neighbours join it, and so
        on: nobody is ever grouped by way of a third image. Refused pairs do not count; an image
        that would yield to another has its turn after all others, if nobody took it by then.

        Returns
        -------
        keepers : ndarray of int64, shape (n,)
            The keeper of each image, itself for a keeper, -1 for an image in no group.
        distances : ndarray of float64, shape (n,)
            Distance to the keeper; 0 for keepers, nan outside groups.
        """
        keepers: Indices = np.full(self.n, -1, np.int64)
        distances = np.full(self.n, np.nan)
        _stars(*self._rows, self.refused, self.yields, threshold, keepers, distances)
        return keepers, distances

    @property
    def _rows(self) -> tuple[NDArray[Any], ...]:
        return self.order, self.starts, self.neighbours, self.distances, self.limits

    def join_refused(
        self, threshold: float, keepers: Indices, distances: NDArray[np.float64]
    ) -> None:
        """Let images that are in no group only because pairs were refused join, in place."""
        nothing = np.zeros_like(self.refused)
        _stars(*self._rows, nothing, nothing, threshold, keepers, distances)

    def refuse(
        self, members: Indices, keepers: Indices, yielding: NDArray[np.bool_] | None = None
    ) -> None:
        """Never again let a member join a keeper; the other way round it still may.

        Parameters
        ----------
        members, keepers : ndarray of int, shape (n,)
        yielding : ndarray of bool, shape (n,), optional
            Which keepers go for the member, so that they wait for it to have its turn.
        """
        yields = np.zeros(len(members), bool) if yielding is None else yielding
        for member, keeper, goes in zip(
            members.tolist(), keepers.tolist(), yields.tolist(), strict=True
        ):
            row = slice(self.starts[keeper], self.starts[keeper + 1])
            at = self.neighbours[row] == member
            self.refused[row] |= at
            self.yields[row] |= at & goes

    def components(self, threshold: float) -> Indices:
        """Return the connected component of each image, named by its smallest member."""
        i, j, distances = self.forest
        within = int(np.searchsorted(distances, threshold, side="right"))
        names: Indices = unite(self.n, i[:within], j[:within])[0]
        return names

    def between(self, a: int, b: int, threshold: float) -> float | None:
        """Return the distance of two images if they are a pair within the threshold."""
        row = slice(self.starts[a], self.starts[a + 1])
        at = np.flatnonzero(self.neighbours[row] == b)
        if not len(at):
            return None
        distance = float(self.distances[row][at[0]])
        return distance if distance <= threshold < self.limits[row][at[0]] else None


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _stars(  # type: ignore[no-untyped-def]
    order, starts, neighbours, distances, limits, refused, yields, threshold, keepers, to_keeper
):
    deferred = np.zeros(len(order), np.bool_)
    some_yield = yields.any()
    for again in (False, True):
        for place in range(len(order)):
            best = order[place]
            if deferred[place] != again or (keepers[best] >= 0 and keepers[best] != best):
                continue
            if some_yield and not again:
                for at in range(starts[best], starts[best + 1]):
                    if distances[at] > threshold:
                        break
                    if yields[at] and threshold < limits[at] and keepers[neighbours[at]] < 0:
                        deferred[place] = True
                        break
                if deferred[place]:
                    continue
            for at in range(starts[best], starts[best + 1]):
                if distances[at] > threshold:
                    break
                member = neighbours[at]
                if keepers[member] < 0 and threshold < limits[at] and not refused[at]:
                    keepers[member] = best
                    to_keeper[member] = distances[at]
                    keepers[best] = best
                    to_keeper[best] = 0.0


class Parts(Sequence[Indices]):
    """The members of each group, one after another: rows, and where each group begins."""

    def __init__(self, rows: Indices, starts: Indices) -> None:
        self.rows, self.starts = rows, starts
        self.ends = np.append(starts[1:], len(rows))

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            return [self[place] for place in range(*k.indices(len(self)))]
        return self.rows[self.starts[k] : self.ends[k]]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(np.array_equal(a, b) for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


@dataclass
class Cut:
    """The groups at one threshold: one entry an image in every array.

    Attributes
    ----------
    keepers : ndarray of int64
        The image that stays for this one; itself for a keeper; -1 in no group.
    centres : ndarray of int64
        The keeper that names the group; -1 in no group.
    stars : ndarray of int64
        The keeper by rule alone, before a person's marks; it tells the groups apart.
    roles : ndarray of int8
        Positions in `ROLES`.
    values : ndarray of float64
        The measure to the keeper.
    reasons : dict of int -> str
        Why an image has its role, where that needs saying.
    """

    threshold: float
    sign: float  # 1 for a distance, -1 for a similarity
    keepers: Indices
    centres: Indices
    stars: Indices
    roles: NDArray[np.int8]
    values: NDArray[np.float64]
    reasons: dict[int, str]
    sizes: NDArray[np.int64] = field(repr=False)
    answered: set[int] = field(default_factory=set)  # stars that a person called no duplicates
    urgency: NDArray[np.int64] | None = None  # of each star; the most urgent groups come first

    @cached_property
    def groups(self) -> Parts:
        """Members of each group, keeper first, then the nearest; groups by urgency and path."""
        inside = np.flatnonzero(self.stars >= 0)
        not_keeper = self.centres[inside] != inside
        stars = self.stars[inside]
        urgency = np.zeros(len(stars)) if self.urgency is None else self.urgency[stars]
        order = np.lexsort((inside, self.sign * self.values[inside], not_keeper, stars, -urgency))
        rows = inside[order]
        starts = np.flatnonzero(np.diff(self.stars[rows], prepend=-1))
        return Parts(rows, starts)

    @property
    def totals(self) -> dict[str, int]:
        """What staging this would do: `groups`, `images` that move, `bytes` of them."""
        staged = self.roles == STAGE
        return {
            "groups": int(np.count_nonzero(self.roles == KEEPER)),
            "images": int(np.count_nonzero(staged)),
            "bytes": int(self.sizes[staged].sum()),
            "review": int(np.count_nonzero(self.roles == REVIEW)),
            "protected": int(np.count_nonzero(self.roles == PROTECTED)),
        }


class Candidates:
    """Images, the pairs found among them, and the rules: what a threshold slider cuts.

    Parameters
    ----------
    images : DataFrame
        One row an image, sorted by path. Columns `path, sha256, root, stage, level, series, folder,
        stem, width, height, bytes, mtime_ns, protected` (bool), `cropped` (bool) and `doubt` (why a
        person must look at this one, or "").
    pairs : DataFrame
        `i < j` and the measure, whose column name is kept as its name.
    similarity : bool
        Whether the measure rises as images grow alike.
    keeper_order, prefer
        See `keeper_rank`.
    same_stage_only, cross_root_only : bool
        Leave out pairs of two stages (where both are known), or of one root.
    marks : sequence of "keep", "stage" or None, optional
        What a person said of each image.
    answers : sequence of sets of sha256, optional
        What a person said is not a duplicate of each other: a group that lies inside one such set
        is not proposed again; with a new member it is.
    checks : Checks, optional
        Compares the pixels of each member that would be staged with those of its keeper.

    Attributes
    ----------
    staging, what : str
        Staging folder of what is proposed, and what the groups are, for reports.
    """

    staging = "_review_dupes"
    what = "near-duplicate groups"
    first = "leave most to a person"  # the groups that come first, where some are urgent

    def __init__(
        self,
        images: pd.DataFrame,
        pairs: pd.DataFrame,
        *,
        similarity: bool = False,
        keeper_order: Sequence[str] = KEEPER_ORDER,
        prefer: Sequence[str] = (),
        same_stage_only: bool = True,
        cross_root_only: bool = False,
        marks: Sequence[str | None] | None = None,
        answers: Sequence[frozenset[str]] = (),
        checks: Checks | None = None,
    ) -> None:
        self.images, self.checks = images, checks
        self.measure = str(pairs.columns[2])
        self.sign = -1.0 if similarity else 1.0
        self.self_value = 1.0 if similarity else 0.0
        self.paths = images["path"].tolist()
        self.sizes = images["bytes"].to_numpy(np.int64)
        self.protected = images["protected"].to_numpy(bool)
        self.doubts = images["doubt"].tolist()
        self.cropped = images["cropped"].to_numpy(bool)
        self.digests = images["sha256"].tolist()
        self.decide(marks if marks is not None else [None] * len(images), answers)
        self._split(pairs, same_stage_only, cross_root_only)
        self.keeper_order, self.prefer = keeper_order, prefer
        ranks = keeper_rank(images, keeper_order, prefer)
        self.doubted = np.array([bool(doubt) for doubt in self.doubts], bool)
        # one whose measure is not trusted never becomes the keeper of one whose measure is
        self.ranks = np.empty(len(ranks), np.int64)
        self.ranks[np.lexsort((ranks, self.doubted & ~self.protected))] = np.arange(len(ranks))
        # what is never staged by a rule needs no look at its pixels
        self.needs_check = ~(self.doubted | self.protected)
        self.same_stage_only = same_stage_only
        self.stars: Stars | Clusters = self.stars_of(self.pairs)
        stems = images.groupby(["folder", "stem"], sort=False).ngroup().to_numpy()
        counts = np.bincount(stems) if len(stems) else np.zeros(0, int)
        self.shared_stem = np.flatnonzero(counts[stems] > 1) if len(stems) else np.zeros(0, int)
        self.stems = stems

    def stars_of(self, pairs: pd.DataFrame) -> Stars:
        """Return pairs, `i < j` and their distance, as stars by these rules."""
        return Stars(
            len(self.images),
            pairs["i"].to_numpy(np.int64),
            pairs["j"].to_numpy(np.int64),
            self.sign * pairs.iloc[:, 2].to_numpy(np.float64),
            self.ranks,
            self._limits(pairs) if self.same_stage_only else None,
        )

    def decide(self, marks: Sequence[str | None], answers: Sequence[frozenset[str]] = ()) -> None:
        """Take what a person has said by now; the next `cut` obeys it."""
        self.marks = list(marks)
        self.marked = [k for k, mark in enumerate(self.marks) if mark]
        self.answers = [digests for digests in answers if digests]
        mentioned = frozenset[str]().union(*self.answers)
        self.mentioned = (
            [k for k, d in enumerate(self.digests) if d in mentioned] if answers else []
        )

    def _split(self, pairs: pd.DataFrame, same_stage_only: bool, cross_root_only: bool) -> None:
        """Set apart what is never proposed, and count why."""
        i, j = pairs["i"].to_numpy(np.int64), pairs["j"].to_numpy(np.int64)

        def both(column: str) -> tuple[NDArray[Any], NDArray[Any]]:
            values = self.images[column].to_numpy()
            return values[i], values[j]

        (series_i, series_j), (folder_i, folder_j) = both("series"), both("folder")
        one_folder = np.asarray(folder_i == folder_j, bool)
        in_series = one_folder & np.asarray((series_i == series_j) & (series_i != ""), bool)
        stem_i, stem_j = both("stem")
        one_name = one_folder & np.asarray(stem_i == stem_j, bool)
        self.levels = _levels(self.images)
        level_i, level_j = self.levels[i], self.levels[j]
        stages = same_stage_only & ~np.isnan(level_i) & ~np.isnan(level_j) & (level_i != level_j)
        root_i, root_j = both("root")
        one_root = np.asarray(root_i == root_j, bool) & cross_root_only
        apart = {
            "inside one series": in_series,
            "of one name in one folder": one_name,
            "of two stages": stages,
            "inside one root": one_root,
        }
        left = np.ones(len(pairs), bool)
        self.set_apart: dict[str, int] = {}
        for why, members in apart.items():
            self.set_apart[why] = int(np.count_nonzero(members & left))
            left &= ~members
        self.series_pairs = pairs[in_series].reset_index(drop=True)
        self.pairs = pairs[left].reset_index(drop=True)

    def _limits(self, pairs: pd.DataFrame) -> NDArray[np.float64]:
        """Return from which threshold on a pair is ambiguous, so that it joins no group.

        An image without a stage in its name that is near two stages of a picture would draw both
        into one group and cost one of them. Its pairs with stages count only while it is near one
        stage alone, or where its size in pixels tells which stage it is.
        """
        ends = pairs[["i", "j"]].to_numpy(np.int64)
        unknown = np.isnan(self.levels[ends])
        mixed = np.flatnonzero(unknown[:, 0] != unknown[:, 1])
        nameless = np.where(unknown[mixed, 0], ends[mixed, 0], ends[mixed, 1])
        staged = np.where(unknown[mixed, 0], ends[mixed, 1], ends[mixed, 0])
        sizes = self.images[["width", "height"]].to_numpy()
        table = pd.DataFrame(
            {
                "image": nameless,
                "level": self.levels[staged],
                "distance": self.sign * pairs.iloc[:, 2].to_numpy(np.float64)[mixed],
                "same_size": (sizes[nameless] == sizes[staged]).all(axis=1),
            }
        )
        nearest = table.groupby(["image", "level"])["distance"].min().sort_values()
        second = nearest.groupby("image").nth(1).droplevel("level")  # a second stage comes near
        limits = table["image"].map(second).fillna(np.inf).to_numpy(np.float64)
        of_size = table[table["same_size"]].groupby("image")["level"].nunique()
        told = table["same_size"] & (table["image"].map(of_size) == 1)
        every = np.full(len(pairs), np.inf)
        every[mixed] = np.where(told, np.inf, limits)
        return every

    def cut(self, threshold: float) -> Cut:
        """Return groups, keepers and roles at a threshold (inclusive); fast enough for a slider."""
        keepers, distances = self._stars_at(self.sign * threshold)
        roles = np.where(keepers < 0, NONE, STAGE).astype(np.int8)
        roles[keepers == np.arange(len(keepers))] = KEEPER
        values = self.sign * distances
        values[roles == KEEPER] = self.self_value
        result = Cut(
            threshold=threshold,
            sign=self.sign,
            keepers=keepers,
            centres=keepers.copy(),
            stars=keepers.copy(),
            roles=roles,
            values=values,
            reasons={},
            sizes=self.sizes,
        )
        self._hold_back(result)
        self._obey_answers(result)
        self._obey_marks(result)
        self._hold_unchecked(result)
        self._keep_names_together(result)
        return result

    def _stars_at(self, threshold: float) -> tuple[Indices, NDArray[np.float64]]:
        """Return keepers and distances; members refused by the checks join, to be reviewed."""
        if not isinstance(self.stars, Stars):
            return self.stars.cut(threshold)
        keepers, distances = self.checked(self.stars, threshold)
        if self.checks is not None:
            self.stars.join_refused(threshold, keepers, distances)
        return keepers, distances

    def checked(self, stars: Stars, threshold: float) -> tuple[Indices, NDArray[np.float64]]:
        """Cut stars until no member is left that the checks refuse; see `Stars.cut`."""
        while True:
            keepers, distances = stars.cut(threshold)
            if self.checks is None:
                return keepers, distances
            joined = (keepers >= 0) & (keepers != np.arange(len(keepers))) & self.needs_check
            members = np.flatnonzero(joined)
            members = members[~self.doubted[keepers[members]]]
            refused = members[self.checks.refused(members, keepers[members])]
            if not len(refused):
                return keepers, distances
            ends = zip(keepers[refused].tolist(), refused.tolist(), strict=True)
            turned = (not self.protected[k] and self.checks.judgement(k, m) for k, m in ends)
            stars.refuse(
                refused, keepers[refused], np.array([bool(t and t.accepted) for t in turned], bool)
            )

    def judgement(self, cut: Cut, k: int) -> Judgement | None:
        """Return what the pixels of an image and its keeper told, where that is known."""
        keeper = int(cut.keepers[k])
        if self.checks is None or keeper in (-1, k):
            return None
        return self.checks.judgement(k, keeper)

    def _hold_unchecked(self, cut: Cut) -> None:
        """What the pixels do not confirm, or not yet, waits for a person."""
        if self.checks is None:
            return
        staged = [
            k for k in np.flatnonzero(cut.roles == STAGE).tolist() if self.marks[k] != "stage"
        ]
        self.checks.refused(np.array(staged, np.int64), cut.keepers[staged])
        for k in staged:
            told = self.judgement(cut, k)
            if told is None or not told.accepted:
                cut.roles[k] = REVIEW
                cut.reasons[k] = told.reason if told else NOT_CHECKED

    def _hold_back(self, cut: Cut) -> None:
        """Members that a rule must not propose become `protected` or `review`."""
        staged = np.flatnonzero(cut.roles == STAGE)
        keepers = cut.keepers[staged]
        doubted = self.doubted[staged] | self.doubted[keepers]
        uncropped = self.cropped[staged] & ~self.cropped[keepers]
        cut.roles[staged[doubted | uncropped]] = REVIEW
        cut.roles[staged[self.protected[staged]]] = PROTECTED

    def _obey_answers(self, cut: Cut) -> None:
        """A group that a person called no duplicates proposes nothing."""
        for centre in {int(cut.stars[k]) for k in self.mentioned if cut.stars[k] >= 0}:
            members = np.flatnonzero(cut.stars == centre)
            digests = {self.digests[k] for k in members.tolist()}
            if any(digests <= answer for answer in self.answers):
                cut.answered.add(centre)
                cut.roles[members] = NONE

    def _obey_marks(self, cut: Cut) -> None:
        """Do what a person said, as long as each staged image keeps a direct neighbour."""
        marked = {int(cut.stars[k]) for k in self.marked if cut.stars[k] >= 0} - cut.answered
        for centre in sorted(marked):
            self._obey_group(cut, centre, np.flatnonzero(cut.stars == centre).tolist())

    def _obey_group(self, cut: Cut, centre: int, members: list[int]) -> None:
        stays = {k: self.marks[k] == "keep" or cut.roles[k] in (PROTECTED, KEEPER) for k in members}
        kept = [k for k in members if stays[k] and self.marks[k] != "stage"]
        if not kept:
            unmarked = [k for k in members if self.marks[k] != "stage"] or [centre]
            kept = [min(unmarked, key=lambda k: self.ranks[k])]
        main = centre if centre in kept else min(kept, key=lambda k: self.ranks[k])
        for k in members:
            cut.centres[k] = main
            if k in kept:
                cut.keepers[k], cut.values[k] = main, self._value(cut, k, main)
                cut.roles[k] = KEEPER if k == main else PROTECTED
                if self.marks[k] == "keep":
                    cut.reasons[k] = "kept by a person"
                elif self.marks[k] == "stage":
                    cut.reasons[k] = "marked for staging, but one of the group must stay"
                continue
            near = [c for c in kept if self._near(cut, k, c) is not None]
            if not near:
                cut.keepers[k], cut.values[k] = main, np.nan
                cut.roles[k] = REVIEW
                cut.reasons[k] = "not directly near an image that is kept"
                continue
            mine = main if main in near else min(near, key=lambda c: self.ranks[c])
            cut.keepers[k], cut.values[k] = mine, self._near(cut, k, mine)
            if self.marks[k] == "stage":
                cut.roles[k] = STAGE
                cut.reasons[k] = "staged by a person"

    def _near(self, cut: Cut, a: int, b: int) -> float | None:
        distance = self.stars.between(a, b, self.sign * cut.threshold)
        return None if distance is None else self.sign * distance

    def _value(self, cut: Cut, a: int, b: int) -> float:
        if a == b:
            return self.self_value
        near = self._near(cut, a, b)
        return np.nan if near is None else near

    def _keep_names_together(self, cut: Cut) -> None:
        """Two images of one name move together or not at all."""
        by_stem: dict[int, list[int]] = {}
        for k in self.shared_stem.tolist():
            by_stem.setdefault(int(self.stems[k]), []).append(k)
        for members in by_stem.values():
            if all(cut.roles[k] == STAGE for k in members):
                continue
            for k in members:
                if cut.roles[k] == STAGE:
                    other = next(m for m in members if m != k)
                    cut.roles[k] = REVIEW
                    cut.reasons[k] = f"shares its name with {self.paths[other]}, which stays"

    def table(self, cut: Cut) -> pd.DataFrame:
        """Return a cut as the rows of `groups.csv`, in its order."""
        components = self.stars.components(self.sign * cut.threshold)
        rows = [
            self._row(cut, k, components)
            for members in cut.groups
            if int(cut.stars[members[0]]) not in cut.answered
            for k in members.tolist()
        ]
        return frame(rows)

    def _row(self, cut: Cut, k: int, components: Indices) -> dict[str, Any]:
        told = self.judgement(cut, k)
        return {
            "group_id": identifier("g", self.paths[int(cut.centres[k])]),
            "path": self.paths[k],
            "role": ROLES[cut.roles[k]],
            "keeper": self.paths[int(cut.keepers[k])],
            "measure": self.measure,
            "value": cut.values[k],
            "reason": self.reason(cut, k),
            "component_id": identifier("c", self.paths[int(components[k])]),
            "kind": told.kind if told else "",
            "score": told.score if told else np.nan,
            **self.record(k),
        }

    def reason(self, cut: Cut, k: int) -> str:
        """Say in a few words why an image of a group has its role."""
        keeper = int(cut.keepers[k])
        if k in cut.reasons:
            return cut.reasons[k]
        if cut.roles[k] == PROTECTED or (cut.roles[k] == KEEPER and self.protected[k]):
            return GUARDED
        if cut.roles[k] == KEEPER:
            return BEST
        if doubt := self.doubts[k] or self.doubts[keeper]:
            return str(doubt)
        if self.cropped[k] and not self.cropped[keeper]:
            return "cropped, its keeper is not"
        told = self.judgement(cut, k)
        if told and not told.accepted:
            return told.reason
        measured = self.measured(cut, k)
        return f"{measured}, {told.kind}" if told else measured

    def why_kept(self, rows: Sequence[int]) -> str:
        """Say in what the first of these images is better than the next best of them."""
        if len(rows) < 2:
            return BEST
        keeper, rival = rows[0], min(rows[1:], key=lambda k: self.ranks[k])
        if self.doubted[rival] and not self.doubted[keeper]:
            return f"{BEST}: its measure is trusted"
        for word, keys in self._kept_by:
            if any(key[keeper] != key[rival] for key in keys):
                return f"{BEST}: {BETTER[word]}"
        return BEST

    @cached_property
    def _kept_by(self) -> list[tuple[str, list[NDArray[Any]]]]:
        columns = keeper_columns(self.images, self.prefer)
        order = (*self.keeper_order, "path")
        return [(word, [key.to_numpy() for key in columns[word]]) for word in order]

    def measured(self, cut: Cut, k: int) -> str:
        """Say what the measure tells of an image and its keeper."""
        return f"{self.measure} {number(cut.values[k])}"

    def describe(self, rows: Sequence[int]) -> str:
        """Say what holds a group together, where it is not its weakest link."""
        return ""

    def columns(self, rows: Sequence[int]) -> int | None:
        """Return in how many columns the images of a group lie, where that means something."""
        return None

    def plan(self, cut: Cut, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of `groups.csv` that the manifest is made of; see `manifest.rows`."""
        return table

    def told(self, cut: Cut) -> tuple[str, list[tuple[str, Any]]] | None:
        """Say what was found, in words and in figures, where that is not the usual."""
        return None

    @property
    def tuned(self) -> Mapping[str, Any]:
        """What was tuned beside the threshold, by parameter."""
        return {}

    def plan_rows(self, cut: Cut, rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        """Return the rows of a manifest as they are written; a finder may bundle them."""
        return rows

    def further_tables(self, cut: Cut) -> dict[str, pd.DataFrame]:
        """Return what a finder tells beyond `groups.csv`, by the name of the file to write."""
        return {}

    @cached_property
    def row_of_id(self) -> dict[str, int]:
        """The image that gives a group its name, by that name."""
        return {identifier("g", path): k for k, path in enumerate(self.paths)}

    def record(self, k: int) -> Mapping[str, Any]:
        """Return what the catalogue says of an image that groups show."""
        told: dict[str, Any] = {name: column.item(k) for name, column in self._shown.items()}
        return told | {"mtime": utc_time(told.pop("mtime_ns"))}

    @cached_property
    def _shown(self) -> dict[str, NDArray[Any]]:
        names = ["root", "stage", "series", "width", "height", "bytes", "sha256", "mtime_ns"]
        return {name: self.images[name].to_numpy() for name in names}


def _levels(images: pd.DataFrame) -> NDArray[np.float64]:
    """Return the stage numbers; an exact copy without a stage in its name has its twin's."""
    levels: NDArray[np.float64] = images["level"].to_numpy(np.float64).copy()
    known = images[~np.isnan(levels) & (images["sha256"] != "")]
    of_digest = known.groupby("sha256")["level"].agg(["min", "max"])
    one = of_digest["min"][of_digest["min"] == of_digest["max"]]
    nameless = np.isnan(levels)
    levels[nameless] = images["sha256"][nameless].map(one).to_numpy(np.float64)
    return levels


class Clusters:
    """Groups that are no stars: whole clusters, inside which some pairs are confirmed.

    It is asked what `Stars` is asked. Confirmed pairs make stars; whoever is in none of them joins
    the best star of the cluster, or its best image where it has none, and only a person can say
    what becomes of it.

    Parameters
    ----------
    ranks : ndarray of int, shape (n,)
        Keeper order, 0 first.
    labels : callable
        Threshold -> the cluster of each image, named by its smallest member; -1 for none.
    between : callable
        Two arrays of images -> how far apart they are, pair by pair; smaller is nearer.
    confirmed : callable
        Threshold and labels -> the keeper of each image among confirmed pairs, -1 for none.
    """

    def __init__(
        self,
        ranks: Indices,
        labels: Callable[[float], Indices],
        between: Callable[[Indices, Indices], NDArray[np.float64]],
        confirmed: Callable[[float, Indices], Indices],
    ) -> None:
        self.ranks, self.labels, self._between = ranks, labels, between
        self._confirmed = confirmed
        self._last: tuple[float, Indices] | None = None

    def cut(self, threshold: float) -> tuple[Indices, NDArray[np.float64]]:
        """Return each image's keeper and its distance to it; see `Stars.cut`."""
        labels = self.labels(threshold)
        keepers = self.confirmed(threshold).copy()
        inside = np.flatnonzero(labels >= 0)
        best = np.full(len(labels), -1, np.int64)
        is_centre = keepers[inside] == inside
        worst_first = inside[np.lexsort((-self.ranks[inside], is_centre))]
        best[labels[worst_first]] = worst_first  # the last one written is the best
        left = inside[keepers[inside] < 0]
        keepers[left] = best[labels[left]]
        distances = np.full(len(labels), np.nan)
        distances[inside] = self._between(inside, keepers[inside])
        return keepers, distances

    def confirmed(self, threshold: float) -> Indices:
        """Return each image's keeper among confirmed pairs of its cluster, -1 where none is."""
        if self._last is None or self._last[0] != threshold:
            self._last = threshold, self._confirmed(threshold, self.labels(threshold))
        return self._last[1]

    def forget(self) -> None:
        """Ask anew what is confirmed, the next time."""
        self._last = None

    def components(self, threshold: float) -> Indices:
        """Return the cluster of each image; itself outside clusters."""
        labels = self.labels(threshold)
        alone: Indices = np.arange(len(labels))
        return np.where(labels < 0, alone, labels)

    def between(self, a: int, b: int, threshold: float) -> float | None:
        """Return the distance of two images if they are of one cluster."""
        labels = self.labels(threshold)
        if labels[a] < 0 or labels[a] != labels[b]:
            return None
        return float(self._between(np.array([a]), np.array([b]))[0])


class ClusterCandidates(Candidates):
    """Candidates whose groups are clusters: `review`, but for what pairs inside them confirm.

    A finder says in a subclass what is `confirmed`, and how groups and reasons are worded.

    Parameters
    ----------
    images, pairs
        As `Candidates` takes them; the pairs are shown and counted.
    labels, between
        As `Clusters` takes them.
    """

    def __init__(
        self,
        images: pd.DataFrame,
        pairs: pd.DataFrame,
        labels: Callable[[float], Indices],
        between: Callable[[Indices, Indices], NDArray[np.float64]],
        **rules: Any,
    ) -> None:
        super().__init__(images, pairs, **rules)
        self.clusters = self.stars = Clusters(self.ranks, labels, between, self.confirmed)

    def cut(self, threshold: float) -> Cut:
        """Return groups, keepers and roles; those that leave most to a person come first."""
        self.clusters.forget()  # checks may have told more since
        result = super().cut(threshold)
        waiting = result.stars[result.roles == REVIEW]
        result.urgency = np.bincount(waiting, minlength=len(result.stars)).astype(np.int64)
        return result

    def confirmed(self, threshold: float, labels: Indices) -> Indices:
        """Return each image's keeper among confirmed pairs of its cluster, -1 where none is."""
        return np.full(len(labels), -1, np.int64)

    def is_confirmed(self, cut: Cut, k: int) -> bool:
        """Tell whether an image and its keeper are a confirmed pair."""
        keeper = int(cut.keepers[k])
        return keeper != k and int(self.clusters.confirmed(cut.threshold)[k]) == keeper

    def _hold_back(self, cut: Cut) -> None:
        staged = np.flatnonzero(cut.roles == STAGE)
        sure = self.clusters.confirmed(cut.threshold)[staged] == cut.keepers[staged]
        cut.roles[staged[~sure]] = REVIEW
        super()._hold_back(cut)

    def _obey_marks(self, cut: Cut) -> None:
        super()._obey_marks(cut)
        confirmed = self.clusters.confirmed(cut.threshold)
        for k in np.flatnonzero((cut.roles == STAGE) & (confirmed != cut.keepers)).tolist():
            if self.marks[k] != "stage":  # its own keeper goes, by a person's mark
                cut.roles[k] = REVIEW
                cut.reasons[k] = "not confirmed with the image that a person keeps"


def frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows of `groups.csv` as a table of the right types."""
    return pd.DataFrame(
        {
            column: pd.Series([row[column] for row in rows], dtype=_DTYPES.get(column, object))
            for column in (*COLUMNS, *FURTHER_COLUMNS, "sha256")
        }
    )


_DTYPES = {
    "width": "int64",
    "height": "int64",
    "bytes": "int64",
    "value": "float64",
    "score": "float64",
}


def utc_time(mtime_ns: int) -> str:
    """Return a time of change as UTC text, to the second: `2025-07-05T21:52:18Z`."""
    return f"{EPOCH + timedelta(seconds=mtime_ns // 10**9):%Y-%m-%dT%H:%M:%SZ}"


def identifier(letter: str, path: str) -> str:
    """Return a short name of a group or component that depends only on a path."""
    digest = sha256(path.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{letter}-{digest[:10]}"


def number(value: float) -> str:
    """Return a measure without a needless fraction: 3 bits, cosine 0.9213."""
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.4f}"
