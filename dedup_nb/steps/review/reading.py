"""Results folders -> findings: every image looked up in the current catalogue."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dedup_nb import groups
from dedup_nb.compare import verify
from dedup_nb.groups import checks
from dedup_nb.groups.unions import unite
from dedup_nb.library import formats, tables
from dedup_nb.session import kept_catalogue, runs
from dedup_nb.session.run import WrongInput
from dedup_nb.session.workbench import Workbench
from dedup_nb.steps.review.findings import STATES, Finding, Unit, frame, once
from dedup_nb.steps.review.sources import finder_words, notebook_of, run_of

NEEDED = ("group_id", "path", "role", "keeper", "measure", "value", "reason")
MARKED = (groups.KEPT, groups.LAST)
PAIRS_AT_ONCE = 2**20  # read together

Indices = NDArray[np.int64]
Mask = NDArray[np.bool_]
Choice = Callable[[Indices, Indices, Mask], Mask]


def read(run: Workbench, folders: Sequence[Path]) -> list[Finding]:
    """Read results folders and look up every image.

    A pair that is too far apart for an input is kept where it may be shown: where other pairs join
    its two images into one group. There may be twenty million others.

    Raises
    ------
    WrongInput
        If one belongs to another library, or is damaged.
    """
    names = [notebook_of(folder) for folder in folders]
    twice = {name for name, count in Counter(names).items() if count > 1}
    read_before: dict[Path, Known] = {}
    readers = []
    for folder, name in zip(folders, names, strict=True):
        home = run_of(folder)
        if home not in read_before:
            read_before[home] = Known(run, home)
        label = f"{home.name}/{folder.relative_to(home)}" if name in twice else name
        reader = _Reader(run, read_before[home], folder, label)
        words = finder_words(folder, name)
        reader.finding.words = f"{words} ({label})" if name in twice else words
        readers.append(reader)
    ends = [np.concatenate([np.zeros(0, np.int64), *(r.finding.pairs[e] for r in readers)])
            for e in ("i", "j")]  # fmt: skip
    joined = unite(len(run.catalogue), *ends)[0]
    for reader in readers:
        reader.add_beyond(joined)
    return [reader.finding for reader in readers]


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
        self.table = table = self._table()
        self.finding.measure = str(table["measure"].iloc[0]) if len(table) else ""
        self._take_units()
        parts = [self._from_groups(table), self._from_pairs(table)]
        self.finding.pairs = once(pd.concat(parts, ignore_index=True), ["i", "j"])

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
        return frame(rows)

    def _note(self, k: int, role: str, reason: str) -> None:
        if k < 0:
            return
        if role == "keeper":
            self.finding.keepers.add(k)
        if reason == groups.GUARDED or (role == "protected" and reason not in MARKED):
            self.finding.protected.add(k)

    def _from_pairs(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the pairs within the threshold and one group, as near."""
        group_of = np.full(self.n, -1, np.int64)
        rows = np.array([self.known.row_of.get(path, -1) for path in table["path"]], np.int64)
        codes = pd.factorize(table["group_id"])[0]
        group_of[rows[rows >= 0]] = codes[rows >= 0]

        def near(i: Indices, j: Indices, within: Mask) -> Mask:
            return np.asarray(within & (group_of[i] >= 0) & (group_of[i] == group_of[j]))

        return self._chosen(table, near, "near")

    def add_beyond(self, joined: Indices) -> None:
        """Add the pairs beyond the threshold whose images are `joined`, of the same number."""

        def beyond(i: Indices, j: Indices, within: Mask) -> Mask:
            return np.asarray(~within & (joined[i] == joined[j]))

        added = self._chosen(self.table, beyond, "beyond")
        if len(added):
            every = pd.concat([self.finding.pairs, added], ignore_index=True)
            self.finding.pairs = once(every, ["i", "j"])

    def _chosen(self, table: pd.DataFrame, choose: Choice, state: str) -> pd.DataFrame:
        """Return the pairs that are chosen by their images and by whether they are near enough."""
        threshold = self._threshold()
        if threshold is None or not len(table):
            return frame([])
        sign = -1.0 if self._similarity(table) else 1.0
        parts = [frame([])]
        for i, j, value in self._batches():
            usable = (i >= 0) & (j >= 0) & ~np.isnan(value)
            i, j, value = i[usable], j[usable], value[usable]
            chosen = choose(i, j, sign * value <= sign * threshold)
            i, j = i[chosen], j[chosen]
            ends = {"i": np.minimum(i, j), "j": np.maximum(i, j)}
            part = pd.DataFrame(ends | {"value": value[chosen]})
            parts.append(part.assign(state=state, reason=""))
        return pd.concat(parts, ignore_index=True)

    def _batches(self) -> Iterator[tuple[Indices, Indices, NDArray[np.float64]]]:
        """Yield the pairs of the input, a part at a time, in rows of the current catalogue."""
        path = self.folder / "pairs.parquet"
        if not path.is_file():
            return
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(PAIRS_AT_ONCE):
                    pairs = batch.to_pandas()
                    pairs.columns = pd.Index(["i", "j", "value", *pairs.columns[3:]])
                    ends = [pairs[end].to_numpy(np.int64) for end in ("i", "j")]
                    if any((end < 0).any() for end in ends):
                        raise ValueError("it has negative rows")
                    i, j = (self.known.rows[end] for end in ends)
                    yield i, j, pairs["value"].to_numpy(np.float64)
        except tables.NOT_A_TABLE as error:
            why = tables.short(" ".join(str(error).split()), 200)
            raise WrongInput(
                f"{path} does not fit its catalogue: {why}; run the notebook again"
            ) from error

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
