"""Czkawka's claims looked up in a run and judged: the parts that `50_czkawka` joins."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb import groups, report
from dedup_nb.finders import czkawka
from dedup_nb.finders.czkawka import DUPLICATES, Entry, Results
from dedup_nb.groups.clusters import ClusterCandidates
from dedup_nb.groups.pairs import MAX_PAIRS
from dedup_nb.library import tables
from dedup_nb.session.workbench import Workbench

UNUSABLE_COLUMNS = ["path", "reason", "results"]


class Claims:
    """What files of results claim, looked up in the catalogue of a run.

    Parameters
    ----------
    run : Workbench
        The run at work.
    results : sequence of str
        Files of results.
    path_map : mapping of str -> str
        Prefix of the paths on another machine -> prefix here.
    reference_keeps : bool
        Whether files of reference folders are protected.

    Attributes
    ----------
    groups : list of (kind, rows)
        Claimed groups of at least two images of the catalogue.
    unusable : DataFrame
        Entries that take no part, with the reason.
    pairs : DataFrame
        Every claimed pair, `i < j` and our own `hamming_bits`.

    Raises
    ------
    ValueError
        If a file is damaged or not Czkawka's, or claims more than `MAX_PAIRS` pairs.
    """

    def __init__(
        self,
        run: Workbench,
        results: Sequence[str],
        path_map: Mapping[str, str] | None = None,
        reference_keeps: bool = True,
    ) -> None:
        self.run, self.path_map = run, dict(path_map or {})
        self.results = [czkawka.read(Path(file)) for file in results]
        self.groups: list[tuple[str, list[int]]] = []
        self.references: set[int] = set()
        self._unusable: list[tuple[str, str, str]] = []
        self._places = {path: row for row, path in enumerate(run.catalogue["path"])}
        self._folded = _unique_folded(self._places)
        self._others = {other.path: other for other in run.others} if results else {}
        for result in self.results:
            for group in result.groups:
                self._take(result, group, reference_keeps)
        self.unusable = pd.DataFrame(self._unusable, columns=UNUSABLE_COLUMNS, dtype=object)
        self._refuse_too_many()
        self.hashes, rows = run.hashes("phash", 64)
        self.place = np.full(len(run.catalogue), -1, np.int64)  # row -> its hash
        self.place[rows] = np.arange(len(rows))
        self.pairs, self.equal_only = self._pairs()

    def _take(self, result: Results, group: Sequence[Entry], reference_keeps: bool) -> None:
        rows = []
        for entry in group:
            found = self._look_up(entry)
            if isinstance(found, str):
                self._unusable.append((entry.path, found, result.file.name))
            elif found not in rows:
                rows.append(found)
                if entry.reference and reference_keeps:
                    self.references.add(found)
        if len(rows) > 1:
            self.groups.append((result.kind, rows))

    def _look_up(self, entry: Entry) -> int | str:
        """Return the row of the catalogue that an entry means, or why there is none."""
        path = czkawka.here(entry.path, self.path_map)
        relative = self._relative(path)
        if relative is None:
            return f"outside the library {self.run.library}; is path_map right?"
        row = self._places.get(relative, self._folded.get(relative.casefold(), -1))
        if row < 0:
            return self._why_not_there(relative)
        known = self.run.catalogue.iloc[row]
        if known["status"] != "ok":
            return f"not readable: {known['error']}"
        if entry.size is not None and entry.size != known["bytes"]:
            return f"changed: {known['bytes']:,} bytes now, {entry.size:,} then"
        if entry.modified is not None and entry.modified != known["mtime_ns"] // 10**9:
            return "changed since then: the time of its last change is another"
        return row

    def _relative(self, path: str) -> str | None:
        for library in dict.fromkeys((self.run.library.resolve(), self.run.library.absolute())):
            prefix = str(library).rstrip("/") + "/"
            if path.startswith(prefix) or (
                czkawka.WINDOWS.match(path) and path.casefold().startswith(prefix.casefold())
            ):
                return os.path.normpath(path[len(prefix) :])
        return None

    def _why_not_there(self, relative: str) -> str:
        if not os.path.lexists(os.fsencode(self.run.library / relative)):
            return "gone"
        if other := self._others.get(relative):
            return f"no image of this run: {other.reason}"
        if relative.startswith(".."):
            return "outside the library"
        return f"outside the roots {', '.join(self.run.roots)}"

    def _refuse_too_many(self) -> None:
        count = sum(len(rows) * (len(rows) - 1) // 2 for _, rows in self.groups)
        if count > MAX_PAIRS:
            largest = max(len(rows) for _, rows in self.groups)
            raise ValueError(
                f"the results claim {count:,} pairs, the largest group has {largest:,} images; "
                "let Czkawka search with a smaller difference"
            )

    def _pairs(self) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
        """Return the claimed pairs, and which of them only equal bytes can confirm."""
        kinds: dict[tuple[int, int], bool] = {}
        for kind, rows in self.groups:
            for pair in itertools.combinations(sorted(rows), 2):
                kinds[pair] = kinds.get(pair, True) and kind == DUPLICATES
        ordered = sorted(kinds)
        ends = np.array(ordered, np.int64).reshape(-1, 2)
        bits = self.between(ends[:, 0], ends[:, 1]).astype(np.int64)
        pairs = pd.DataFrame({"i": ends[:, 0], "j": ends[:, 1], "hamming_bits": bits})
        return pairs, np.array([kinds[pair] for pair in ordered], bool)

    def between(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return our Hamming distances between images, pair by pair: 64-bit pHash."""
        differing = self.hashes[self.place[a], 0] ^ self.hashes[self.place[b], 0]
        bits: NDArray[np.float64] = np.bitwise_count(differing).sum(axis=-1, dtype=np.float64)
        return bits

    def describe(self) -> str:
        """Say in a few lines what was claimed and what of it can be judged."""
        if not self.results:
            return (
                "no results given: name files of Czkawka's results in `results`, "
                "such as its JSON export of similar images"
            )
        lines = [
            f"{result.file.name}: {len(result.groups):,} groups of {result.kind}, "
            f"{sum(map(len, result.groups)):,} files"
            for result in self.results
        ]
        lines.append(
            f"{len(self.groups):,} groups with at least two images of this run, "
            f"{len(self.pairs):,} pairs; {len(self.unusable):,} entries take no part"
        )
        return "\n".join(lines)

    @property
    def unusable_by_reason(self) -> pd.DataFrame:
        """How many entries take no part, by reason, with an example each."""
        counts = Counter(reason.partition(":")[0] for _, reason, _ in self._unusable)
        first = {reason.partition(":")[0]: path for path, reason, _ in reversed(self._unusable)}
        rows = [(reason, n, tables.shown(first[reason])) for reason, n in sorted(counts.items())]
        return pd.DataFrame(rows, columns=["reason", "entries", "example"])


def _unique_folded(places: Mapping[str, int]) -> dict[str, int]:
    """Return the rows of paths without regard to case, where that leaves no doubt."""
    counts = Counter(path.casefold() for path in places)
    return {path.casefold(): row for path, row in places.items() if counts[path.casefold()] == 1}


class Claimed(ClusterCandidates):
    """Czkawka's groups: proposed where our own measure agrees, else for a person to see first.

    Similar images are confirmed within a Hamming distance of ours, duplicates by equal bytes.
    What pair finders never propose (stages of one series, two stages) is set apart here too.
    """

    def __init__(self, run: Workbench, claims: Claims) -> None:
        self.claims = claims
        images = run.images
        if claims.references:
            is_reference = np.isin(np.arange(len(images)), sorted(claims.references))
            images = images.assign(protected=images["protected"] | is_reference)
        digests = images["sha256"].to_numpy()
        pairs = claims.pairs
        equal = digests[pairs["i"]] == digests[pairs["j"]]
        self.refuted = claims.equal_only & ~np.asarray(equal, bool)
        super().__init__(images, pairs, self._labels, claims.between, self._confirmed, **run.rules)
        judged = pairs.assign(refuted=self.refuted).merge(self.pairs, how="inner")
        ends = zip(judged["i"], judged["j"], strict=True)
        self._refuted_of = dict(zip(ends, judged["refuted"], strict=True))
        confirmable = judged[~judged["refuted"]][list(self.pairs.columns)]
        self.confirmable = self.checked(confirmable)
        everything = self.stars_of(self.pairs).components(np.inf)
        _, index, sizes = np.unique(everything, return_inverse=True, return_counts=True)
        self.labels = np.where(sizes[index] > 1, everything, -1)

    def _labels(self, threshold: float) -> NDArray[np.int64]:
        return self.labels

    def _confirmed(self, threshold: float, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return each image's keeper among the pairs that our own measure confirms."""
        return self.confirmable.accepted(threshold)[0]

    def measured(self, cut: groups.Cut, k: int) -> str:
        """Say our own distance, and where it does not agree."""
        keeper, bits = int(cut.keepers[k]), groups.apart("hamming_bits", cut.values[k])
        if self.is_confirmed(cut, k):
            equal = self.images.digests[k] == self.images.digests[keeper]
            return "claimed by Czkawka, the same bytes" if equal else f"claimed by Czkawka, {bits}"
        refuted = self._refuted_of.get((min(k, keeper), max(k, keeper)))
        if refuted is None:
            return f"claimed by Czkawka in one group, but not with this keeper; {bits}"
        if refuted:
            return f"claimed by Czkawka as a duplicate, but the bytes differ; {bits}"
        if cut.values[k] > cut.threshold:
            return f"claimed by Czkawka, but {bits}, above {groups.number(cut.threshold)}"
        return f"claimed by Czkawka, but one of both is near images of several stages; {bits}"

    def disagreements(self, threshold: float) -> pd.DataFrame:
        """Return the claimed pairs that our own measure does not confirm, the farthest first."""
        left = self.claims.pairs.assign(refuted=self.refuted).merge(self.pairs, how="inner")
        doubt = left[left["refuted"] | (left["hamming_bits"] > threshold)]
        frame = pd.DataFrame(
            {
                "first": [self.images.paths[k] for k in doubt["i"]],
                "second": [self.images.paths[k] for k in doubt["j"]],
                "hamming_bits": doubt["hamming_bits"].to_numpy(),
                "why": np.where(doubt["refuted"], "the bytes differ", f"above {threshold:g} bits"),
            }
        )
        return frame.sort_values(
            ["hamming_bits", "first", "second"], ascending=[False, True, True], ignore_index=True
        )

    def further_tables(self, cut: groups.Cut) -> dict[str, pd.DataFrame]:
        """Return the disagreements, and the entries that take no part."""
        return {
            "disagreements": self.disagreements(cut.threshold),
            "unusable": self.claims.unusable,
        }


def by_threshold(made: Claimed, thresholds: Sequence[float]) -> pd.DataFrame:
    """Return what each distance confirms of the claimed pairs, and what would be staged."""
    bits = made.pairs["hamming_bits"].to_numpy()
    rows: list[dict[str, Any]] = []
    for threshold in thresholds:
        totals = made.cut(threshold).totals
        rows.append(
            {
                "threshold": threshold,
                "claimed pairs within": int((bits <= threshold).sum()),
                "of": len(bits),
                "images to stage": totals["images"],
                "MB freed": round(totals["bytes"] / 1e6, 1),
                "to review": totals["review"],
            }
        )
    return pd.DataFrame(rows)


def chart(made: groups.Candidates, max_distance: float) -> report.Chart:
    """Draw our own distances of the claimed pairs."""
    return report.histogram(made.pairs["hamming_bits"], max_distance, "bits", what="our distance")
