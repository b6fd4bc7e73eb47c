"""Compared sets -> groups of whole sets, to look at, to tune and to prune."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb import groups, report, sets, tuning
from dedup_nb.pruning import Compared
from dedup_nb.sets import DIFFERENT, REVIEW, SAME, ImageSet, Match

MAX_AREA = 0.2  # where the slider of the edited area ends
DECISION = ".decision"


@dataclass
class SetCut(groups.Cut):
    """A cut whose groups are sets: the kept set's stages first, then those of each other set."""

    rows: list[NDArray[np.int64]] = field(default_factory=list)
    verdicts: list[tuple[str, str]] = field(default_factory=list)  # of each match
    joined: dict[int, int] = field(default_factory=dict)  # set -> kept set

    @cached_property
    def groups(self) -> groups.Parts:
        """Rows of each group, by the path of its first image."""
        parts = sorted(self.rows, key=lambda rows: int(rows[0]))
        every = np.concatenate([np.zeros(0, np.int64), *parts])
        ends = np.cumsum([0, *map(len, parts)], dtype=np.int64)
        return groups.Parts(every, ends[:-1])

    @property
    def totals(self) -> dict[str, int]:
        """What staging this would do; `groups` counts kept sets, `sets` those that move."""
        kept = {int(self.stars[rows[0]]) for rows in self.rows} - self.answered
        moving = {int(self.centres[rows[0]]) for rows in self.rows}
        return super().totals | {"groups": len(kept & moving)}


class Sets(groups.Candidates):
    """Sets that are the same stage by stage: the kept one, and those to be pruned whole.

    Parameters
    ----------
    compared : Compared
        Pairs of sets.
    max_edited_area : float
        Largest share of a picture that may differ in any stage; may be set between cuts.
    """

    staging = "delete_review"
    what = "sets made twice"

    def __init__(self, compared: Compared, max_edited_area: float) -> None:
        self.compared, self.found, self.sets = compared, compared.found, compared.found.sets
        self.run, self.max_edited_area = self.found.run, max_edited_area
        self.matches = compared.matches
        self.places = {(m.a, m.b): k for k, m in enumerate(self.matches)}
        super().__init__(
            self.run.images, _stage_pairs(self.sets, self.matches), similarity=True,
            **(self.run.rules | {"checks": None}),
        )  # fmt: skip
        self.set_apart = dict(Counter(f"pairs of sets {why}" for _, _, why in compared.apart))
        self.set_apart["runs over several folders"] = len(self.found.split) + len(
            self.found.scattered
        )
        self.set_of = {row: k for k, each in enumerate(self.sets) for row in each.rows}
        self.decisions = {
            other.path for other in self.run.others if other.reason.startswith("shared by series")
        }
        companions = self.run.catalogue["companions"].to_numpy()
        self.companions = [int(companions[list(each.rows)].sum()) for each in self.sets]
        self.ranks_of_sets = self._ranks()

    @property
    def tuned(self) -> Mapping[str, Any]:
        """What was tuned beside the threshold, by parameter."""
        return {"max_edited_area": self.max_edited_area}

    # -- which is kept ---------------------------------------------------------------------------

    def _keys(self, k: int) -> list[tuple[Any, str]]:
        """Return what decides which set is kept, least first, each with its words."""
        each, prefer = self.sets[k], list(self.run.values.get("prefer") or self.run.roots)
        place = prefer.index(each.root) if each.root in prefer else len(prefer)
        decided = f"{each.name}{DECISION}" in self.decisions
        return [
            (not self._is_protected(k), "in a curated root or protected"),
            (place, f"its root {each.root} is preferred"),
            (not decided, "it has a .decision"),
            (-self.companions[k], f"more companions ({self.companions[k]})"),
            (each.stamps[0], f"the earliest ({each.stamps[0].replace('T', ' ')})"),
            (self.paths[each.rows[0]], "its path comes first"),
        ]

    def _ranks(self) -> list[int]:
        order = sorted(range(len(self.sets)), key=lambda k: [key for key, _ in self._keys(k)])
        ranks = [0] * len(order)
        for rank, k in enumerate(order):
            ranks[k] = rank
        return ranks

    def _why_kept(self, kept: int, other: int) -> str:
        if self._mark(kept) == "keep":
            return "kept by a person"
        if self._mark(kept) == "stage":
            return "marked for staging, but one of the group must stay"
        if self._mark(other) == "stage" and self.ranks_of_sets[kept] > self.ranks_of_sets[other]:
            return "kept, since a person marked the other set for staging"
        pairs = zip(self._keys(kept), self._keys(other), strict=True)
        return "kept: " + next(words for (mine, words), (yours, _) in pairs if mine != yours)

    def _is_protected(self, k: int) -> bool:
        return bool(self.protected[list(self.sets[k].rows)].any())

    def _mark(self, k: int) -> str | None:
        """Return what a person said of a set: a mark on any member counts for all."""
        marks = {self.marks[row] for row in self.sets[k].rows}
        return "keep" if "keep" in marks else "stage" if "stage" in marks else None

    # -- cut -------------------------------------------------------------------------------------

    def cut(self, threshold: float) -> SetCut:
        """Return groups of sets, the kept ones and roles, at a cosine (inclusive)."""
        n = len(self.paths)
        result = SetCut(
            threshold=threshold,
            sign=self.sign,
            keepers=np.full(n, -1, np.int64),
            centres=np.full(n, -1, np.int64),
            stars=np.full(n, -1, np.int64),
            roles=np.full(n, groups.NONE, np.int8),
            values=np.full(n, np.nan),
            reasons={},
            sizes=self.sizes,
            verdicts=[
                sets.judge(m, self.sets[m.a].stages, threshold, self.max_edited_area)
                for m in self.matches
            ],
        )
        result.joined = self._joined(result.verdicts)
        members: dict[int, list[int]] = defaultdict(list)
        for other, kept in result.joined.items():
            members[kept].append(other)
        for kept in sorted(members):
            self._fill(result, kept, sorted(members[kept]))
        self._obey_answers(result)
        return result

    def _joined(self, verdicts: Sequence[tuple[str, str]]) -> dict[int, int]:
        """Return which set joins which kept set: first the same ones, then those in doubt."""
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
        """Return what sorts sets by who is kept first; one that is marked to go comes last."""
        return self._mark(k) == "stage", self.ranks_of_sets[k]

    def _fill(self, cut: SetCut, kept: int, others: Sequence[int]) -> None:
        """Give every image of a group its keeper, value and role."""
        rows = np.array([r for k in (kept, *others) for r in self.sets[k].rows], np.int64)
        cut.rows.append(rows)
        first = self.sets[kept].rows[0]
        cut.stars[rows] = cut.centres[rows] = first
        mine = np.array(self.sets[kept].rows)
        cut.keepers[mine], cut.values[mine] = mine, self.self_value
        cut.roles[mine] = groups.KEEPER
        cut.reasons |= dict.fromkeys(mine.tolist(), self._why_kept(kept, others[0]))
        for other in others:
            match = self.matches[self._place(kept, other)]
            role, why = self._role(cut, kept, other)
            cut.roles[list(self.sets[other].rows)] = role
            for k, row in enumerate(self.sets[other].rows):
                cut.keepers[row], cut.values[row] = mine[k], match.cosines[k]
                cut.reasons[row] = f"{why}; {_seen(match, k)}"

    def _place(self, a: int, b: int) -> int:
        return self.places[min(a, b), max(a, b)]

    def _role(self, cut: SetCut, kept: int, other: int) -> tuple[int, str]:
        """Return the role of a set that joined a kept one, and why."""
        mark = self._mark(other)
        if mark == "keep":
            return groups.PROTECTED, "kept by a person"
        if stuck := self._stuck(other):
            return groups.REVIEW, stuck
        if mark == "stage":
            return groups.STAGE, "staged by a person"
        if self._is_protected(other):
            return groups.PROTECTED, "in a curated root or protected"
        verdict, why = cut.verdicts[self._place(kept, other)]
        if verdict == REVIEW or (why := self._held_back(kept, other)):
            return groups.REVIEW, why
        return groups.STAGE, f"the same in all stages as {self.sets[kept].series}"

    def _stuck(self, k: int) -> str:
        """Say why a set cannot move whole, or nothing."""
        rows = list(self.sets[k].rows)
        for row in np.intersect1d(rows, self.shared_stem).tolist():
            beside = np.flatnonzero(self.stems == self.stems[row])
            for other in beside[~np.isin(beside, rows)].tolist():
                return f"shares its name with {self.paths[other]}, which stays"
        return ""

    def _held_back(self, kept: int, other: int) -> str:
        """Say why a person should look before a set goes, though its pictures are the same."""
        rows, keepers = list(self.sets[other].rows), list(self.sets[kept].rows)
        if doubt := next((self.doubts[r] for r in (*rows, *keepers) if self.doubts[r]), ""):
            return str(doubt)
        if bool((self.cropped[rows] & ~self.cropped[keepers]).any()):
            return "cropped, its keeper is not"
        pixels = (self.images["width"] * self.images["height"]).to_numpy()
        if bool((pixels[rows] > pixels[keepers]).any()):
            return "has more pixels than the set that is kept"
        return ""

    # -- told ------------------------------------------------------------------------------------

    def columns(self, rows: Sequence[int]) -> int | None:
        """Return how many stages a group's sets have: its images lie in rows of as many."""
        return len(self.sets[self.set_of[int(rows[0])]].rows)

    def describe(self, rows: Sequence[int]) -> str:
        """Return `2 sets of 3 stages; weakest link stage2: cosine 0.9876, 0.4% differs`."""
        n = self.columns(rows) or 1
        several = [self.set_of[int(row)] for row in rows[::n]]
        matches = [self.matches[self._place(several[0], other)] for other in several[1:]]
        worst = min(matches, key=lambda m: (-np.nan_to_num(round(m.area, 4)), m.cosine))
        stage = self.sets[several[0]].stages[worst.weakest]
        return (
            f"{len(several)} sets of {n} stages; weakest link {stage}: "
            f"{_seen(worst, worst.weakest)}"
        )

    def table(self, cut: groups.Cut) -> pd.DataFrame:
        """Return a cut as the rows of `groups.csv`, with the bundle that each set moves as."""
        components = np.arange(len(self.paths))
        for part in cut.groups:
            components[part] = part.min()
        shown = [
            k
            for part in cut.groups
            if int(cut.stars[part[0]]) not in cut.answered
            for k in part.tolist()
        ]
        rows = [self._row(cut, k, components) for k in shown]
        names = [self.sets[self.set_of[k]].name for k in shown]
        return groups.frame(rows).assign(bundle=pd.Series(names, dtype=object))

    def told(self, cut: groups.Cut) -> tuple[str, list[tuple[str, Any]]]:
        """Say what was found, in words and in figures."""
        counts = self.counts(cut)
        totals = cut.totals
        says = (
            f"{counts['stage']:,} whole sets could be staged in delete_review/: "
            f"{totals['images']:,} images, {report.size_text(totals['bytes'])}; "
            f"{counts['review']:,} sets wait for a person"
        )
        return says, [
            ("sets kept", f"{totals['groups']:,}"),
            ("sets to stage", f"{counts['stage']:,}"),
            ("images of them", f"{totals['images']:,}"),
            ("freed", report.size_text(totals["bytes"])),
            ("sets to review", f"{counts['review']:,}"),
            ("runs over several folders", f"{len(self.found.split_runs):,}"),
        ]

    def counts(self, cut: groups.Cut) -> Counter[str]:
        """Return how many sets have each role, those that are kept left out."""
        assert isinstance(cut, SetCut)
        return Counter(groups.ROLES[cut.roles[self.sets[k].rows[0]]] for k in cut.joined)

    def further_tables(self, cut: groups.Cut) -> dict[str, pd.DataFrame]:
        """Return every pair of sets that was compared, stage by stage, and what was set apart."""
        assert isinstance(cut, SetCut)
        return {
            "sets": self.compared_sets(cut),
            "stages": self.compared_stages(cut),
            "split_runs": self.found.split_runs,
            "not_compared": self.not_compared,
        }

    def compared_sets(self, cut: SetCut) -> pd.DataFrame:
        """Return one row a pair of sets: verdict, why, and the weakest stage."""
        rows: list[dict[str, Any]] = []
        for match, (verdict, why) in zip(self.matches, cut.verdicts, strict=True):
            kept, other = self._kept_first(match)
            split = next((k for k in (kept, other) if k in self.found.split), None)
            if split is not None:
                verdict, why = (
                    "split",
                    f"the run of {self.sets[split].name} lies in several folders",
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
                    "why_kept": self._why_kept(kept, other),
                }
            )
        order = {SAME: 0, REVIEW: 1, "split": 2, DIFFERENT: 3}
        rows.sort(
            key=lambda row: (order[row["verdict"]], -row["cosine"], row["kept"], row["other"])
        )
        return pd.DataFrame(rows, columns=SETS_COLUMNS)

    def _role_beside(self, cut: SetCut, kept: int, other: int) -> str:
        """Return the role of a set that joined this kept one; or whom it joined, or nothing."""
        joined = cut.joined.get(other)
        if joined == kept:
            return groups.ROLES[cut.roles[self.sets[other].rows[0]]]
        return "" if joined is None else f"beside {self.sets[joined].series}"

    def _kept_first(self, match: Match) -> tuple[int, int]:
        first, second = sorted((match.a, match.b), key=self._precedence)
        return first, second

    def compared_stages(self, cut: SetCut) -> pd.DataFrame:
        """Return one row a stage of every compared pair of sets."""
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
                        "kept_path": self.paths[kept.rows[k]],
                        "other_path": self.paths[other.rows[k]],
                    }
                )
        return pd.DataFrame(rows, columns=STAGES_COLUMNS)

    @property
    def not_compared(self) -> pd.DataFrame:
        """Return the sets and the pairs of sets that were never compared, and why."""
        rows = [(self.sets[a].name, self.sets[b].name, why) for a, b, why in self.compared.apart]
        pairs = pd.DataFrame(rows, columns=["set", "other", "why"], dtype=object)
        return pd.concat([self.found.apart, pairs], ignore_index=True)

    def look_alikes(self, cut: SetCut, count: int = 6) -> list[dict[str, Any]]:
        """Return pairs of sets alike in one stage or more and never pruned, for a sheet."""
        different = [
            (match, why)
            for match, (verdict, why) in zip(self.matches, cut.verdicts, strict=True)
            if verdict == DIFFERENT
        ]
        different.sort(key=lambda each: -max(each[0].cosines))
        shown = []
        for match, why in different[:count]:
            one, other = (self.sets[k] for k in self._kept_first(match))
            members = self.run.plain_members([*one.rows, *other.rows])
            columns = len(one.rows)
            shown.append({"title": f"never pruned: {why}", "members": members, "columns": columns})
        return shown


SETS_COLUMNS = (
    "verdict kept other role stages weakest_stage cosine edited_area told what_differs why_kept"
).split()
STAGES_COLUMNS = "kept other stage cosine edited_area kept_path other_path".split()


def _seen(match: Match, k: int) -> str:
    area = match.areas[k]
    return f"cosine {match.cosines[k]:.4f}" + ("" if np.isnan(area) else f", {area:.1%} differs")


def _stage_pairs(all_sets: Sequence[ImageSet], matches: Sequence[Match]) -> pd.DataFrame:
    """Return every compared pair of images, `i < j` and their cosine."""
    rows = [
        (min(i, j), max(i, j), cosine)
        for m in matches
        for i, j, cosine in zip(all_sets[m.a].rows, all_sets[m.b].rows, m.cosines, strict=True)
    ]
    pairs = pd.DataFrame(sorted(rows), columns=["i", "j", "cosine"])
    return pairs.astype({"i": "int64", "j": "int64", "cosine": "float64"})


# ---------------------------------------------------------------- look and tune


def weakest(made: groups.Candidates) -> pd.Series[float]:
    """Return the least cosine of every compared pair of sets."""
    assert isinstance(made, Sets)
    return pd.Series([match.cosine for match in made.matches], dtype=float)


def chart(made: groups.Candidates, min_cosine: float) -> report.Chart:
    """Draw the least cosine of each compared pair of sets, the threshold drawn on it."""
    return report.similarities(list(weakest(made)), min_cosine, "pairs of sets")


def areas(made: Sets) -> report.Chart:
    """Draw the largest share that differs of each pair of sets that was looked at tile by tile."""
    known = [match.area for match in made.matches if not np.isnan(match.area)]
    edges = list(np.linspace(0, MAX_AREA, 41))
    clipped = [min(area, MAX_AREA - 1e-6) for area in known]
    return report.histogram(
        clipped, made.max_edited_area, "share of the picture", bins=edges,
        what="what differs most in any stage", counted="pairs of sets",
    )  # fmt: skip


def by_threshold(made: Sets, thresholds: Sequence[float]) -> pd.DataFrame:
    """Return what each cosine would give: sets to stage, images, megabytes, sets to review."""
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
