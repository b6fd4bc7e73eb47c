"""Images that an earlier plan moves together -> roles, order and manifest rows of whole sets."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import pandas as pd

from dedup_nb import groups
from dedup_nb.library import formats, layout
from dedup_nb.steps.review.findings import Finding, Unit


class Units:
    """The sets of all findings.

    Parameters
    ----------
    findings : sequence of Finding
        The merged results.
    every : DataFrame
        The pairs of all of them, with the number of their `input`.
    images : Images
        The images of the current catalogue.
    """

    def __init__(
        self, findings: Sequence[Finding], every: pd.DataFrame, images: groups.Images
    ) -> None:
        self.images = images
        units = [unit for f in findings for unit in f.units]
        self.all = sorted(units, key=lambda unit: unit.staging != layout.DELETE_REVIEW)
        self.unit_of = {k: unit for unit in reversed(self.all) for k in unit.keepers}
        self._proposed_singly = _singly(findings, every)

    @cached_property
    def families(self) -> dict[tuple[int, ...], list[Unit]]:
        """Stages of a kept set, in order -> the sets staged in its favour."""
        families: dict[tuple[int, ...], list[Unit]] = defaultdict(list)
        for unit in self.all:
            kept = sorted(
                set(unit.keepers.values()),
                key=lambda k: (self.images.levels[k], self.images.paths[k]),
            )
            if len(kept) == len(unit.keepers):
                families[tuple(kept)].append(unit)
        return families

    def arranged(self, cut: groups.Cut) -> groups.Parts:
        """Return the groups of a cut with the stages of a set together, the kept set first."""
        parts = cut.by_star
        number = {int(cut.stars[rows[0]]): k for k, rows in enumerate(parts)} if self.all else {}
        whole: dict[int, list[int]] = {}
        left_out: set[int] = set()
        for kept, others in self.families.items():
            stars = [number.get(int(cut.stars[k]), -1) for k in kept]
            inside = set(kept).union(*(unit.keepers for unit in others))
            if -1 in stars or any(set(parts[k].tolist()) - inside for k in stars):
                continue  # another finder added images: show each stage alone
            lines = [{unit.keepers[k]: k for k in unit.keepers} for unit in others]
            rows = [*kept, *(line[k] for line in lines for k in kept)]
            if all(cut.stars[k] >= 0 for k in rows) and not left_out & set(stars):
                whole[min(stars)] = rows
                left_out |= set(stars) - {min(stars)}
        return _joined(parts, whole, left_out) if whole else parts

    def columns(self, rows: Sequence[int]) -> int | None:
        """Return the number of stages of a set, whose images are shown in aligned rows."""
        if (unit := self.unit_of.get(rows[-1])) is None or rows[0] not in unit.keepers.values():
            return None
        n = len(unit.keepers)
        return n if tuple(rows[:n]) in self.families and len(rows) > n else None

    @property
    def rule(self) -> groups.Rule:
        """The rule that moves the images of a set together, or not at all."""
        what = "images of a set move with the whole set, or not at all"
        return groups.Rule("whole_sets", what, self._hold, chains=True)

    def _hold(self, cut: groups.Cut, images: groups.Images) -> groups.Cut:
        for unit in self.all:
            if all(cut.roles[k] == groups.STAGE for k in unit.keepers):
                continue
            for k in unit.keepers:
                ends = (min(k, int(cut.keepers[k])), max(k, int(cut.keepers[k])))
                alone = ends in self._proposed_singly or images.marks[k] == "stage"
                if cut.roles[k] == groups.STAGE and not alone:
                    cut.hold([k], "its set does not move as a whole")
        return cut

    # -- the manifest ----------------------------------------------------------------------------

    def whole(self, cut: groups.Cut) -> list[Unit]:
        """Return the sets that move as a whole, as their input planned it."""
        return [u for u in self.all if all(cut.roles[k] == groups.STAGE for k in u.keepers)]

    def without_bundles(self, cut: groups.Cut, plan: pd.DataFrame) -> pd.DataFrame:
        """Return the rows of a plan; images of whole sets get the bundle they had in the input."""
        if "bundle" in plan:
            planned = {self.images.paths[k] for unit in self.whole(cut) for k in unit.keepers}
            plan.loc[plan["path"].isin(planned), "bundle"] = ""
        return plan

    def manifest_rows(
        self, cut: groups.Cut, rows: Iterable[Mapping[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        """Yield rows of the manifest; those of a whole set get the bundle of the set."""
        by_bundle: dict[str, Unit] = {}
        for unit in reversed(self.whole(cut)):
            for k in unit.keepers:
                folder, name = os.path.split(self.images.paths[k])
                by_bundle[os.path.join(folder, formats.stem(name))] = unit
        chosen = {id(unit): unit for unit in by_bundle.values()}
        shared = {row["src"]: dict(row) for unit in chosen.values() for row in unit.shared}
        for row in rows:
            made = dict(row)
            if unit_of := by_bundle.get(row["bundle"]):
                made |= {"bundle": unit_of.bundle, "dst": f"{unit_of.staging}/{row['src']}"}
            if made["src"] not in shared:
                yield made
        yield from shared.values()


def _singly(findings: Sequence[Finding], every: pd.DataFrame) -> set[tuple[int, int]]:
    """Return the pairs that an input proposes apart from its sets."""
    single: set[tuple[int, int]] = set()
    for number, finding in enumerate(findings):
        in_sets = {k for unit in finding.units for k in unit.keepers}
        mine = every[(every["input"] == number) & (every["state"] == "stage")]
        ends = zip(mine["i"].tolist(), mine["j"].tolist(), strict=True)
        single |= {(i, j) for i, j in ends if i not in in_sets and j not in in_sets}
    return single


def _joined(
    parts: groups.Parts, whole: Mapping[int, Sequence[int]], left_out: set[int]
) -> groups.Parts:
    """Return groups with some replaced and some left out."""
    made = [whole.get(k, rows) for k, rows in enumerate(parts) if k not in left_out]
    return groups.Parts.of(made)
