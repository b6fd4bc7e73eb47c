"""Images, the pairs found among them, and the rules -> groups at any threshold.

Numbers in, numbers out: no file is touched here and no pixel looked at. Every finder's pairs come
through this one place, so a staged image always leaves a directly similar keeper behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb.groups import marks as marks_
from dedup_nb.groups import promise, rules
from dedup_nb.groups.checks import Checked, Checks, Judgement
from dedup_nb.groups.columns import Row, frame
from dedup_nb.groups.cut import Cut, Parts
from dedup_nb.groups.images import BEST, Images
from dedup_nb.groups.keepers import KEEPER_ORDER
from dedup_nb.groups.roles import KEEPER, NONE, PROTECTED, REVIEW, STAGE, Indices
from dedup_nb.groups.stars import Assignment, Grouping, Stars
from dedup_nb.library import layout


class Candidates:
    """Images, the pairs found among them, and the rules: what a threshold slider cuts.

    A finder may give a `grouping` of its own, append to `rules`, and say in its own words what it
    measured (`measured`, `describe` and the other methods under "words"). Which images are staged
    depends on the grouping, the rules and a person's marks alone: `cut` is final.

    Parameters
    ----------
    images : DataFrame
        One row an image; see `Images`.
    pairs : DataFrame
        `i < j` and the measure, whose column name is kept as its name.
    similarity : bool
        Whether the measure rises as images grow alike.
    keeper_order, prefer
        See `keepers.keeper_rank`.
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
    grouping : Grouping
        What makes the groups; the pairs as stars unless a finder sets another.
    rules : list of Rule
        What holds images back, in order; finders append to it.
    obey : callable
        How a person's marks are obeyed; see `marks.obey`.
    staging, what : str
        Staging folder of what is proposed, and what the groups are, for reports.
    first : str
        The groups that come first, where some are urgent: "The groups that ... come first."
    """

    staging = layout.REVIEW_DUPES
    what = "near-duplicate groups"
    first = "leave most to a person"
    needs_keeper = True  # false for clusters, of which nothing is ever approved

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
        self.images, self.checks = Images(images, keeper_order, prefer), checks
        self.measure = str(pairs.columns[2])
        self.sign = -1.0 if similarity else 1.0
        if marks is not None or answers:
            self.decide(marks or [None] * len(images), answers)
        self.same_stage_only = same_stage_only
        self._split(pairs, same_stage_only, cross_root_only)
        self.grouping: Grouping = self.checked(self.pairs)
        self.rules = rules.standard(checks)
        self.obey: marks_.Obey = marks_.obey

    def stars_of(self, pairs: pd.DataFrame) -> Stars:
        """Return pairs, `i < j` and their measure, as stars by these rules."""
        return Stars(
            len(self.images),
            pairs["i"].to_numpy(np.int64),
            pairs["j"].to_numpy(np.int64),
            self.sign * pairs.iloc[:, 2].to_numpy(np.float64),
            self.images.ranks,
            self.limits(pairs) if self.same_stage_only else None,
        )

    def checked(self, pairs: pd.DataFrame) -> Checked:
        """Return pairs as stars whose members the checks accept."""
        return Checked(self.stars_of(pairs), self.images, self.checks)

    def decide(self, marks: Sequence[str | None], answers: Sequence[frozenset[str]] = ()) -> None:
        """Take what a person has said by now; the next `cut` obeys it."""
        self.images.decide(marks, answers)

    def _split(self, pairs: pd.DataFrame, same_stage_only: bool, cross_root_only: bool) -> None:
        """Set apart what is never proposed, and count why."""
        i, j = pairs["i"].to_numpy(np.int64), pairs["j"].to_numpy(np.int64)

        def both(column: str) -> tuple[NDArray[Any], NDArray[Any]]:
            values = self.images.table[column].to_numpy()
            return values[i], values[j]

        (series_i, series_j), (folder_i, folder_j) = both("series"), both("folder")
        one_folder = np.asarray(folder_i == folder_j, bool)
        in_series = one_folder & np.asarray((series_i == series_j) & (series_i != ""), bool)
        stem_i, stem_j = both("stem")
        one_name = one_folder & np.asarray(stem_i == stem_j, bool)
        level_i, level_j = self.images.levels[i], self.images.levels[j]
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

    def limits(self, pairs: pd.DataFrame) -> NDArray[np.float64]:
        """Return from which threshold on a pair is ambiguous, so that it joins no group.

        An image without a stage in its name that is near two stages of a picture would draw both
        into one group and cost one of them. Its pairs with stages count only while it is near one
        stage alone, or where its size in pixels tells which stage it is.
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
        second = nearest.groupby("image").nth(1).droplevel("level")  # a second stage comes near
        limits = table["image"].map(second).fillna(np.inf).to_numpy(np.float64)
        of_size = table[table["same_size"]].groupby("image")["level"].nunique()
        told = table["same_size"] & (table["image"].map(of_size) == 1)
        every = np.full(len(pairs), np.inf)
        every[mixed] = np.where(told, np.inf, limits)
        return every

    # -- cut -------------------------------------------------------------------------------------

    @final
    def cut(self, threshold: float) -> Cut:
        """Return groups, keepers and roles at a threshold (inclusive); fast enough for a slider.

        Raises
        ------
        BrokenPromise, LooseRule
            If a fault of the program would stage an image without a twin that stays.
        """
        result = self._proposed(threshold)
        self.obey(result, self.images, self.grouping)
        result = rules.apply(self.rules, result, self.images)
        promise.check(result, self.images, self.grouping)
        result.urgency = self.urgency(result)
        result.parts = self.arranged(result)
        return result

    def _proposed(self, threshold: float) -> Cut:
        """Return every image beside its keeper, before anyone held anything back."""
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
            by_person=np.zeros(len(keepers), np.bool_),
            parts=made.parts,
            detail=made.detail,
        )
        result.values[roles == KEEPER] = result.self_value
        return result

    def urgency(self, cut: Cut) -> NDArray[np.int64] | None:
        """Return how urgent each star is, the largest first; None where none is."""
        return None

    def arranged(self, cut: Cut) -> Parts | None:
        """Return the groups in the order and shape in which they are shown; None: the stars."""
        return cut.parts

    def judgement(self, cut: Cut, k: int) -> Judgement | None:
        """Return what the pixels of an image and its keeper showed, where that is known."""
        keeper = int(cut.keepers[k])
        if self.checks is None or keeper in (-1, k):
            return None
        return self.checks.judgement(k, keeper)

    # -- tables ----------------------------------------------------------------------------------

    def table(self, cut: Cut) -> pd.DataFrame:
        """Return a cut as the rows of `groups.csv`, in its order."""
        components = self.components(cut)
        return frame([self._row(cut, k, components) for k in self.shown(cut)])

    def shown(self, cut: Cut) -> list[int]:
        """Return the images of a cut group by group, without those answered as no duplicates."""
        return [
            k
            for members in cut.groups
            if int(cut.stars[members[0]]) not in cut.answered
            for k in members.tolist()
        ]

    def components(self, cut: Cut) -> Indices:
        """Return the connected component of each image at the threshold of a cut."""
        return self.grouping.components(cut.distance)

    def _row(self, cut: Cut, k: int, components: Indices) -> Row:
        reason, judged = self.reason(cut, k), self.judgement(cut, k)
        record = self.images.record(k)
        return Row(k, cut, self.images, components, self.measure, reason, judged, record)

    def plan(self, cut: Cut, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of `groups.csv` that the manifest is made of; see `manifest.rows`."""
        return table

    def plan_rows(self, cut: Cut, rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        """Return the rows of a manifest as they are written; a finder may bundle them."""
        return rows

    def further_tables(self, cut: Cut) -> dict[str, pd.DataFrame]:
        """Return what a finder tells beyond `groups.csv`, by the name of the file to write."""
        return {}

    # -- words -----------------------------------------------------------------------------------

    def reason(self, cut: Cut, k: int) -> str:
        """Say in a few words why an image of a group has its role."""
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
        """Say what the measure is between an image and its keeper."""
        return f"{self.measure} {number(cut.values[k])}"

    def describe(self, cut: Cut, rows: Sequence[int]) -> str:
        """Say what holds a group together, where it is not its weakest link."""
        return ""

    def columns(self, cut: Cut, rows: Sequence[int]) -> int | None:
        """Return in how many columns the images of a group lie, where that means something."""
        return None

    def told(self, cut: Cut) -> tuple[str, list[tuple[str, Any]]] | None:
        """Say what was found, in words and in figures, where that is not the usual."""
        return None

    @property
    def tuned(self) -> Mapping[str, Any]:
        """What was tuned beside the threshold, by parameter."""
        return {}


def number(value: float) -> str:
    """Return a measure without a needless fraction: 3 bits, cosine 0.9213."""
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.4f}"
