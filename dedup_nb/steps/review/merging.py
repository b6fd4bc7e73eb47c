"""Results of several finders -> pairs with the finders that support them -> one plan.

Nothing is measured again: a pair counts if an earlier result found it near, and is proposed if an
earlier result proposed it. Everything else in the plan (keepers, protection, marks and answers) is
decided by the rules of the current run.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from dedup_nb import groups
from dedup_nb.compare.full_size import FullSize
from dedup_nb.compare.verdicts import Verdicts
from dedup_nb.groups.decisions import Decisions
from dedup_nb.library import layout
from dedup_nb.session.run import WrongInput
from dedup_nb.session.workbench import Workbench
from dedup_nb.steps.review.agreeing import Agreement, Indices
from dedup_nb.steps.review.findings import Finding, frame
from dedup_nb.steps.review.reading import read
from dedup_nb.steps.review.sources import find
from dedup_nb.steps.review.units import Units

__all__ = ["Finding", "Merged", "WrongInput", "find", "read"]


class Merged(groups.Candidates):
    """The pairs of all findings as groups: stars of proposed pairs, the rest for review.

    The threshold is the number of inputs that must find a pair near. A staged image is directly
    near its keeper in at least one input, and at least one input proposed exactly this pair. An
    image without such a pair joins a group for review.

    Parameters
    ----------
    run : Workbench
        The current run: its catalogue, rules and decisions.
    findings : sequence of Finding
        The results to merge.
    """

    first = "the inputs differ most on"

    def __init__(self, run: Workbench, findings: Sequence[Finding]) -> None:
        self.run, self.findings = run, list(findings)
        self.n = len(run.catalogue)
        self.every = self._together()
        images, protected = run.images, sorted(set().union(*(f.protected for f in findings)))
        if protected:
            inside = np.isin(np.arange(self.n), protected)
            images = images.assign(protected=images["protected"] | inside)
        near = self.every[self.every["state"] != "beyond"]
        counted = near.groupby(["i", "j"], sort=True).agg(inputs=("input", "size")).reset_index()
        super().__init__(images, counted.astype("int64"), similarity=True, **run.rules)
        by_cache = groups.bursts_stay(self._known)  # what earlier notebooks compared
        self.rules = [by_cache if rule.name == by_cache.name else rule for rule in self.rules]
        proposed = self.every[self.every["state"] == "stage"]
        self.grouping = self._layered(proposed["i"] * self.n + proposed["j"])
        self.units = Units(self.findings, self.every, self.images)
        self.agreed = Agreement(self.findings, self.every, self.images)
        why = "no input proposed it for the image that you keep"
        self.rules.append(groups.proposed_pairs_only(self.grouping, why))
        self.rules.append(self.units.rule)

    def _layered(self, proposed: pd.Series[int]) -> groups.Layered:
        """Separate proposed pairs from merely near ones; both keep the limits of all pairs."""
        i, j = (self.pairs[end].to_numpy(np.int64) for end in ("i", "j"))
        distances = self.sign * self.pairs["inputs"].to_numpy(np.float64)
        open_end = np.full(len(i), np.inf)
        limits = self.limits(self.pairs) if self.same_stage_only else open_end
        sure = np.isin(i * self.n + j, proposed.to_numpy(np.int64))
        ranks = self.images.ranks
        of_sure = groups.Stars(self.n, i[sure], j[sure], distances[sure], ranks, limits[sure])
        if one_way := self._one_way():
            parts, wholes = np.array(sorted(one_way)).T
            of_sure.refuse(wholes, parts, ~self.images.protected[parts])
        barred = set().union(*(f.barred for f in self.findings))
        if barred:  # neither goes for the other, whatever another input proposed
            first, second = np.array(sorted(barred)).T
            of_sure.refuse(np.append(first, second), np.append(second, first))
        of_all = groups.Stars(self.n, i, j, distances, ranks, limits)
        return groups.Layered(ranks, of_sure, of_all, barred)

    def _one_way(self) -> set[tuple[int, int]]:
        """Return the (member, keeper) pairs in which the keeper must not go for the member.

        A set goes in the direction that set pruning found, in every stage; without it, in that of
        another input. What was compared by its pixels may go the other way only if a result
        proposed that too, or if the cache holds a comparison that allows it.
        """
        fixed = set().union(*(f.one_way for f in self.findings))
        units = [unit for f in self.findings for unit in f.units]
        for pruned in (True, False):
            chosen = [u for u in units if (u.staging == layout.DELETE_REVIEW) == pruned]
            ways = {ends for unit in chosen for ends in unit.keepers.items()}
            fixed |= {ends for ends in ways if ends[::-1] not in ways | fixed}
        compared = set().union(*(f.compared for f in self.findings)) - fixed
        known_ways = compared | fixed
        asked = sorted((k, keeper) for k, keeper in compared if (keeper, k) not in known_ways)
        if not asked:
            return fixed
        known = self._known
        members, keepers = np.array(asked, np.int64).T
        known.refused(keepers, members)  # only looks them up
        judged = ((pair, known.judgement(pair[1], pair[0])) for pair in asked)
        return fixed | {pair for pair, one in judged if one is None or not one.accepted}

    @cached_property
    def _known(self) -> Verdicts:
        """The comparisons in the cache; nothing is compared now."""
        full_size = FullSize(self.run.catalogue, self.run.library, self.run.store)
        known = Verdicts(self.run.catalogue, self.run.store, full_size=full_size)
        known.left = 0
        return known

    def _together(self) -> pd.DataFrame:
        parts = [f.pairs.assign(input=k) for k, f in enumerate(self.findings)]
        every = pd.concat([frame([]).assign(input=0), *parts], ignore_index=True)
        return every.sort_values(["i", "j", "input"], ignore_index=True)

    # -- cut -------------------------------------------------------------------------------------

    def planned(self, include: str, said: Decisions | None = None) -> Merged:
        """Return these candidates as they will be saved: only what was `reviewed`, or `all`."""
        plan = copy.copy(self)
        if include == "reviewed":
            said = self.run.decisions if said is None else said
            plan.rules = [*self.rules, _reviewed_only(said)]
        return plan

    def urgency(self, cut: groups.Cut) -> Indices:
        """Return the number of images of each group on which the inputs disagree."""
        return self.agreed.apart(cut)

    def arranged(self, cut: groups.Cut) -> groups.Parts:
        """Return the groups of a cut with the stages of a set together, the kept set first."""
        return self.units.arranged(cut)

    def columns(self, cut: groups.Cut, rows: Sequence[int]) -> int | None:
        """Return the number of stages of a set, whose images are shown in aligned rows."""
        return self.units.columns(rows)

    def plan(self, cut: groups.Cut, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that go into the manifest; sets of an input keep the bundle they had."""
        return self.units.without_bundles(cut, super().plan(cut, table))

    def plan_rows(self, cut: groups.Cut, rows: Iterable[dict[str, Any]]) -> Iterator[Any]:
        """Yield rows of the manifest; those of a whole set get the bundle of the set."""
        return self.units.manifest_rows(cut, rows)

    # -- report ----------------------------------------------------------------------------------

    def measured(self, cut: groups.Cut, k: int) -> str:
        """Return what each input says about an image and its keeper."""
        return self.agreed.measured(cut, k)

    def finders(self, cut: groups.Cut, k: int) -> tuple[str, ...]:
        """Return which inputs find an image near its keeper."""
        return self.agreed.finders(k, int(cut.keepers[k]))

    def describe(self, cut: groups.Cut, rows: Sequence[int]) -> str:
        """Return which inputs support the group."""
        n = self.columns(cut, rows) or 1
        return self.agreed.describe([(k, rows[at % n]) for at, k in enumerate(rows) if at >= n])

    def agreement(self, cut: groups.Cut, first: int | None = None) -> pd.DataFrame:
        """Return each image with its keeper and what every input says; see `Agreement.table`."""
        return self.agreed.table(cut, first)

    @property
    def shares(self) -> pd.DataFrame:
        """How many pairs each input proposes, and how many of them each other input finds near."""
        return self.agreed.shares

    @property
    def unusable(self) -> pd.DataFrame:
        """Images of the inputs that are ignored, each with the reason."""
        return self.agreed.unusable

    def empty(self, cut: groups.Cut) -> str:
        """Return what to do if there are no groups."""
        return (
            f"No pair of images is near in {cut.threshold:g} of the inputs. Try a smaller "
            "`min_inputs`, run more finders, or set `inputs`."
        )

    def further_tables(self, cut: groups.Cut) -> dict[str, pd.DataFrame]:
        """Return the tables of agreement and of ignored images."""
        return {"agreement": self.agreement(cut), "unusable": self.unusable}


def _reviewed_only(said: Decisions) -> groups.Rule:
    """Return the rule that holds back what was neither accepted nor marked."""

    def hold(cut: groups.Cut, images: groups.Images) -> groups.Cut:
        said_of = said.mentioned()
        waiting: list[int] = []
        stars = list(_with_staged(cut))
        held = [{images.digests[k] for k in members} for members in stars]
        accepted = said.all_reviewed(held)
        for members, digests, is_accepted in zip(stars, held, accepted, strict=True):
            if "" in digests or digests.isdisjoint(said_of) or not is_accepted:
                waiting += [
                    k for k in members
                    if cut.roles[k] == groups.STAGE and images.marks[k] != "stage"
                ]  # fmt: skip
        cut.hold(waiting, "not reviewed yet: its group is not accepted")
        return cut

    return groups.Rule("reviewed", "only accepted groups are staged", hold)


def _with_staged(cut: groups.Cut) -> Iterator[list[int]]:
    """Yield the members of each star of which an image is staged."""
    stars = np.unique(cut.stars[cut.roles == groups.STAGE])
    rows = np.flatnonzero(np.isin(cut.stars, stars))
    rows = rows[np.argsort(cut.stars[rows], kind="stable")]
    for members in np.split(rows, np.flatnonzero(np.diff(cut.stars[rows])) + 1):
        yield members.tolist()
