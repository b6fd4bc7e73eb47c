"""Compared sets -> groups of whole sets to look at, tune and prune."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb import groups, report
from dedup_nb.compare.full_size import FullSize
from dedup_nb.compare.verdicts import Verdicts
from dedup_nb.finders import sets
from dedup_nb.finders.sets import DIFFERENT, REVIEW, SAME, ImageSet, Match
from dedup_nb.groups.candidates import Excluded
from dedup_nb.groups.marks import obey_answers
from dedup_nb.groups.roles import Indices
from dedup_nb.groups.rules import CROPPED
from dedup_nb.library import layout
from dedup_nb.library.companions import split
from dedup_nb.library.quantities import count
from dedup_nb.steps.set_pruning.pruning import Compared
from dedup_nb.widgets import tuning

MAX_AREA = 0.2  # upper end of the slider of the edited area
DECISION = ".decision"
LATEST = "9999"  # the stamp of a set without one

WhyHeld = Callable[[groups.Cut, int, int], str]  # cut, kept set, other set -> why, or ""
SetRule = tuple[str, str, WhyHeld]


@dataclass(frozen=True)
class SetDetail:
    """Further results of a cut of sets.

    Attributes
    ----------
    verdicts : list of (verdict, why)
        Verdict and reason of each match.
    joined : dict of int -> int
        Set -> the kept set it joined.
    """

    verdicts: list[tuple[str, str]]
    joined: dict[int, int]


class SetStars:
    """A `Grouping` that pairs each image with its counterpart in the kept set.

    Parameters
    ----------
    made : Sets
        The sets, their matches, and their order of preference.
    """

    def __init__(self, made: Sets) -> None:
        self.made = made
        self._last: tuple[float, groups.Assignment] | None = None

    def assign(self, threshold: float) -> groups.Assignment:
        """Return the counterpart of each image whose set joined a kept set."""
        made, n = self.made, len(self.made.images)
        keepers, stars = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
        distances = np.full(n, np.nan)
        verdicts = [
            sets.judge(m, made.sets[m.a].stages, made.sign * threshold, made.max_edited_area)
            for m in made.matches
        ]
        joined = made.joined(verdicts)
        members: dict[int, list[int]] = defaultdict(list)
        for other, kept in joined.items():
            members[kept].append(other)
        parts: list[Indices] = []
        reasons: dict[int, str] = {}
        for kept in sorted(members):
            others = sorted(members[kept])
            mine = np.array(made.sets[kept].rows)
            keepers[mine], distances[mine] = mine, 0.0
            reasons |= dict.fromkeys(mine.tolist(), made.why_kept(kept, others[0]))
            for other in others:
                rows = np.array(made.sets[other].rows)
                keepers[rows] = mine
                distances[rows] = made.sign * np.array(made.match(kept, other).cosines)
            every = np.concatenate([np.array(made.sets[k].rows, np.int64) for k in (kept, *others)])
            stars[every] = mine[0]
            parts.append(every)
        parts.sort(key=lambda rows: int(rows[0]))
        detail = SetDetail(verdicts, joined)
        ordered = groups.Parts.of(parts)
        made_now = groups.Assignment(keepers, distances, None, stars, reasons, ordered, detail)
        self._last = threshold, made_now
        return made_now

    def components(self, threshold: float) -> Indices:
        """Return the group of each image as its smallest member; ungrouped images are their own."""
        names = np.arange(len(self.made.images))
        for rows in self._at(threshold).parts or ():
            names[rows] = rows.min()
        return names

    def between(self, a: int, b: int, threshold: float) -> float | None:
        """Return the distance of two stages, or None if their sets were not compared."""
        match, stage = self._match(a, b)
        return None if match is None else self.made.sign * match.cosines[stage]

    def may_propose(
        self, members: Indices, keepers: Indices, threshold: float
    ) -> NDArray[np.bool_]:
        """Return which images belong to a set judged the same as that of their keeper.

        Parameters
        ----------
        members, keepers : ndarray of int64, shape (n,)
            Positions of the images, pair by pair.
        threshold : float
            Largest distance, inclusive.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        verdicts = self._at(threshold).detail.verdicts
        same = np.zeros(len(members), np.bool_)
        for place, ends in enumerate(zip(members.tolist(), keepers.tolist(), strict=True)):
            match, _ = self._match(*ends)
            same[place] = (
                match is not None and verdicts[self.made.places[match.a, match.b]][0] == SAME
            )
        return same

    def _at(self, threshold: float) -> groups.Assignment:
        if self._last is None or self._last[0] != threshold:
            return self.assign(threshold)
        return self._last[1]

    def _match(self, a: int, b: int) -> tuple[Match | None, int]:
        """Return the match of the sets of two images of one stage, and the stage's position."""
        made = self.made
        one, other = made.set_of[a], made.set_of[b]
        stage = made.sets[one].rows.index(a)
        place = made.places.get((min(one, other), max(one, other)))
        if place is None or made.sets[other].rows[stage] != b:
            return None, stage
        return made.matches[place], stage


class Sets(groups.Candidates):
    """Sets that are the same in every stage: the kept one, and those to prune as a whole.

    Parameters
    ----------
    compared : Compared
        Compared pairs of sets.
    max_edited_area : float
        Largest share of a picture that may differ in any stage, from 0 to 1; may be changed between
        cuts.
    """

    staging = layout.DELETE_REVIEW
    what = "duplicate sets"

    def __init__(self, compared: Compared, max_edited_area: float) -> None:
        self.compared, self.found, self.sets = compared, compared.found, compared.found.sets
        self.run, self.max_edited_area = self.found.run, max_edited_area
        self.matches = compared.matches
        self.places = {(m.a, m.b): k for k, m in enumerate(self.matches)}
        super().__init__(
            self.run.images, _stage_pairs(self.sets, self.matches), similarity=True,
            **(self.run.rules | {"checks": None}),
        )  # fmt: skip
        self.set_apart = Excluded(Counter(f"pairs of sets {why}" for _, _, why in compared.apart))
        self.set_apart["runs over several folders"] = len(self.found.split) + len(
            self.found.scattered
        )
        self.set_of = {row: k for k, each in enumerate(self.sets) for row in each.rows}
        self.decisions = {
            other.path for other in self.run.others if other.reason.startswith("shared by series")
        }
        companions = self.run.catalogue["companions"].to_numpy()
        self.companions = [int(companions[list(each.rows)].sum()) for each in self.sets]
        self.holds = [sum(self._words(row) for row in each.rows) for each in self.sets]
        self.ranks_of_sets = self._ranks()
        self.grouping, self.obey = SetStars(self), self._obey
        of_sets = [self._set_rule(*rule) for rule in self._held_back]
        whole = "a set moves whole or not at all"
        frames = groups.bursts_stay(self._compared_frames())
        self.rules = [
            *of_sets,  # first, since they know why a whole set waits
            *(frames if rule.name == frames.name else rule for rule in self.rules),
            groups.Rule("whole_sets", whole, self._whole_sets, chains=True),
        ]

    @property
    def tuned(self) -> Mapping[str, Any]:
        """Other tuned parameters, by name."""
        return {"max_edited_area": self.max_edited_area}

    def _compared_frames(self) -> Verdicts:
        """Compare counterparts that are two frames of one burst; only equal pixels may go."""
        run = self.run
        known = Verdicts(
            run.catalogue,
            run.store,
            run.engine,
            run.remake,
            FullSize(run.catalogue, run.library, run.store, run.engine),
        )
        ends = [
            pair
            for match in self.matches
            if match.cosine >= self.compared.bound
            for pair in zip(self.sets[match.a].rows, self.sets[match.b].rows, strict=True)
        ]
        members, keepers = np.array(ends, np.int64).reshape(-1, 2).T
        apart = self.images.bursts.apart(members, keepers)
        with known.without_limit():
            known.refused(members[apart], keepers[apart])
        return known

    # -- which is kept ---------------------------------------------------------------------------

    def _keys(self, k: int) -> list[tuple[Any, str]]:
        """Return the keys that decide which set is kept, smallest first, each with its reason."""
        each, prefer = self.sets[k], list(self.run.values.get("prefer") or ())
        place = _place(each.root, prefer)
        decided = f"{each.name}{DECISION}" in self.decisions
        return [
            (not self._is_protected(k), groups.GUARDED),
            (place, f"preferred root {each.root}"),
            (-self.holds[k], "its files hold more"),
            (_place(each.root, self.run.roots) if not prefer else 0, f"earlier root {each.root}"),
            (not decided, "it has a .decision file"),
            (-self.companions[k], f"more companions ({self.companions[k]})"),
            (each.stamps[0] or LATEST, f"earliest ({each.stamps[0].replace('T', ' ')})"),
            (self.images.paths[each.rows[0]], "first by path"),
        ]

    def _words(self, row: int) -> int:
        """Return how many kinds of content an image holds, without its companions."""
        kinds = split(self.images.companion_kinds[row])
        return sum(word not in kinds for word in self.images.holdings.words[row])

    def _ranks(self) -> list[int]:
        order = sorted(range(len(self.sets)), key=lambda k: [key for key, _ in self._keys(k)])
        ranks = [0] * len(order)
        for rank, k in enumerate(order):
            ranks[k] = rank
        return ranks

    def why_kept(self, kept: int, other: int) -> str:
        """Return why a set is kept and the other is not."""
        if self._mark(kept) == "keep":
            return groups.KEPT
        if self._mark(kept) == "stage":
            return groups.LAST
        if self._mark(other) == "stage" and self.ranks_of_sets[kept] > self.ranks_of_sets[other]:
            return "kept, because you marked the other set for staging"
        pairs = zip(self._keys(kept), self._keys(other), strict=True)
        return "kept: " + next(words for (mine, words), (yours, _) in pairs if mine != yours)

    def _is_protected(self, k: int) -> bool:
        return bool(self.images.protected[list(self.sets[k].rows)].any())

    def _mark(self, k: int) -> str | None:
        """Return the mark of a set; a mark on any image applies to all."""
        marks = {self.images.marks[row] for row in self.sets[k].rows}
        return "keep" if "keep" in marks else "stage" if "stage" in marks else None

    def joined(self, verdicts: Sequence[tuple[str, str]]) -> dict[int, int]:
        """Return which set joins which kept set: first identical sets, then uncertain ones."""
        order = sorted(
            (k for k in range(len(self.sets)) if k not in self.found.split), key=self._precedence
        )
        edges: dict[str, list[tuple[int, int]]] = {SAME: [], REVIEW: [], DIFFERENT: []}
        for match, (verdict, _) in zip(self.matches, verdicts, strict=True):
            if match.a not in self.found.split and match.b not in self.found.split:
                edges[verdict].append((match.a, match.b))
        joined = sets.stars(order, edges[SAME])
        left = [k for k in order if k not in joined]
        doubtful = [(a, b) for a, b in edges[REVIEW] if a not in joined and b not in joined]
        return joined | sets.stars(left, doubtful, sorted(set(joined.values())))

    def _precedence(self, k: int) -> tuple[bool, int]:
        """Return the sort key by which sets are kept; sets marked `stage` come last."""
        return self._mark(k) == "stage", self.ranks_of_sets[k]

    def match(self, a: int, b: int) -> Match:
        """Return the match of two sets that were compared."""
        return self.matches[self.places[min(a, b), max(a, b)]]

    # -- marks, and reasons to hold a set back ---------------------------------------------------

    def _obey(self, cut: groups.Cut, images: groups.Images, grouping: groups.Grouping) -> None:
        """Apply marks to whole sets: a mark on any image applies to its set."""
        for other, kept in cut.detail.joined.items():
            mark, rows = self._mark(other), list(self.sets[other].rows)
            if mark == "stage":
                cut.by_person[rows] = True
            words = {"stage": "marked for staging", "keep": groups.KEPT}
            self._say(cut, kept, other, words.get(mark or "", self._same_as(kept)))
            if mark == "keep":
                cut.roles[rows] = groups.PROTECTED
        obey_answers(cut, images)

    def _same_as(self, kept: int) -> str:
        return f"same as {self.sets[kept].series} in all stages"

    def _say(self, cut: groups.Cut, kept: int, other: int, why: str) -> None:
        match = self.match(kept, other)
        for k, row in enumerate(self.sets[other].rows):
            cut.reasons[row] = f"{why}; {_seen(match, k)}"

    @property
    def _held_back(self) -> list[SetRule]:
        """The rules in order: name, help, and a function (cut, kept, other) -> reason or ""."""
        return [
            ("name_of_set", "a set that shares a file name with an image that stays", self._stuck),
            ("protected_set", "a set with a protected image", self._guarded),
            ("same_set", "a set that is not clearly the same", self._in_doubt),
            ("doubtful_set", "a set with a picture whose hash is not reliable", self._doubtful),
            ("cropped_set", "a cropped set whose kept set is not cropped", self._cropped),
            ("larger_set", "a set with more pixels than the kept one", self._larger),
        ]

    def _set_rule(self, name: str, what: str, why_held: WhyHeld) -> groups.Rule:
        """Return the rule that holds back a whole set if there is a reason."""
        role = groups.PROTECTED if name == "protected_set" else groups.REVIEW

        def hold(cut: groups.Cut, images: groups.Images) -> groups.Cut:
            for other, kept in cut.detail.joined.items():
                rows = list(self.sets[other].rows)
                if cut.roles[rows[0]] != groups.STAGE:
                    continue
                if cut.by_person[rows[0]] and name != "name_of_set":
                    continue
                if why := why_held(cut, kept, other):
                    cut.hold(rows, role=role)
                    self._say(cut, kept, other, why)
            return cut

        return groups.Rule(name, f"{what} is never proposed", hold)

    def _whole_sets(self, cut: groups.Cut, images: groups.Images) -> groups.Cut:
        """Hold back a whole set if a rule held back any of its images."""
        for other, kept in cut.detail.joined.items():
            rows = np.array(self.sets[other].rows)
            staged = rows[cut.roles[rows] == groups.STAGE]
            if 0 < len(staged) < len(rows):
                cut.hold(staged)
                held = next(row for row in rows.tolist() if row not in staged)
                self._say(cut, kept, other, f"its image {images.paths[held]} is held back")
        return cut

    def _stuck(self, cut: groups.Cut, kept: int, other: int) -> str:
        images, rows = self.images, list(self.sets[other].rows)
        for row in np.intersect1d(rows, images.shared_stem).tolist():
            beside = np.flatnonzero(images.stems == images.stems[row])
            for name in beside[~np.isin(beside, rows)].tolist():
                return f"shares its name with {images.paths[name]}, which stays"
        return ""

    def _guarded(self, cut: groups.Cut, kept: int, other: int) -> str:
        return groups.GUARDED if self._is_protected(other) else ""

    def _in_doubt(self, cut: groups.Cut, kept: int, other: int) -> str:
        ends = min(kept, other), max(kept, other)
        verdict, why = cut.detail.verdicts[self.places[ends]]
        return why if verdict == REVIEW else ""

    def _doubtful(self, cut: groups.Cut, kept: int, other: int) -> str:
        doubts = self.images.doubts
        rows = (*self.sets[other].rows, *self.sets[kept].rows)
        return next((doubts[row] for row in rows if doubts[row]), "")

    def _cropped(self, cut: groups.Cut, kept: int, other: int) -> str:
        rows, keepers = list(self.sets[other].rows), list(self.sets[kept].rows)
        cropped = self.images.cropped
        return CROPPED if bool((cropped[rows] & ~cropped[keepers]).any()) else ""

    def _larger(self, cut: groups.Cut, kept: int, other: int) -> str:
        rows, keepers = list(self.sets[other].rows), list(self.sets[kept].rows)
        table = self.images.table
        pixels = (table["width"] * table["height"]).to_numpy()
        larger = bool((pixels[rows] > pixels[keepers]).any())
        return "has more pixels than the kept set" if larger else ""

    # -- report ----------------------------------------------------------------------------------

    def columns(self, cut: groups.Cut, rows: Sequence[int]) -> int | None:
        """Return the number of stages of a group's sets, which is the length of its rows."""
        return len(self.sets[self.set_of[int(rows[0])]].rows)

    def describe(self, cut: groups.Cut, rows: Sequence[int]) -> str:
        """Return `2 sets of 3 stages; weakest link stage2: cosine 0.9876, 0.4% differs`."""
        n = self.columns(cut, rows) or 1
        several = [self.set_of[int(row)] for row in rows[::n]]
        matches = [self.match(several[0], other) for other in several[1:]]
        worst = min(matches, key=lambda m: (-np.nan_to_num(round(m.area, 4)), m.cosine))
        stage = self.sets[several[0]].stages[worst.weakest]
        return (
            f"{len(several)} sets of {n} stages; weakest link {stage}: "
            f"{_seen(worst, worst.weakest)}"
        )

    def table(self, cut: groups.Cut) -> pd.DataFrame:
        """Return the rows of `groups.csv`, with the bundle of each set."""
        names = [self.sets[self.set_of[k]].name for k in self.shown(cut)]
        return super().table(cut).assign(bundle=pd.Series(names, dtype=object))

    def empty(self, cut: groups.Cut) -> str:
        """Return what to do if there are no duplicate sets."""
        if not self.sets:
            return (
                "No sets: a set is a series of two or more stages of one picture in one folder, "
                "told by file names. If yours have stages, add a pattern to `names`; "
                "unread_names.csv of 00_catalogue lists the names that no pattern reads."
            )
        return (
            f"None of the {len(self.sets):,} sets is alike to another in every stage. Try a "
            "smaller `min_cosine`; sets.csv says what was compared."
        )

    def told(self, cut: groups.Cut) -> tuple[str, list[tuple[str, Any]]]:
        """Return the result as a sentence and as key figures."""
        counts = self.counts(cut)
        totals = cut.totals
        says = (
            f"{count(counts['stage'], 'whole set')} could be staged to delete_review/: "
            f"{count(totals['images'], 'image')}, {report.size_text(totals['bytes'])}; "
            f"{count(counts['review'], 'set')} left for your review"
        )
        return says, [
            ("sets kept", f"{totals['groups']:,}"),
            ("sets to stage", f"{counts['stage']:,}"),
            ("images in them", f"{totals['images']:,}"),
            ("freed", report.size_text(totals["bytes"])),
            ("sets to review", f"{counts['review']:,}"),
            ("runs in several folders", f"{len(self.found.split_runs):,}"),
        ]

    def counts(self, cut: groups.Cut) -> Counter[str]:
        """Return the number of sets with each role, without the kept sets."""
        return Counter(groups.ROLES[cut.roles[self.sets[k].rows[0]]] for k in cut.detail.joined)

    def further_tables(self, cut: groups.Cut) -> dict[str, pd.DataFrame]:
        """Return the tables of compared sets and stages, split runs, and sets not compared."""
        return {
            "sets": self.compared_sets(cut),
            "stages": self.compared_stages(cut),
            "split_runs": self.found.split_runs,
            "not_compared": self.not_compared,
        }

    def compared_sets(self, cut: groups.Cut) -> pd.DataFrame:
        """Return one row per pair of sets: verdict, reason, and the weakest stage."""
        rows: list[dict[str, Any]] = []
        for match, (verdict, why) in zip(self.matches, cut.detail.verdicts, strict=True):
            kept, other = self._kept_first(match)
            split = next((k for k in (kept, other) if k in self.found.split), None)
            if split is not None:
                verdict, why = (
                    "split",
                    f"the run of {self.sets[split].name} is spread over several folders",
                )
            rows.append(
                {
                    "verdict": verdict,
                    "kept": self.sets[kept].name,
                    "other": self.sets[other].name,
                    "role": self._role_beside(cut, kept, other),
                    "stages": len(match.cosines),
                    "weakest_stage": self.sets[kept].stages[match.weakest],
                    "cosine": match.cosine,
                    "edited_area": match.area,
                    "told": match.told,
                    "what_differs": why,
                    "why_kept": self.why_kept(kept, other),
                }
            )
        order = {SAME: 0, REVIEW: 1, "split": 2, DIFFERENT: 3}
        rows.sort(
            key=lambda row: (order[row["verdict"]], -row["cosine"], row["kept"], row["other"])
        )
        return pd.DataFrame(rows, columns=SETS_COLUMNS)

    def _role_beside(self, cut: groups.Cut, kept: int, other: int) -> str:
        """Return the role of a set if it joined this kept set, else which set it joined, or ""."""
        joined = cut.detail.joined.get(other)
        if joined == kept:
            return groups.ROLES[cut.roles[self.sets[other].rows[0]]]
        return "" if joined is None else f"joined {self.sets[joined].series}"

    def _kept_first(self, match: Match) -> tuple[int, int]:
        first, second = sorted((match.a, match.b), key=self._precedence)
        return first, second

    def compared_stages(self, cut: groups.Cut) -> pd.DataFrame:
        """Return one row per stage of every compared pair of sets."""
        rows = []
        for match in self.matches:
            kept, other = (self.sets[k] for k in self._kept_first(match))
            for k, stage in enumerate(kept.stages):
                rows.append(
                    {
                        "kept": kept.name,
                        "other": other.name,
                        "stage": stage,
                        "cosine": match.cosines[k],
                        "edited_area": match.areas[k],
                        "kept_path": self.images.paths[kept.rows[k]],
                        "other_path": self.images.paths[other.rows[k]],
                    }
                )
        return pd.DataFrame(rows, columns=STAGES_COLUMNS)

    @property
    def not_compared(self) -> pd.DataFrame:
        """The sets and pairs of sets that were not compared, with the reason."""
        rows = [(self.sets[a].name, self.sets[b].name, why) for a, b, why in self.compared.apart]
        pairs = pd.DataFrame(rows, columns=["set", "other", "why"], dtype=object)
        return pd.concat([self.found.apart, pairs], ignore_index=True)

    def look_alikes(self, cut: groups.Cut, count: int = 6) -> list[dict[str, Any]]:
        """Return pairs of sets that are alike in some stages but never pruned, for a sheet."""
        different = [
            (match, why)
            for match, (verdict, why) in zip(self.matches, cut.detail.verdicts, strict=True)
            if verdict == DIFFERENT
        ]
        different.sort(key=lambda each: -max(each[0].cosines))
        shown = []
        for match, why in different[:count]:
            one, other = (self.sets[k] for k in self._kept_first(match))
            members = self.run.plain_members([*one.rows, *other.rows])
            columns = len(one.rows)
            shown.append({"title": f"not pruned: {why}", "members": members, "columns": columns})
        return shown


SETS_COLUMNS = (
    "verdict kept other role stages weakest_stage cosine edited_area told what_differs why_kept"
).split()
STAGES_COLUMNS = "kept other stage cosine edited_area kept_path other_path".split()


def _seen(match: Match, k: int) -> str:
    area = match.areas[k]
    return f"cosine {match.cosines[k]:.4f}" + ("" if np.isnan(area) else f", {area:.1%} differs")


def _stage_pairs(all_sets: Sequence[ImageSet], matches: Sequence[Match]) -> pd.DataFrame:
    """Return every compared pair of images, `i < j`, with its cosine."""
    rows = [
        (min(i, j), max(i, j), cosine)
        for m in matches
        for i, j, cosine in zip(all_sets[m.a].rows, all_sets[m.b].rows, m.cosines, strict=True)
    ]
    pairs = pd.DataFrame(sorted(rows), columns=["i", "j", "cosine"])
    return pairs.astype({"i": "int64", "j": "int64", "cosine": "float64"})


# ---------------------------------------------------------------- look and tune


def weakest(made: groups.Candidates) -> pd.Series[float]:
    """Return the smallest cosine of every compared pair of sets."""
    assert isinstance(made, Sets)
    return pd.Series([match.cosine for match in made.matches], dtype=float)


def chart(made: groups.Candidates, min_cosine: float) -> report.Chart:
    """Draw a histogram of the smallest cosine of each compared pair of sets."""
    return report.similarities(list(weakest(made)), min_cosine, "pairs of sets")


def areas(made: Sets) -> report.Chart:
    """Draw a histogram of the largest share that differs, for sets compared tile by tile."""
    known = [match.area for match in made.matches if not np.isnan(match.area)]
    edges = list(np.linspace(0, MAX_AREA, 41))
    clipped = [min(area, MAX_AREA - 1e-6) for area in known]
    return report.histogram(
        clipped, made.max_edited_area, "share of the picture", bins=edges,
        what="largest difference in any stage", counted="pairs of sets",
    )  # fmt: skip


def by_threshold(made: Sets, thresholds: Sequence[float]) -> pd.DataFrame:
    """Return what each threshold would give: sets to stage, images, megabytes, review."""
    rows = []
    for threshold in thresholds:
        cut = made.cut(threshold)
        counts, totals = made.counts(cut), cut.totals
        rows.append(
            {
                "min_cosine": threshold,
                "sets to stage": counts["stage"],
                "images": totals["images"],
                "MB freed": round(totals["bytes"] / 1e6, 1),
                "sets to review": counts["review"],
            }
        )
    return pd.DataFrame(rows)


class SetTuner(tuning.Tuner):
    """A `Tuner` with a second slider, for `max_edited_area`."""

    def __init__(self, made: Sets) -> None:
        compared = made.compared
        super().__init__(
            made.run, made, "min_cosine", low=compared.bound, high=1.0, step=0.005,
            value=compared.min_cosine, chart=chart,
        )  # fmt: skip
        self.made = made
        self.area = tuning.slider("max_edited_area", made.max_edited_area, 0.0, MAX_AREA, 0.001)
        self.sliders.append(self.area)
        self.area.observe(lambda change: self._other_area(), "value")

    def _other_area(self) -> None:
        with self.gallery.lock:
            self.made.max_edited_area = self.area.value
            self._cut_again()


def tune(made: Sets, *, interactive: bool = True) -> SetTuner | None:
    """Show both sliders above the gallery, or nothing when `interactive` is false."""
    if not interactive:
        return None
    tuner = SetTuner(made)
    tuner.show()
    return tuner


def _place(root: str, roots: Sequence[str]) -> int:
    return list(roots).index(root) if root in roots else len(roots)
