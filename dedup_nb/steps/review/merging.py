"""Results of several finders -> pairs with the finders that support them -> one plan.

Nothing is measured again: a pair counts if an earlier result found it near, and is proposed if an
earlier result proposed it. Everything else in the plan (keepers, protection, marks and answers) is
decided by the rules of the current run.
"""

from __future__ import annotations

import copy
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb import groups, report
from dedup_nb.compare import verify
from dedup_nb.compare.full_size import FullSize
from dedup_nb.compare.verdicts import Verdicts
from dedup_nb.groups import checks
from dedup_nb.groups.decisions import Decisions
from dedup_nb.library import formats, layout, tables
from dedup_nb.session import kept_catalogue, notebooks, runs
from dedup_nb.session.run import WrongInput
from dedup_nb.session.workbench import Workbench

LEFT = ("has", "have")
NEEDED = ("group_id", "path", "role", "keeper", "measure", "value", "reason")
UNUSABLE_COLUMNS = ["input", "path", "reason"]
# the states of a pair in a result, strongest first; all but the last mean that it is near
STATES = ["stage", "protected", "review", "near", "beyond"]
MARKED = (groups.KEPT, groups.LAST)

# what pandas and Arrow raise for a file that is not the table that it should be
NOT_A_TABLE = (
    OSError, ValueError, IndexError, KeyError, TypeError, NotImplementedError, OverflowError
)  # fmt: skip

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Unit:
    """Images that an earlier plan moves together, such as a set."""

    bundle: str
    staging: str
    keepers: Mapping[int, int]  # catalogue row -> row of its keeper
    shared: Sequence[Mapping[str, str]] = ()  # rows of companions that move with the whole unit


@dataclass
class Finding:
    """The content of one results folder, in rows of the current catalogue.

    Attributes
    ----------
    pairs : DataFrame
        Columns `i, j` (`i < j`), `value`, `state` (of `STATES`) and `reason`; each pair once.
    protected, keepers : set of int
        Rows that it protects, and rows that it keeps.
    one_way : set of (member, keeper)
        Pairs in which the member shows only a part of the keeper, or the keeper in a frame, so
        that the keeper must not be staged for the member.
    barred : set of (member, keeper)
        Pairs in which the keeper would be a screenshot or a collage of the member.
    compared : set of (member, keeper)
        Other pairs that were compared by their pixels, in the direction that was proposed.
    unusable : list of (path, reason)
        Images that are ignored because they have changed.
    """

    name: str
    folder: Path
    measure: str = ""
    pairs: pd.DataFrame = field(default_factory=pd.DataFrame)
    protected: set[int] = field(default_factory=set)
    keepers: set[int] = field(default_factory=set)
    one_way: set[tuple[int, int]] = field(default_factory=set)
    barred: set[tuple[int, int]] = field(default_factory=set)
    compared: set[tuple[int, int]] = field(default_factory=set)
    units: list[Unit] = field(default_factory=list)
    unusable: list[tuple[str, str]] = field(default_factory=list)


def find(run: Workbench, inputs: Sequence[str]) -> list[Path]:
    """Return the results folders that `inputs` names.

    Parameters
    ----------
    run : Workbench
        The current run.
    inputs : sequence of str
        Run folders (all finders in them), results folders, or names of notebooks of this run.
        Empty means the finders of this run; if it has none, those of the latest run of this
        profile and library that has any. Runs started after this notebook are ignored. What was
        found is kept in `params.yaml`.

    Raises
    ------
    WrongInput
        If an input has no results, or the latest run is not finished.
    """
    found = _named(run, inputs) if inputs else _newest(run)
    run.values["inputs"] = list(map(str, found))  # for results that are saved later
    runs.record_inputs(run.folder / run.notebook, found)
    return found


def _named(run: Workbench, inputs: Sequence[str]) -> list[Path]:
    chosen: list[Path] = []
    for text in inputs:
        by_name = text in notebooks.notebook_names()
        folder = run.folder / text if by_name else Path(text).expanduser()
        results = _results_in(folder)
        if not results:
            what = f"this run has no results of {text}" if by_name else "it contains no results"
            raise WrongInput(
                f"inputs names {text}, but {what}; name a run folder, a folder with groups.csv, "
                "or a notebook that has results in this run"
            )
        chosen += [each for each in results if each not in chosen]
    return chosen


def _results_in(folder: Path) -> list[Path]:
    if (folder / "groups.csv").is_file() and runs.is_complete(folder):
        return [folder.resolve()]
    if not (folder / "run.json").is_file():
        return []
    inside = sorted(path.parent for path in folder.glob("[0-9][0-9]_*/groups.csv"))
    return [f.resolve() for f in inside if f.name != notebooks.REVIEW and _of_finder(f)]


def _of_finder(folder: Path) -> bool:
    """Return whether results propose duplicates: neither unfinished results nor clusters."""
    try:
        of_clusters = runs.summary(folder).get("staging") == "_clusters"
    except ValueError as error:
        raise WrongInput(f"{error}; run the notebook again, or set inputs") from error
    return "-unfinished-" not in folder.name and runs.is_complete(folder) and not of_clusters


def _newest(run: Workbench) -> list[Path]:
    if results := _results_in(run.folder):
        return results
    for folder, content in _before(run):
        if left := runs.unfinished(content):
            raise WrongInput(
                f"the latest run {folder} is not finished: {', '.join(left)} {LEFT[len(left) > 1]} "
                "not run yet; wait, continue it with dedup-nb run --resume, or set inputs"
            )
        if results := _results_in(folder):
            return results
    raise WrongInput(f"no finder has results in {run.outputs}; run 10_phash, or set inputs")


def _before(run: Workbench) -> list[tuple[Path, dict[str, Any]]]:
    """Return the runs of this library that started before this notebook, latest first."""
    earlier = {}
    for path in {*run.outputs.glob("*/run.json"), *run.folder.parent.glob("*/run.json")}:
        try:
            content = runs.read(path.parent)
            begun = runs.started(content)
        except ValueError:
            continue  # another process is just creating it
        ours = content["library"] == str(run.library.resolve())
        if ours and begun < run.begun.replace(microsecond=0) and path.parent != run.folder:
            earlier[path.parent] = content
    return sorted(earlier.items(), key=lambda each: (runs.started(each[1]), each[0]), reverse=True)


def read(run: Workbench, folders: Sequence[Path]) -> list[Finding]:
    """Read results folders and look up every image.

    Raises
    ------
    WrongInput
        If one belongs to another library, or is damaged.
    """
    names = [_notebook_of(folder) for folder in folders]
    twice = {name for name, count in Counter(names).items() if count > 1}
    read_before: dict[Path, Known] = {}
    findings = []
    for folder, name in zip(folders, names, strict=True):
        home = _run_of(folder)
        if home not in read_before:
            read_before[home] = Known(run, home)
        label = f"{home.name}/{folder.relative_to(home)}" if name in twice else name
        findings.append(_Reader(run, read_before[home], folder, label).finding)
    return findings


def _notebook_of(folder: Path) -> str:
    return folder.parent.name if folder.name.startswith("saved-") else folder.name


def runs_of(findings: Iterable[Finding]) -> list[Path]:
    """Return the run folders of findings, each once, in order."""
    return list(dict.fromkeys(_run_of(finding.folder) for finding in findings))


def _run_of(folder: Path) -> Path:
    for above in folder.parents:
        if (above / "run.json").is_file():
            return above
    raise WrongInput(f"{folder} is not in a run folder: found no run.json above it")


class Known:
    """The catalogue of an earlier run, with each image looked up by path and content."""

    def __init__(self, run: Workbench, home: Path) -> None:
        self.run, self.home = run, home
        library = Path(runs.read(home)["library"])
        if library != run.library.resolve():
            raise WrongInput(
                f"{home} is a run of the library {library}, not of {run.library.resolve()}; "
                "remove it from inputs"
            )
        try:
            then = kept_catalogue.whole(home)
        except (OSError, ValueError, KeyError) as error:
            raise WrongInput(
                f"{home} has no readable catalogue.csv ({error}), so its images cannot be "
                "compared with those of now; run it again"
            ) from error
        self.paths = then["path"].tolist()
        self.digests = dict(zip(self.paths, then["sha256"], strict=True))
        now = run.catalogue
        self.places = {path: row for row, path in enumerate(now["path"])}
        self.now, self.status = now["sha256"].tolist(), now["status"].tolist()
        self.rows = np.array([self._row(path) for path in self.paths], np.int64)

    def _row(self, path: str) -> int:
        row = self.places.get(path, -1)
        same = row >= 0 and self.status[row] == "ok" and self.now[row] == self.digests[path]
        return row if same else -1

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Path -> row of the current catalogue; -1 if the image is gone or has changed."""
        return dict(zip(self.paths, self.rows.tolist(), strict=True))

    def why_not(self, path: str) -> str:
        """Return why an image of the earlier run is ignored."""
        row = self.places.get(path, -1)
        if row >= 0 and self.status[row] != "ok":
            return "no longer readable"
        if row >= 0:
            return "changed since: its content differs"
        if path not in self.digests:
            return "not in the catalogue of its run"
        if os.path.lexists(os.fsencode(self.run.library / path)):
            return "outside the roots or folders of this run"
        return "gone"


class _Reader:
    """Reads one results folder into a `Finding`."""

    def __init__(self, run: Workbench, known: Known, folder: Path, name: str) -> None:
        self.run, self.known, self.folder = run, known, folder
        self.n = len(run.catalogue)
        self.finding = Finding(name, folder)
        table = self._table()
        self.finding.measure = str(table["measure"].iloc[0]) if len(table) else ""
        self._take_units()
        parts = [self._from_groups(table), self._from_pairs(table)]
        self.finding.pairs = _once(pd.concat(parts, ignore_index=True), ["i", "j"])

    def _table(self) -> pd.DataFrame:
        path = self.folder / "groups.csv"
        try:
            rows = list(tables.read_csv(path))
        except (OSError, ValueError) as error:
            raise WrongInput(f"{path} cannot be read: {error}") from error
        table = pd.DataFrame(rows, columns=None if rows else groups.NAMES, dtype=object)
        if lacking := [name for name in NEEDED if name not in table]:
            raise WrongInput(f"{path} lacks the columns {', '.join(lacking)}; run it again")
        written = runs.summary(self.folder).get("rows", {}).get("groups.csv", len(table))
        if written != len(table):
            raise WrongInput(
                f"{path} has {len(table):,} rows, but {written:,} were written; "
                "was it cut off or edited? Run it again"
            )
        table["value"] = pd.to_numeric(table["value"], errors="coerce").astype("float64")
        return table

    def _row(self, path: str) -> int:
        row = self.known.row_of.get(path, -1)
        if row < 0:
            entry = (path, self.known.why_not(path))
            if entry not in self._listed:
                self._listed.add(entry)
                self.finding.unusable.append(entry)
        return row

    @cached_property
    def _listed(self) -> set[tuple[str, str]]:
        return set()

    def _take_units(self) -> None:
        self.broken: set[str] = set()  # images of sets that are no longer complete
        bundles: dict[str, list[dict[str, str]]] = defaultdict(list)
        path = self.folder / "manifest.csv"
        try:
            for row in tables.read_csv(path) if path.is_file() else ():
                bundles[row["bundle"]].append(row)
        except (OSError, ValueError, KeyError) as error:
            raise WrongInput(f"{path} cannot be read: {error}") from error
        for bundle, rows in bundles.items():
            images = [row for row in rows if row["src"] in self.known.digests]
            if len({formats.stem(os.path.basename(row["src"])) for row in images}) > 1:
                self._take_unit(bundle, rows, images)

    def _take_unit(
        self, bundle: str, rows: Iterable[dict[str, str]], images: Sequence[dict[str, str]]
    ) -> None:
        keepers = {self._row(row["src"]): self._row(row["keeper"]) for row in images}
        if -1 in keepers or -1 in keepers.values():
            self.broken |= {row["src"] for row in images}
            return
        staging = images[0]["dst"].partition("/")[0]
        shared = [row for row in rows if row.get("covers")]
        self.finding.units.append(Unit(bundle, staging, keepers, shared))

    def _from_groups(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return each member with its keeper, and note which images are kept and protected."""
        rows = []
        for row in table.itertuples(index=False):
            if not row.keeper:
                continue
            k, keeper = self._row(row.path), self._row(row.keeper)
            self._note(k, row.role, row.reason)
            if k < 0 or keeper < 0 or k == keeper or row.role not in STATES:
                continue
            state = "review" if row.path in self.broken else row.role
            reason = "its set is no longer complete" if row.path in self.broken else row.reason
            if state == "stage" and verify.is_one_way(getattr(row, "kind", "")):
                self.finding.one_way.add((k, keeper))
            elif state == "stage" and getattr(row, "score", ""):
                self.finding.compared.add((k, keeper))
            if getattr(row, "kind", "") == checks.CONTAINED:
                inside = row.reason == checks.INSIDE
                self.finding.barred.add((k, keeper) if inside else (keeper, k))
            rows.append((min(k, keeper), max(k, keeper), row.value, state, reason))
        return _frame(rows)

    def _note(self, k: int, role: str, reason: str) -> None:
        if k < 0:
            return
        if role == "keeper":
            self.finding.keepers.add(k)
        if reason == groups.GUARDED or (role == "protected" and reason not in MARKED):
            self.finding.protected.add(k)

    def _from_pairs(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return pairs within the threshold and one group as near, the others as beyond."""
        path = self.folder / "pairs.parquet"
        threshold = self._threshold()
        if threshold is None or not path.is_file() or not len(table):
            return _frame([])
        try:
            pairs = pd.read_parquet(path)
            pairs.columns = pd.Index(["i", "j", "value", *pairs.columns[3:]])
            ends = [pairs[end].to_numpy(np.int64) for end in ("i", "j")]
            if any((end < 0).any() for end in ends):
                raise ValueError("it has negative rows")
            i, j = (self.known.rows[end] for end in ends)
            value = pairs["value"].to_numpy(np.float64)
        except NOT_A_TABLE as error:
            why = tables.short(" ".join(str(error).split()), 200)
            raise WrongInput(
                f"{path} does not fit its catalogue: {why}; run the notebook again"
            ) from error
        sign = -1.0 if self._similarity(table) else 1.0
        group_of = np.full(self.n, -1, np.int64)
        rows = np.array([self.known.row_of.get(path, -1) for path in table["path"]], np.int64)
        codes = pd.factorize(table["group_id"])[0]
        group_of[rows[rows >= 0]] = codes[rows >= 0]
        usable = (i >= 0) & (j >= 0)
        together = usable & (group_of[i] >= 0) & (group_of[i] == group_of[j])
        near = together & (sign * value <= sign * threshold)
        frame = pd.DataFrame({"i": np.minimum(i, j), "j": np.maximum(i, j), "value": value})
        frame["state"] = np.where(near, "near", "beyond")
        frame["reason"] = ""
        return frame[near | (usable & (sign * value > sign * threshold))]

    def _threshold(self) -> float | None:
        try:
            return float(runs.summary(self.folder)["threshold"])
        except (ValueError, KeyError, TypeError, OverflowError):
            return None  # then only groups.csv says what is near

    @staticmethod
    def _similarity(table: pd.DataFrame) -> bool:
        """Return whether a larger value means more alike: a keeper's value is then not 0."""
        to_itself = table["value"][table["role"] == "keeper"].dropna()
        return bool(len(to_itself) and (to_itself > 0).all())


def _frame(rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["i", "j", "value", "state", "reason"])
    return frame.astype({"i": "int64", "j": "int64", "value": "float64"})


def _once(pairs: pd.DataFrame, ends: list[str]) -> pd.DataFrame:
    """Return each pair once, in its strongest state."""
    strength = pairs["state"].map(STATES.index).to_numpy(np.int64)
    ordered = pairs.iloc[np.lexsort((strength, pairs["j"], pairs["i"]))]
    return ordered.drop_duplicates(ends).reset_index(drop=True)


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
        self._prepare_units()
        why = "no input proposed it for the image that you keep"
        self.rules.append(groups.proposed_pairs_only(self.grouping, why))
        whole = "images of a set move with the whole set, or not at all"
        self.rules.append(groups.Rule("whole_sets", whole, self._whole_sets, chains=True))

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
        every = pd.concat([_frame([]).assign(input=0), *parts], ignore_index=True)
        return every.sort_values(["i", "j", "input"], ignore_index=True)

    def _prepare_units(self) -> None:
        """Note which images move with which set, and which pairs only sets propose."""
        units = [unit for f in self.findings for unit in f.units]
        self.units = sorted(units, key=lambda unit: unit.staging != layout.DELETE_REVIEW)
        self.unit_of = {k: unit for unit in reversed(self.units) for k in unit.keepers}
        single: set[tuple[int, int]] = set()
        for number, finding in enumerate(self.findings):
            in_sets = {k for unit in finding.units for k in unit.keepers}
            mine = self.every[(self.every["input"] == number) & (self.every["state"] == "stage")]
            ends = zip(mine["i"].tolist(), mine["j"].tolist(), strict=True)
            single |= {(i, j) for i, j in ends if i not in in_sets and j not in in_sets}
        self._proposed_singly = single

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
        inside = np.flatnonzero((cut.stars >= 0) & (cut.roles != groups.KEEPER))
        apart = inside[~(cut.values[inside] >= len(self.findings))]
        return np.bincount(cut.stars[apart], minlength=self.n).astype(np.int64)

    def arranged(self, cut: groups.Cut) -> groups.Parts:
        """Return the groups of a cut with the stages of a set together, the kept set first."""
        return self._with_sets(cut)

    def _with_sets(self, cut: groups.Cut) -> groups.Parts:
        """Return the groups of a cut with the stages of a set together, the kept set first."""
        parts = cut.by_star
        number = {int(cut.stars[rows[0]]): k for k, rows in enumerate(parts)} if self.units else {}
        whole: dict[int, list[int]] = {}
        left_out: set[int] = set()
        for kept, others in self._families.items():
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

    @cached_property
    def _families(self) -> dict[tuple[int, ...], list[Unit]]:
        """Stages of a kept set, in order -> the sets staged in its favour."""
        families: dict[tuple[int, ...], list[Unit]] = defaultdict(list)
        for unit in self.units:
            kept = sorted(
                set(unit.keepers.values()),
                key=lambda k: (self.images.levels[k], self.images.paths[k]),
            )
            if len(kept) == len(unit.keepers):
                families[tuple(kept)].append(unit)
        return families

    def columns(self, cut: groups.Cut, rows: Sequence[int]) -> int | None:
        """Return the number of stages of a set, whose images are shown in aligned rows."""
        if (unit := self.unit_of.get(rows[-1])) is None or rows[0] not in unit.keepers.values():
            return None
        n = len(unit.keepers)
        return n if tuple(rows[:n]) in self._families and len(rows) > n else None

    def _whole_sets(self, cut: groups.Cut, images: groups.Images) -> groups.Cut:
        for unit in self.units:
            if all(cut.roles[k] == groups.STAGE for k in unit.keepers):
                continue
            for k in unit.keepers:
                ends = (min(k, int(cut.keepers[k])), max(k, int(cut.keepers[k])))
                alone = ends in self._proposed_singly or images.marks[k] == "stage"
                if cut.roles[k] == groups.STAGE and not alone:
                    cut.hold([k], "its set does not move as a whole")
        return cut

    def _whole(self, cut: groups.Cut) -> list[Unit]:
        """Return the sets that move as a whole, as their input planned it."""
        return [u for u in self.units if all(cut.roles[k] == groups.STAGE for k in u.keepers)]

    def plan(self, cut: groups.Cut, table: pd.DataFrame) -> pd.DataFrame:
        """Return the rows that go into the manifest; sets of an input keep the bundle they had."""
        plan = super().plan(cut, table)
        if "bundle" in plan:
            planned = {self.images.paths[k] for unit in self._whole(cut) for k in unit.keepers}
            plan.loc[plan["path"].isin(planned), "bundle"] = ""
        return plan

    def plan_rows(self, cut: groups.Cut, rows: Iterable[dict[str, Any]]) -> Iterator[Any]:
        """Yield rows of the manifest; those of a whole set get the bundle of the set."""
        whole = self._whole(cut)
        by_bundle: dict[str, Unit] = {}
        for unit in reversed(whole):
            for k in unit.keepers:
                folder, name = os.path.split(self.images.paths[k])
                by_bundle[os.path.join(folder, formats.stem(name))] = unit
        chosen = {id(unit): unit for unit in by_bundle.values()}
        shared = {row["src"]: dict(row) for unit in chosen.values() for row in unit.shared}
        for row in rows:
            if unit_of := by_bundle.get(row["bundle"]):
                moved = {"bundle": unit_of.bundle, "dst": f"{unit_of.staging}/{row['src']}"}
                row = row | moved
            if row["src"] not in shared:
                yield row
        yield from shared.values()

    # -- report ----------------------------------------------------------------------------------

    @cached_property
    def _keys(self) -> Indices:
        keys: Indices = (self.every["i"] * self.n + self.every["j"]).to_numpy(np.int64)
        return keys

    @cached_property
    def _details(self) -> list[tuple[int, float, str, str]]:
        columns = [self.every[name].tolist() for name in ("input", "value", "state", "reason")]
        return list(zip(*columns, strict=True))

    def details(self, a: int, b: int) -> list[tuple[int, float, str, str]]:
        """Return what each input says about a pair: (input, value, state, reason)."""
        key = min(a, b) * self.n + max(a, b)
        first, last = np.searchsorted(self._keys, [key, key + 1])
        return self._details[first:last]

    def measured(self, cut: groups.Cut, k: int) -> str:
        """Return what each input says about an image and its keeper."""
        keeper = int(cut.keepers[k])
        texts = dict(self._told(k, keeper))
        near = [entry for entry in self.details(k, keeper) if entry[2] != "beyond"]
        parts = [texts.get(n, f"not {f.name}") for n, f in enumerate(self.findings)]
        return f"near in {len(near)} of {len(self.findings)} inputs: {', '.join(parts)}"

    def _told(self, k: int, keeper: int) -> Iterator[tuple[int, str]]:
        for number, value, state, reason in self.details(k, keeper):
            finding = self.findings[number]
            shown = "" if np.isnan(value) else report.with_unit(value, finding.measure)
            text = f"{finding.name} {shown}".rstrip()
            if state == "beyond":
                text = f"not {text}"
            elif state == "review":
                # the value is shown anyway; version 0.1.0 wrote "hamming_bits 3" for it
                plain = (finding.measure, groups.apart(finding.measure, value))
                why = "" if reason.startswith(plain) else f": {reason}"
                text = f"{text} (for review{why})"
            yield number, text

    def describe(self, cut: groups.Cut, rows: Sequence[int]) -> str:
        """Return which inputs support the group."""
        n = self.columns(cut, rows) or 1
        others = [(k, rows[place % n]) for place, k in enumerate(rows) if place >= n]
        counts: Counter[int] = Counter()
        for k, keeper in others:
            counts.update(n for n, _, state, _ in self.details(k, keeper) if state != "beyond")
        if all(counts[n] == len(others) for n in range(len(self.findings))):
            return "all inputs agree" if len(self.findings) > 1 else ""
        named = (f"{f.name} {counts[n]}" for n, f in enumerate(self.findings))
        return f"inputs differ: {', '.join(named)} of {len(others)}"

    def agreement(self, cut: groups.Cut) -> pd.DataFrame:
        """Return each image with its keeper and what every input says about the pair.

        There is one column per input: the value if it finds them near (with `review` if it leaves
        them for review), `beyond` and the value if they are too far apart, `kept` if it keeps this
        image itself, and empty if it has not compared them.
        """
        rows = [k for members in cut.groups for k in members.tolist() if cut.centres[k] != k]
        shown = [k for k in rows if cut.roles[k] != groups.NONE]
        return pd.DataFrame([self._agreed(cut, k) for k in shown], columns=self._columns)

    @property
    def _columns(self) -> list[str]:
        return ["path", "keeper", "role", "inputs", *(finding.name for finding in self.findings)]

    def _agreed(self, cut: groups.Cut, k: int) -> list[Any]:
        keeper = int(cut.keepers[k])
        cells = {}
        for number, value, state, _ in self.details(k, keeper):
            text = "" if np.isnan(value) else groups.number(value)
            cells[number] = text if state in ("stage", "near") else f"{state} {text}".rstrip()
        near = sum(state != "beyond" for _, _, state, _ in self.details(k, keeper))
        texts = [
            cells.get(n, "") or ("kept" if k in finding.keepers else "")
            for n, finding in enumerate(self.findings)
        ]
        return [
            self.images.paths[k],
            self.images.paths[keeper],
            groups.ROLES[cut.roles[k]],
            near,
            *texts,
        ]

    @cached_property
    def shares(self) -> pd.DataFrame:
        """How many pairs each input proposes, and how many of them each other input finds near."""
        near = self.every[self.every["state"] != "beyond"]
        ends = [
            set(zip(part["i"].tolist(), part["j"].tolist(), strict=True))
            for part in (near[near["input"] == n] for n in range(len(self.findings)))
        ]
        rows = []
        for n, finding in enumerate(self.findings):
            mine = finding.pairs[finding.pairs["state"] == "stage"]
            proposed = set(zip(mine["i"].tolist(), mine["j"].tolist(), strict=True))
            elsewhere = set().union(*(ends[m] for m in range(len(ends)) if m != n))
            row = {"input": finding.name, "proposes": len(proposed)}
            row |= {"only this input": len(proposed - elsewhere)}
            row |= {
                f"also near in {f.name}": len(proposed & ends[m])
                for m, f in enumerate(self.findings)
            }
            rows.append(row | {"images ignored": len(finding.unusable)})
        return pd.DataFrame(rows)

    @property
    def unusable(self) -> pd.DataFrame:
        """Images of the inputs that are ignored, each with the reason."""
        rows = [(f.name, path, why) for f in self.findings for path, why in f.unusable]
        return pd.DataFrame(rows, columns=UNUSABLE_COLUMNS, dtype=object)

    def further_tables(self, cut: groups.Cut) -> dict[str, pd.DataFrame]:
        """Return the tables of agreement and of ignored images."""
        return {"agreement": self.agreement(cut), "unusable": self.unusable}


def _reviewed_only(said: Decisions) -> groups.Rule:
    """Return the rule that holds back what was neither accepted nor marked."""

    def hold(cut: groups.Cut, images: groups.Images) -> groups.Cut:
        for centre in np.unique(cut.stars[cut.roles == groups.STAGE]).tolist():
            members = np.flatnonzero(cut.stars == centre)
            digests = {images.digests[k] for k in members.tolist()}
            if "" in digests or not said.reviewed(digests):
                waiting = [
                    k for k in members[cut.roles[members] == groups.STAGE].tolist()
                    if images.marks[k] != "stage"
                ]  # fmt: skip
                cut.hold(waiting, "not reviewed yet: its group is not accepted")
        return cut

    return groups.Rule("reviewed", "only accepted groups are staged", hold)


def _joined(
    parts: groups.Parts, whole: Mapping[int, Sequence[int]], left_out: set[int]
) -> groups.Parts:
    """Return groups with some replaced and some left out."""
    made = [whole.get(k, rows) for k, rows in enumerate(parts) if k not in left_out]
    return groups.Parts.of(made)
