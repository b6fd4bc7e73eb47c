"""Images, their pairs and the rules -> groups at any threshold.

Works on tables only; it reads no files and no pixels. The pairs of every finder pass through this
module, so a staged image always leaves a directly similar keeper behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb.groups import marks as marks_
from dedup_nb.groups import promise, rules
from dedup_nb.groups.bursts import SECONDS
from dedup_nb.groups.checks import Checked, Checks, Judgement
from dedup_nb.groups.columns import Row, frame
from dedup_nb.groups.companions import Companions
from dedup_nb.groups.cut import Cut, Parts
from dedup_nb.groups.holdings import Relief
from dedup_nb.groups.images import BEST, Images
from dedup_nb.groups.keepers import KEEPER_ORDER
from dedup_nb.groups.measures import apart, number, to_itself
from dedup_nb.groups.pairs import bound_of
from dedup_nb.groups.roles import KEEPER, NONE, PROTECTED, REVIEW, STAGE, Indices
from dedup_nb.groups.stars import Assignment, Grouping, Stars
from dedup_nb.library import layout
from dedup_nb.library.quantities import count

# why pairs are never proposed, in the order in which they are told apart
REASONS = (
    "inside one series",
    "of one name in one folder",
    "of two stages",
    "of two raw files",
    "inside one root",
)
PAIRS_AT_ONCE = 2**20  # looked at together, so that they need little memory


class Excluded(dict[str, int]):
    """How many pairs were excluded, by reason; a notebook shows it as a sentence."""

    @property
    def sentence(self) -> str:
        """`Excluded and never proposed: 3 pairs inside one series.`, or nothing."""
        counts = [
            f"{n:,} {why}" if why.startswith(("pairs ", "runs ")) else f"{count(n, 'pair')} {why}"
            for why, n in self.items()
            if n
        ]
        return f"Excluded and never proposed: {'; '.join(counts)}." if counts else ""

    def __repr__(self) -> str:
        return self.sentence or "No pairs were excluded."


class Candidates:
    """Images, their pairs and the rules, which a threshold slider cuts into groups.

    A finder may set its own `grouping`, append to `rules`, and describe its measure in its own
    words (`measured`, `describe` and the other methods under "words"). Which images are staged
    depends only on the grouping, the rules and your marks: `cut` is final.

    Parameters
    ----------
    images : DataFrame
        One row for each image; see `Images`.
    pairs : DataFrame
        Columns `i < j` (rows of `images`) and the measure, whose column name is its name.
    similarity : bool
        Whether a larger value of the measure means more alike.
    keeper_order, prefer, roots
        See `keepers.keeper_rank`.
    same_stage_only, cross_root_only : bool
        Exclude pairs of different stages (where both are known), or of the same root.
    marks : sequence of "keep", "stage" or None, optional
        Your mark of each image.
    answers : sequence of sets of sha256, optional
        Images that you marked as not duplicates of each other. A group inside one such set is not
        proposed again, unless it gains a new member.
    checks : Checks, optional
        Compares the pixels of each member that would be staged with those of its keeper.
    relief : callable, optional
        Looks into companions where a keeper seems to lack something; see `holdings.Relief`.
    burst_seconds : float
        See `bursts.Bursts`.
    companions : Companions, optional
        Compares the works beside a member with those beside its keeper. Without it, no image that
        has a work beside it is ever staged.

    Attributes
    ----------
    grouping : Grouping
        Makes the groups; by default stars of the pairs.
    rules : list of Rule
        Rules that hold images back, in order; finders append to it.
    obey : callable
        Applies your marks; see `marks.obey`.
    excluded : DataFrame
        The pairs that are never proposed, for whatever reason.
    bound : mapping or None
        `asked`, `used` and `reason` if the pairs are not complete; see `pairs.bound_of`.
    staging, what : str
        Staging folder of the proposed images, and a description of the groups for reports.
    first : str
        Describes the groups listed first, if some are urgent: "The groups that ... come first."
    """

    staging = layout.REVIEW_DUPES
    what = "near-duplicate groups"
    first = "need most review"
    needs_keeper = True  # False for clusters, which can never be approved

    def __init__(
        self,
        images: pd.DataFrame,
        pairs: pd.DataFrame,
        *,
        similarity: bool = False,
        keeper_order: Sequence[str] = KEEPER_ORDER,
        prefer: Sequence[str] = (),
        roots: Sequence[str] = (),
        same_stage_only: bool = True,
        cross_root_only: bool = False,
        marks: Sequence[str | None] | None = None,
        answers: Sequence[frozenset[str]] = (),
        checks: Checks | None = None,
        relief: Relief | None = None,
        companions: Companions | None = None,
        burst_seconds: float = SECONDS,
    ) -> None:
        self.images = Images(images, keeper_order, prefer, roots, relief, burst_seconds)
        self.checks = checks
        self.measure = str(pairs.columns[2])
        self.bound = bound_of(pairs)
        self.sign = -1.0 if similarity else 1.0
        if marks is not None or answers:
            self.decide(marks or [None] * len(images), answers)
        self.same_stage_only = same_stage_only
        self._split(pairs, same_stage_only, cross_root_only)
        self.grouping: Grouping = self.checked(self.pairs)
        self.rules = rules.standard(checks, companions)
        self.obey: marks_.Obey = marks_.obey

    def stars_of(self, pairs: pd.DataFrame) -> Stars:
        """Return the stars of a table of pairs (`i < j` and the measure)."""
        return Stars(
            len(self.images),
            pairs["i"].to_numpy(np.int32),
            pairs["j"].to_numpy(np.int32),
            self.sign * pairs.iloc[:, 2].to_numpy(np.float64),
            self.images.ranks,
            self.limits(pairs) if self.same_stage_only else None,
        )

    def checked(self, pairs: pd.DataFrame) -> Checked:
        """Return the stars of a table of pairs, without the members that the checks refuse."""
        return Checked(self.stars_of(pairs), self.images, self.checks)

    def decide(self, marks: Sequence[str | None], answers: Sequence[frozenset[str]] = ()) -> None:
        """Set your marks and answers; the next `cut` applies them."""
        self.images.decide(marks, answers)

    def _split(self, pairs: pd.DataFrame, same_stage_only: bool, cross_root_only: bool) -> None:
        """Exclude the pairs that are never proposed, and count them by reason."""
        codes = {
            column: pd.factorize(self.images.table[column])[0].astype(np.int32)
            for column in ("folder", "stem", "root")
        }
        of_series, levels, is_raw = self.images.series.of, self.images.levels, self.images.is_raw

        def set_apart(i: Indices, j: Indices) -> list[NDArray[np.bool_]]:
            one = {column: code[i] == code[j] for column, code in codes.items()}
            staged = ~np.isnan(levels[i]) & ~np.isnan(levels[j])
            return [
                (of_series[i] == of_series[j]) & (of_series[i] >= 0),
                one["folder"] & one["stem"],
                same_stage_only & staged & (levels[i] != levels[j]),
                is_raw[i] & is_raw[j] & self.images.works_apart(i, j),
                one["root"] & cross_root_only,
            ]

        ends = [pairs[end].to_numpy(np.int32) for end in ("i", "j")]
        of = np.zeros(len(pairs), np.uint8)  # the first reason of each pair, from 1 on
        for first in range(0, len(pairs), PAIRS_AT_ONCE):
            part = slice(first, first + PAIRS_AT_ONCE)
            for reason, members in enumerate(set_apart(*(end[part] for end in ends)), 1):
                of[part][members & (of[part] == 0)] = reason
        counts = np.bincount(of, minlength=len(REASONS) + 1).tolist()[1:]
        self.set_apart = Excluded(zip(REASONS, counts, strict=True))
        self.series_pairs = pairs[of == 1].reset_index(drop=True)
        self.excluded = pairs[of > 0].reset_index(drop=True)
        self.pairs = (pairs if not of.any() else pairs[of == 0]).reset_index(drop=True)

    def limits(self, pairs: pd.DataFrame) -> NDArray[np.float64]:
        """Return the distance of each pair from which on it is ambiguous and joins no group.

        An image without a stage in its name that is near two stages of a picture would join both
        into one group, and one of them would be lost. Its pairs with stages count only while it is
        near a single stage, or where its size in pixels identifies the stage.

        Parameters
        ----------
        pairs : DataFrame
            Columns `i < j` and the measure; shape (n_pairs, 3).

        Returns
        -------
        ndarray of float64, shape (n_pairs,)
            Distances (a similarity with its sign turned); infinity where a pair is never ambiguous.
        """
        ends = pairs[["i", "j"]].to_numpy(np.int64)
        unknown = np.isnan(self.images.levels[ends])
        mixed = np.flatnonzero(unknown[:, 0] != unknown[:, 1])
        nameless = np.where(unknown[mixed, 0], ends[mixed, 0], ends[mixed, 1])
        staged = np.where(unknown[mixed, 0], ends[mixed, 1], ends[mixed, 0])
        sizes = self.images.table[["width", "height"]].to_numpy()
        table = pd.DataFrame(
            {
                "image": nameless,
                "level": self.images.levels[staged],
                "distance": self.sign * pairs.iloc[:, 2].to_numpy(np.float64)[mixed],
                "same_size": (sizes[nameless] == sizes[staged]).all(axis=1),
            }
        )
        nearest = table.groupby(["image", "level"])["distance"].min().sort_values()
        second = nearest.groupby("image").nth(1).droplevel("level")  # the second-nearest stage
        limits = table["image"].map(second).fillna(np.inf).to_numpy(np.float64)
        of_size = table[table["same_size"]].groupby("image")["level"].nunique()
        known_stage = table["same_size"] & (table["image"].map(of_size) == 1)
        every = np.full(len(pairs), np.inf)
        every[mixed] = np.where(known_stage, np.inf, limits)
        return every

    # -- cut -------------------------------------------------------------------------------------

    @final
    def cut(self, threshold: float) -> Cut:
        """Return groups, keepers and roles at a threshold (inclusive); fast enough for a slider.

        Raises
        ------
        BrokenPromise, LooseRule
            If a program error would stage an image without a twin that stays.
        """
        result = self._proposed(threshold)
        self.obey(result, self.images, self.grouping)
        result = rules.apply(self.rules, result, self.images)
        result.urgency = self.urgency(result)
        result.parts = self.arranged(result)
        promise.check(result, self.images, self.grouping)  # last, whatever came before
        return result

    def _proposed(self, threshold: float) -> Cut:
        """Return every image with its keeper, before any rule or mark is applied."""
        made: Assignment = self.grouping.assign(self.sign * threshold)
        keepers = made.keepers
        roles = np.where(keepers < 0, NONE, STAGE).astype(np.int8)
        if made.sure is not None:
            roles[(keepers >= 0) & ~made.sure] = REVIEW
        roles[keepers == np.arange(len(keepers))] = KEEPER
        stars = keepers if made.stars is None else made.stars
        result = Cut(
            threshold=threshold,
            sign=self.sign,
            keepers=keepers,
            centres=stars.copy(),
            stars=stars.copy(),
            roles=roles,
            values=self.sign * made.distances,
            reasons=made.reasons,
            sizes=self.images.sizes,
            links=self.images.links,
            by_person=np.zeros(len(keepers), np.bool_),
            parts=made.parts,
            detail=made.detail,
            self_value=to_itself(self.measure, similarity=self.sign < 0),
        )
        result.values[roles == KEEPER] = result.self_value
        return result

    def urgency(self, cut: Cut) -> NDArray[np.int64] | None:
        """Return the urgency of each star, where larger comes first; None if none is urgent.

        Returns
        -------
        ndarray of int64, shape (n_images,), or None
            Indexed by the image that names the star.
        """
        return None

    def arranged(self, cut: Cut) -> Parts | None:
        """Return the groups in the order in which they are shown; None for the stars."""
        return cut.parts

    def judgement(self, cut: Cut, k: int) -> Judgement | None:
        """Return the result of comparing the pixels of an image and its keeper, if known."""
        keeper = int(cut.keepers[k])
        if self.checks is None or keeper in (-1, k):
            return None
        return self.checks.judgement(k, keeper)

    def lacks(self, cut: Cut, k: int) -> tuple[str, ...]:
        """Return what the keeper of an image lacks of it, as far as it is known, sorted."""
        keeper = int(cut.keepers[k])
        return () if keeper in (-1, k) else self.lacking(k, keeper)

    def lacking(self, k: int, keeper: int) -> tuple[str, ...]:
        """Return what an image lacks of another, were it kept for it, as far as it is known."""
        judged = self.checks.judgement(k, keeper) if self.checks else None
        by_pixels = judged.lacks if judged else ()
        return tuple(sorted({*self.images.holdings.lacks(k, keeper), *by_pixels}))

    def all_lacks(self, cut: Cut, rows: Indices) -> list[tuple[str, ...]]:
        """Return what the keepers of many images lack; see `lacks`. A staged one lacks nothing."""
        members = (cut.roles[rows] == REVIEW) | cut.by_person[rows]
        return [
            self.lacks(cut, k) if is_member else ()
            for k, is_member in zip(rows.tolist(), members.tolist(), strict=True)
        ]

    def finders(self, cut: Cut, k: int) -> tuple[str, ...]:
        """Return which of several finders find an image near its keeper; none if there is one."""
        return ()

    # -- tables ----------------------------------------------------------------------------------

    def table(self, cut: Cut) -> pd.DataFrame:
        """Return a cut as the rows of `groups.csv`, in its order, and the bytes `freed`."""
        components, shown = self.components(cut), self.shown(cut)
        made = frame([self._row(cut, k, components) for k in shown])
        return made.assign(freed=cut.freed[shown])

    def shown(self, cut: Cut) -> list[int]:
        """Return the images of a cut by group, without those you marked as not duplicates."""
        return [
            k
            for members in cut.groups
            if int(cut.stars[members[0]]) not in cut.answered
            for k in members.tolist()
        ]

    def left_out(self, cut: Cut) -> int:
        """Return how many pairs within the threshold show different pictures, so far compared."""
        grouping = self.grouping
        return grouping.left_out(cut.distance) if isinstance(grouping, Checked) else 0

    def components(self, cut: Cut) -> Indices:
        """Return the connected component of each image at the threshold of a cut."""
        return self.grouping.components(cut.distance)

    def _row(self, cut: Cut, k: int, components: Indices) -> Row:
        reason, judged = self.reason(cut, k), self.judgement(cut, k)
        record, lacks = self.images.record(k), self.lacks(cut, k)
        return Row(k, cut, self.images, components, self.measure, reason, judged, record, lacks)

    def plan(self, cut: Cut, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of `groups.csv` that go into the manifest; see `manifest.rows`.

        A series that goes as a whole is one bundle: `stage` moves all of its images, or none.
        """
        staged = cut.staged()
        whole = self.images.series.whole(staged, cut.keepers[staged])
        if not whole or "bundle" in table:
            return table
        bundles = {self.images.paths[k]: name for k, name in whole.items()}
        return table.assign(bundle=[bundles.get(path, "") for path in table["path"]])

    def plan_rows(self, cut: Cut, rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        """Return the rows of a manifest before they are written; a finder may bundle them."""
        return rows

    def further_tables(self, cut: Cut) -> dict[str, pd.DataFrame]:
        """Return a finder's tables beside `groups.csv`, keyed by file name."""
        return {}

    # -- words -----------------------------------------------------------------------------------

    def reason(self, cut: Cut, k: int) -> str:
        """Return a short reason why an image of a group has its role."""
        keeper, images = int(cut.keepers[k]), self.images
        if k in cut.reasons:
            return cut.reasons[k]
        if cut.roles[k] == PROTECTED or (cut.roles[k] == KEEPER and images.protected[k]):
            return rules.GUARDED
        if cut.roles[k] == KEEPER:
            return BEST
        if doubt := images.doubts[k] or images.doubts[keeper]:
            return str(doubt)
        if images.cropped[k] and not images.cropped[keeper]:
            return rules.CROPPED
        judged = self.judgement(cut, k)
        if judged and not judged.accepted:
            return judged.reason
        measured = self.measured(cut, k)
        return f"{measured}, {judged.kind}" if judged else measured

    def measured(self, cut: Cut, k: int) -> str:
        """Describe the measure between an image and its keeper: `3 bits apart`."""
        return apart(self.measure, cut.values[k])

    def describe(self, cut: Cut, rows: Sequence[int]) -> str:
        """Describe what holds a group together, if it is not its weakest link."""
        return ""

    def columns(self, cut: Cut, rows: Sequence[int]) -> int | None:
        """Return the number of columns to show the images of a group in, if it matters."""
        return None

    def told(self, cut: Cut) -> tuple[str, list[tuple[str, Any]]] | None:
        """Return a sentence and figures on the result, if they differ from the usual ones."""
        return None

    def empty(self, cut: Cut) -> str:
        """Return what to do if there are no groups."""
        looser = "larger" if self.sign > 0 else "smaller"
        return (
            f"No two images are near at the threshold {number(cut.threshold)}. "
            f"Try a {looser} threshold, or another finder."
        )

    @property
    def tuned(self) -> Mapping[str, Any]:
        """Parameters tuned in addition to the threshold, by name."""
        return {}
