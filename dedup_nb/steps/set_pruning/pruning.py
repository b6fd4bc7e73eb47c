"""A run's series -> pairs of sets, compared stage by stage, for `40_set_pruning`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb.finders import clusters, embeddings, index, phash, sets
from dedup_nb.finders.sets import Match
from dedup_nb.library import files, formats, names, sidecars, yaml_files
from dedup_nb.library.bundles import FolderBundles
from dedup_nb.library.naming import series
from dedup_nb.library.progress import Ticker
from dedup_nb.pictures.engines import Failure, Item
from dedup_nb.session.workbench import Workbench

ROOM = 0.1  # sets are compared down to this far below min_cosine, as the slider's range
TWO_SETS = 4  # smallest number of images in two similar sets: the smallest cluster of candidates
PHASH_BITS = 12  # loosest Hamming distance of candidates by hash
LONGEST_S = 300  # longest time from the first to the last stage, used if a picture cannot be read
ALIKE = 0.5  # smallest `dct` cosine of two stages of one run
IMAGE_COLUMNS = ["path", "folder", "stem", "series", "stage", "level", "stamp", "root", "status"]


class Found:
    """The sets of a run, and the runs of stages that are spread over several folders.

    Attributes
    ----------
    sets : list of ImageSet
        All series of the catalogue.
    split : dict of int -> list of int
        Position of a set -> images in other folders that belong to its run.
    scattered : list of list of int
        Runs without two stages in the same folder.
    """

    def __init__(self, run: Workbench) -> None:
        self.run = run
        self.table = _with_skipped(run)
        every = sets.find(self.table)
        n = len(run.images)
        self.sets = [each for each in every if max(each.rows) < n and len(each.rows) > 1]
        shown = [each for each in every if min(each.rows) < n]
        self.cut_short = [e for e in shown if max(e.rows) >= n or len(e.rows) == 1]
        self._vectors, rows = run.embeddings("dct")
        self._place = np.full(len(self.table), -1, np.int64)
        self._place[rows] = np.arange(len(rows))
        self._times = pd.to_datetime(self.table["stamp"], format="ISO8601").to_numpy()
        self.split, self.scattered = sets.split_runs(self.table, self.sets, self._alike)

    def _alike(self, a: int, b: int) -> bool:
        """Return whether two stages look like one run, judged by time if there is no picture."""
        i, j = self._place[a], self._place[b]
        if i < 0 or j < 0:
            return bool(abs(self._times[a] - self._times[b]) <= np.timedelta64(LONGEST_S, "s"))
        return float(self._vectors[i, 0] @ self._vectors[j, 0]) >= ALIKE

    def describe(self) -> str:
        """Return one line: how many sets there are, and how many cannot be compared."""
        bad = len(self.apart)
        return (
            f"{len(self.sets):,} sets with {len({each.stages for each in self.sets}):,} line-ups; "
            f"{bad:,} sets cannot be compared, "
            f"{len(self.split) + len(self.scattered):,} runs are spread over several folders"
        )

    @cached_property
    def line_ups(self) -> pd.DataFrame:
        """Number of sets with each line-up; only sets with the same line-up are compared."""
        counts = Counter(" > ".join(each.stages) for each in self.sets)
        rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return pd.DataFrame(rows, columns=["line-up", "sets"])

    @cached_property
    def split_runs(self) -> pd.DataFrame:
        """Runs that are spread over several folders, which are listed but never pruned."""
        paths = self.table["path"].to_numpy()
        runs = [
            (self.sets[k].name, [*self.sets[k].rows, *rows])
            for k, rows in sorted(self.split.items())
        ]
        runs += [(str(paths[members[0]]), members) for members in self.scattered]
        rows = [(name, "\n".join(paths[members])) for name, members in runs]
        return pd.DataFrame(rows, columns=["run", "paths"], dtype=object)

    @cached_property
    def apart(self) -> pd.DataFrame:
        """Sets that are not compared, with the reason."""
        rows = [(each.name, "", each.problem) for each in self.sets if each.problem]
        rows += [(each.name, "", "cut short by limit or only_folders") for each in self.cut_short]
        return pd.DataFrame(rows, columns=["set", "other", "why"], dtype=object)


def _with_skipped(run: Workbench) -> pd.DataFrame:
    """Return the images of a run, followed by those it leaves out, known only by name.

    Otherwise a run of stages that continues among the left-out images would pass for a whole set.
    """
    shown = run.images[IMAGE_COLUMNS]
    skipped = sorted(
        other.path
        for other in run.others
        if other.reason in ("image outside only_folders", "image beyond limit")
    )
    if not skipped:
        return shown
    readings = [run.naming.read(path) for path in skipped]
    known = set(series.places(shown["folder"], shown["series"])) - {("", "")}
    rejoined = [series.rejoin(run.naming, path, known.__contains__) for path in skipped]
    told = [staged or reading for staged, reading in zip(rejoined, readings, strict=True)]
    more = pd.DataFrame(
        {
            "path": skipped,
            "folder": [os.path.dirname(path) for path in skipped],
            "stem": [formats.stem(os.path.basename(path)) for path in skipped],
            "series": ["" if each is None else each.id for each in rejoined],
            "stage": [each.stage for each in told],
            "level": [np.nan if each.level is None else each.level for each in told],
            "stamp": [each.stamp.isoformat() if each.stamp else "" for each in readings],
            "root": "",
            "status": "skipped",
        }
    )
    table = pd.concat([shown, more.astype(shown.dtypes)], ignore_index=True)
    for _, part in table[table["folder"].isin(set(more["folder"]))].groupby("folder"):
        inside = [os.path.basename(path) for path in part["path"]]
        parsed = [names.parse(name) for name in inside]
        for members in names.find_series(inside, parsed) if run.naming.reads_stages else ():
            stamp = parsed[members[0]].stamp
            if stamp is not None:
                table.loc[part.index[members], "series"] = names.series_id(stamp)
    return table


# ---------------------------------------------------------------- comparing


@dataclass
class Compared:
    """Pairs of sets, compared stage by stage.

    Attributes
    ----------
    matches : list of Match
        All pairs of sets that were compared.
    apart : list of (int, int, str)
        Pairs of similar sets that are not compared, with the reason.
    bound : float
        Cosine similarity down to which sets were compared tile by tile, inclusive.
    """

    found: Found
    embedder: str
    min_cosine: float
    bound: float
    matches: list[Match]
    apart: list[tuple[int, int, str]] = field(default_factory=list)

    def describe(self) -> str:
        """Return one line: how many pairs of sets were compared."""
        by_tile = sum(match.cosine >= self.bound for match in self.matches)
        reasons = Counter(why for _, _, why in self.apart)
        others = "".join(
            f"; {n:,} more similar pairs were not compared ({why})"
            for why, n in sorted(reasons.items())
        )
        return (
            f"compared {len(self.matches):,} pairs of sets of one line-up, {by_tile:,} of them "
            f"tile by tile (cosine of every stage at least {self.bound:g}){others}"
        )


def steps(compared: Compared) -> list[float]:
    """Return thresholds to compare, from the bound up to 1."""
    return [step for step in embeddings.steps(compared.bound) if step >= compared.bound]


def compare(
    found: Found,
    *,
    candidates: str = "embedding",
    embedder: str = "dct",
    min_cosine: float | None = None,
    cross_check_yaml: bool = True,
) -> Compared:
    """Compare similar sets with the same line-up, stage by stage.

    Parameters
    ----------
    found : Found
        The sets of a run.
    candidates : str
        How similar sets are found: `embedding`, `phash` or `clusters`.
    embedder : str
        Embedder that compares the stages.
    min_cosine : float, optional
        Smallest cosine similarity of every stage; the embedder's own by default. Sets are compared
        down to `ROOM` below it.
    cross_check_yaml : bool
        Also compare YAML companions and prompts in PNGs.
    """
    run = found.run
    near, loosest = run.embedder(embedder).thresholds(min_cosine, None)
    bound = round(max(near - ROOM, -1.0), 4)
    vectors, rows = run.embeddings(embedder)
    in_series = (run.catalogue["series"] != "").to_numpy()
    floor = max(loosest, bound)
    pairs = PROPOSERS[candidates](Images(run, in_series, vectors, rows, floor))
    i, j = pairs["i"].to_numpy(np.int64), pairs["j"].to_numpy(np.int64)
    matches, apart = [], []
    place = np.full(len(run.images), -1, np.int64)
    place[rows] = np.arange(len(rows))
    for a, b in sets.near_sets(found.sets, i, j):
        one, other = found.sets[a], found.sets[b]
        if one.problem or other.problem:
            continue  # the problem is already reported for each set
        if why := sets.why_apart(one, other):
            apart.append((a, b, why))
            continue
        cosines = index.cosines(vectors[:, :1], place[list(one.rows)], place[list(other.rows)])
        matches.append(Match(a, b, tuple(cosines.tolist()), (np.nan,) * len(cosines)))
    eyes = Eyes(found, cross_check_yaml)
    ticker = Ticker("compared sets:")
    for k, match in enumerate(matches):
        if match.cosine >= bound:
            matches[k] = eyes.look(match)
        ticker(k + 1, len(matches))
    return Compared(found, embedder, near, bound, matches, apart)


class Images(NamedTuple):
    """The input of functions that propose pairs of sets.

    Attributes
    ----------
    run : Workbench
        The current run.
    in_series : ndarray of bool, shape (n,)
        Which images of the catalogue belong to a series.
    vectors : ndarray of float32, shape (m, n_orientations, d)
        Embeddings of the readable images.
    rows : ndarray of int64, shape (m,)
        Row of the catalogue of each embedding.
    floor : float
        Smallest cosine similarity to search, inclusive.
    """

    run: Workbench
    in_series: NDArray[np.bool_]
    vectors: NDArray[np.float32]
    rows: NDArray[np.int64]
    floor: float


def _by_hash(images: Images) -> pd.DataFrame:
    hashes, rows = images.run.hashes("phash", 64)
    keep = images.in_series[rows]
    return phash.near_pairs(hashes[keep], PHASH_BITS, rows=rows[keep], engine=images.run.engine)[0]


def _by_clusters(images: Images) -> pd.DataFrame:
    labels = np.full(len(images.in_series), -1, np.int64)
    labels[images.rows] = clusters.Hierarchy(images.vectors[:, 0]).cut(TWO_SETS)
    labels[~images.in_series] = -1
    return clusters.pairs_within(labels)


def _by_embedding(images: Images) -> pd.DataFrame:
    keep = images.in_series[images.rows]
    vectors, rows = images.vectors[keep][:, :1], images.rows[keep]
    return index.near_pairs(vectors, images.floor, rows=rows, engine=images.run.engine)[0]


# Value of the parameter `candidates` -> function that proposes pairs of images, as catalogue rows.
PROPOSERS = {"embedding": _by_embedding, "phash": _by_hash, "clusters": _by_clusters}


class Eyes:
    """Compares two sets stage by stage: first tile by tile, then their prompts and YAML."""

    def __init__(self, found: Found, cross_check: bool) -> None:
        self.run, self.sets, self.cross_check = found.run, found.sets, cross_check
        self.paths: list[str] = list(found.table["path"])
        self.digests = list(found.run.catalogue["sha256"])
        self._told: dict[int, sidecars.Told] = {}
        self._folders: dict[str, FolderBundles] = {}

    def look(self, match: Match) -> Match:
        """Return a match with the share of each stage that differs, and the check of the texts."""
        pairs = list(zip(self.sets[match.a].rows, self.sets[match.b].rows, strict=True))
        areas, tones, problems = zip(*self._apart(pairs), strict=True)
        problem = next(filter(None, problems), "")
        told, why = self._compare_told(pairs) if self.cross_check else ("", "")
        return replace(match, areas=areas, tones=tones, problem=problem, told=told, told_why=why)

    def _apart(self, pairs: Sequence[tuple[int, int]]) -> list[tuple[float, float, str]]:
        """Return for each pair the share that differs locally, the difference in tone, or why not.

        The pictures are compared in watched processes; where that fails, both are not a number.
        """
        jpegs = [[self.run.thumbnail(self.paths[row]) for row in pair] for pair in pairs]
        todo = {
            k: Item({}, [one, other])
            for k, ((a, b), (one, other)) in enumerate(zip(pairs, jpegs, strict=True))
            if one and other and self.digests[a] != self.digests[b]
        }
        results = self.run.engine.judge("same place", todo.values(), len(todo))
        looked = dict(zip(todo, results, strict=True))
        return [self._told_apart(a, b, looked.get(k)) for k, (a, b) in enumerate(pairs)]

    def _told_apart(
        self, a: int, b: int, result: Item | Failure | None
    ) -> tuple[float, float, str]:
        if self.digests[a] == self.digests[b]:
            return 0.0, 0.0, ""
        both = f"{self.paths[a]} and its counterpart"
        if result is None:
            return np.nan, np.nan, f"{both} have no thumbnails to compare"
        if isinstance(result, Failure):
            return np.nan, np.nan, f"{both} could not be compared: {result}"
        area, tone = result.facts.get("area"), result.facts.get("tone")
        if not isinstance(area, float) or not isinstance(tone, float):
            return np.nan, np.nan, f"{both} could not be compared: a thumbnail is damaged"
        return area, tone, ""

    def _compare_told(self, pairs: Sequence[tuple[int, int]]) -> tuple[str, str]:
        """Return the worst verdict of all stages; a difference is worse than an open question."""
        verdicts = [sidecars.compare(self.told(a), self.told(b)) for a, b in pairs]
        stages = [self.run.catalogue["stage"].iat[a] for a, _ in pairs]
        for worst in (sidecars.DIFFERS, sidecars.INCONCLUSIVE):
            for stage, (verdict, why) in zip(stages, verdicts, strict=True):
                if verdict == worst:
                    return worst, f"{stage}: {why}"
        return sidecars.SAME, ""

    def told(self, row: int) -> sidecars.Told:
        """Return what the YAML companion and the PNG text say about an image."""
        if row not in self._told:
            self._told[row] = self._read(self.paths[row])
        return self._told[row]

    def _read(self, path: str) -> sidecars.Told:
        folder, _, name = path.rpartition("/")
        try:
            if folder not in self._folders:
                self._folders[folder] = FolderBundles(_names(self.run.library / folder))
            yamls = [
                member
                for member in self._folders[folder].members(name)
                if formats.suffix(member) in sidecars.YAML_SUFFIXES
            ]
            image = files.read_file(os.fsencode(self.run.library / path))
            beside = self.run.library / folder / yamls[0] if yamls else None
            limit = yaml_files.MOST_BYTES
            companion = files.read_file(os.fsencode(beside), limit) if beside else None
        except (OSError, ValueError) as error:
            return sidecars.Told(problem=f"cannot be read: {error}")
        return sidecars.told(image, companion)


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]
