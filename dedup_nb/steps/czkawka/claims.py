"""Czkawka's results -> pairs, looked up in a run and checked, for `50_czkawka`."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb import groups, report
from dedup_nb.finders import czkawka
from dedup_nb.finders.czkawka import DUPLICATES, Entry, Results
from dedup_nb.groups import floods
from dedup_nb.groups.clusters import ClusterCandidates
from dedup_nb.groups.pairs import MAX_PAIRS, tell_bound
from dedup_nb.library import tables
from dedup_nb.library.bundles import folded
from dedup_nb.library.progress import Ticker
from dedup_nb.session.workbench import Workbench

MOST_PAIRED = 2_000  # images of a group of which all pairs are looked at
HASH_BITS = 64  # largest distance of two hashes
ROUNDED_S = 2  # FAT keeps even seconds
ZONE_STEP_S, MOST_ZONES_S = 15 * 60, 26 * 3600  # time zones differ by quarters of an hour

T = TypeVar("T")
UNUSABLE_COLUMNS = ["path", "reason", "results"]


class Claims:
    """The groups that Czkawka reports, looked up in the catalogue of a run.

    Parameters
    ----------
    run : Workbench
        The current run.
    results : sequence of str
        Files exported from Czkawka.
    path_map : mapping of str -> str
        Path prefix on the other machine -> prefix on this one.
    reference_keeps : bool
        Whether files of reference folders are protected.

    Attributes
    ----------
    groups : list of (kind, rows)
        Reported groups with at least two images of the catalogue.
    unusable : DataFrame
        Entries that are ignored, with the reason.
    pairs : DataFrame
        Every reported pair, `i < j`, with our own `hamming_bits`.

    Raises
    ------
    ValueError
        If a file is damaged or not from Czkawka, or has more than `MAX_PAIRS` pairs.
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
        others = run.others if results else []
        self._others = {other.path: other for other in others}
        self._others_folded = _unique_folded(self._others)
        for result in self.results:
            tell = Ticker(f"groups of {tables.shown(result.file.name)} looked up:")
            for group in tell.over(result.groups):
                self._take(result, group, reference_keeps)
        self.unusable = pd.DataFrame(self._unusable, columns=UNUSABLE_COLUMNS, dtype=object)
        self.hashes, rows = run.hashes("phash", 64)
        self.place = np.full(len(run.catalogue), -1, np.int64)  # row -> its hash
        self.place[rows] = np.arange(len(rows))
        self.pairs, self.equal_only = self._pairs()

    def _take(self, result: Results, group: Sequence[Entry], reference_keeps: bool) -> None:
        rows: dict[int, None] = {}
        for entry in group:
            row = self._look_up(entry)
            if isinstance(row, str):  # the reason why it has none
                self._unusable.append((entry.path, row, result.file.name))
            elif row not in rows:
                rows[row] = None
                if entry.reference and reference_keeps:
                    self.references.add(row)
        if len(rows) > 1:
            self.groups.append((result.kind, [*rows]))

    def _look_up(self, entry: Entry) -> int | str:
        """Return the catalogue row of an entry, or the reason why it has none."""
        path = czkawka.here(entry.path, self.path_map)
        relative = self._relative(path)
        if relative is None:
            return f"outside the library {self.run.library}; check path_map"
        row = self._places.get(relative, -1)
        if row < 0:
            row = self._folded.get(folded(relative), -1)
        if row < 0:
            return self._why_not_there(relative)
        known = self.run.catalogue.iloc[row]
        if known["status"] != "ok":
            return f"not readable: {known['error']}"
        if entry.size is not None and entry.size != known["bytes"]:
            return f"changed: {entry.size:,} bytes then, {known['bytes']:,} bytes now"
        if entry.modified is not None and not _same_time(entry.modified, int(known["mtime_ns"])):
            return "changed since then: its modification time differs"
        return row

    def _relative(self, path: str) -> str | None:
        """Return a path relative to the library, or None if it lies elsewhere."""
        for library in dict.fromkeys((self.run.library.resolve(), self.run.library.absolute())):
            prefix = str(library).rstrip("/") + "/"
            form = folded if czkawka.WINDOWS.match(path) else _composed
            if form(path).startswith(form(prefix)):  # forms keep the number of slashes
                tail = path.split("/", prefix.count("/"))[-1]
                return os.path.normpath(tail.lstrip("/"))
        return None

    def _why_not_there(self, relative: str) -> str:
        if relative == ".." or relative.startswith("../"):
            return "outside the library"
        if other := self._others.get(relative) or self._others_folded.get(folded(relative)):
            return f"not an image of this run: {other.reason}"
        try:
            there = os.path.lexists(os.fsencode(self.run.library / relative))
        except UnicodeEncodeError:
            return "not a file name: it contains half a character"
        return f"outside the roots {', '.join(self.run.roots)}" if there else "gone"

    def _pairs(self) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
        """Return the reported pairs, and which of them require identical bytes.

        Raises
        ------
        ValueError
            If there are more than `MAX_PAIRS`.
        """
        parts, cut_short = [np.zeros((0, 3), np.int64)], 0
        for kind, rows in self.groups:
            ends, complete = self.run.twins.of_group(np.array(rows, np.int64), MOST_PAIRED)
            equal = np.full((len(ends), 1), kind == DUPLICATES, np.int64)
            parts.append(np.concatenate([ends, equal], axis=1))
            cut_short = cut_short if complete else max(cut_short, len(rows))
            if (count := sum(map(len, parts))) > MAX_PAIRS:
                raise ValueError(
                    f"the results contain more than {count:,} pairs; "
                    "run Czkawka again with a smaller maximum difference"
                )
        every = pd.DataFrame(np.concatenate(parts), columns=["i", "j", "equal"])
        every = every.groupby(["i", "j"], sort=True, as_index=False)["equal"].min()
        i, j = every["i"].to_numpy(), every["j"].to_numpy()
        pairs = pd.DataFrame({"i": i, "j": j, "hamming_bits": self.between(i, j).astype(np.int64)})
        if cut_short:
            tell_bound(pairs, HASH_BITS, HASH_BITS, _crowded(cut_short))
        return pairs, every["equal"].to_numpy() == 1

    def between(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return our Hamming distances of pairs of images, in bits of a 64-bit pHash.

        Parameters
        ----------
        a, b : ndarray of int64, shape (n,)
            Catalogue rows, pair by pair.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        differing = self.hashes[self.place[a], 0] ^ self.hashes[self.place[b], 0]
        bits: NDArray[np.float64] = np.bitwise_count(differing).sum(axis=-1, dtype=np.float64)
        return bits

    def describe(self) -> str:
        """Return a few lines: what each file contains, and how much of it is usable."""
        if not self.results:
            return (
                "no results given: set `results` to files exported from Czkawka, "
                "such as its JSON of similar images"
            )
        lines = [
            f"{result.file.name}: {len(result.groups):,} groups of {result.kind}, "
            f"{sum(map(len, result.groups)):,} files"
            for result in self.results
        ]
        lines.append(
            f"{len(self.groups):,} groups with at least two images of this run, "
            f"{len(self.pairs):,} pairs; {len(self.unusable):,} entries ignored"
        )
        return "\n".join(lines)

    @property
    def unusable_by_reason(self) -> pd.DataFrame:
        """Number of ignored entries by reason, each with an example."""
        counts = Counter(reason.partition(":")[0] for _, reason, _ in self._unusable)
        first = {reason.partition(":")[0]: path for path, reason, _ in reversed(self._unusable)}
        rows = [(reason, n, tables.shown(first[reason])) for reason, n in sorted(counts.items())]
        return pd.DataFrame(rows, columns=["reason", "entries", "example"])


def _unique_folded(places: Mapping[str, T]) -> dict[str, T]:
    """Return folded path -> value, for paths that stay unique when folded; see `folded`."""
    counts = Counter(map(folded, places))
    return {name: value for path, value in places.items() if counts[name := folded(path)] == 1}


def _composed(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def _same_time(seconds: int, mtime_ns: int) -> bool:
    """Return whether two times agree but for the ways in which file systems keep them.

    FAT keeps even seconds and local time, so that the same file is off by up to two seconds, and by
    whole quarters of an hour after a change of the time zone or of summer time.
    """
    off_s = abs(seconds - mtime_ns // 10**9)
    beyond = off_s % ZONE_STEP_S
    return off_s <= MOST_ZONES_S + ROUNDED_S and min(beyond, ZONE_STEP_S - beyond) <= ROUNDED_S


def _crowded(images: int) -> str:
    return (
        f"Czkawka reports a group of {images:,} images; each was compared with the best "
        f"{floods.HUBS} only; run Czkawka again with a smaller maximum difference"
    )


class Claimed(ClusterCandidates):
    """Czkawka's groups: proposed if our own measure agrees, else left for review.

    Similar images are confirmed by our Hamming distance, duplicates by identical bytes. Pairs that
    no finder proposes (within one series, of two stages) are excluded here too.
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
        super().__init__(
            images,
            pairs,
            self._labels,
            claims.between,
            self._confirmed,
            self._containers,
            **run.rules,
        )
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
        """Return the keeper of each image among the pairs that our measure confirms."""
        return self.confirmable.accepted(threshold)[0]

    def _containers(self, members: NDArray[np.int64], keepers: NDArray[np.int64]) -> list[str]:
        """Return which of two claimed images shows the other inside itself, pair by pair."""
        return self.confirmable.containers(members, keepers)

    def measured(self, cut: groups.Cut, k: int) -> str:
        """Return our own distance, and why it does not agree."""
        keeper, bits = int(cut.keepers[k]), groups.apart("hamming_bits", cut.values[k])
        if self.is_confirmed(cut, k):
            equal = self.images.digests[k] == self.images.digests[keeper]
            return "found by Czkawka, identical bytes" if equal else f"found by Czkawka, {bits}"
        refuted = self._refuted_of.get((min(k, keeper), max(k, keeper)))
        if refuted is None:
            return f"in the same group of Czkawka, but not paired with this keeper; {bits}"
        if refuted:
            return f"a duplicate according to Czkawka, but the bytes differ; {bits}"
        if cut.values[k] > cut.threshold:
            return f"found by Czkawka, but {bits}, above {groups.number(cut.threshold)}"
        return f"found by Czkawka, but one of the two is near images of several stages; {bits}"

    def disagreements(self, threshold: float) -> pd.DataFrame:
        """Return the reported pairs that our measure does not confirm, largest distance first."""
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

    def empty(self, cut: groups.Cut) -> str:
        """Return what to do if there are no groups."""
        return (
            "Czkawka's results hold no pair of images of this library. Set `results` to the files "
            "that Czkawka saved, and `path_map` if it saw the library under another path; "
            "unusable.csv says what was ignored."
        )

    def further_tables(self, cut: groups.Cut) -> dict[str, pd.DataFrame]:
        """Return the tables of disagreements and of ignored entries."""
        return {
            "disagreements": self.disagreements(cut.threshold),
            "unusable": self.claims.unusable,
        }


def by_threshold(made: Claimed, thresholds: Sequence[float]) -> pd.DataFrame:
    """Return how many reported pairs each distance confirms, and what would be staged."""
    bits = made.pairs["hamming_bits"].to_numpy()
    rows: list[dict[str, Any]] = []
    for threshold in thresholds:
        totals = made.cut(threshold).totals
        rows.append(
            {
                "threshold": threshold,
                "confirmed pairs": int((bits <= threshold).sum()),
                "of pairs": len(bits),
                "images to stage": totals["images"],
                "MB freed": round(totals["bytes"] / 1e6, 1),
                "to review": totals["review"],
            }
        )
    return pd.DataFrame(rows)


def chart(made: groups.Candidates, max_distance: float) -> report.Chart:
    """Draw our own distances of the reported pairs."""
    return report.histogram(
        made.pairs["hamming_bits"], max_distance, "bits", what="our Hamming distance"
    )
