"""A run's timestamps -> clusters in time, for `20_time_window`."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb import groups, report
from dedup_nb.finders import phash, time_window
from dedup_nb.finders.time_window import Windows
from dedup_nb.groups.clusters import ClusterCandidates
from dedup_nb.groups.pairs import bound_of
from dedup_nb.library import names, tables
from dedup_nb.library.naming.reading import AUTO, Reading
from dedup_nb.library.quantities import count
from dedup_nb.session.workbench import Workbench

NO_STAGE = "no stage"
SOURCES = {
    "local": "their file name",
    "UTC": "their file name as UTC",
    "exif": "their EXIF data",
}
WIDE_S = 31
SHOWN_S = 120  # larger gaps are not drawn, as no window reaches them


class Stamps:
    """When each image of a run was made, and which images are excluded.

    Parameters
    ----------
    run : Workbench
        The current run.
    source : str
        `name`: the time in the file name; `exif`: the time of exposure; `auto`: the time in the
        file name if it has one, else the time of exposure.
    stageless : bool
        Whether images without a stage take part, as a class of their own.

    Attributes
    ----------
    times_us : ndarray of int64
        One per image of the catalogue; see `time_window.microseconds`.
    classes : list of str
        Full stage names; "no stage" if the file name has none.
    clocks : list of str
        What each time is: `local` or `UTC` from a file name, `exif`, or "" for none. Times of two
        clocks are never compared.
    why_not : list of str
        Why an image is excluded, or "".
    brackets : ndarray of int64
        Exposure bracket of each image, from EXIF; -1 for none.
    bursts : ndarray of int64
        Burst of each image, from the sequence number in its name; -1 for none.
    """

    def __init__(self, run: Workbench, source: str = AUTO, stageless: bool = True) -> None:
        self.source, self.stageless, table = source, stageless, run.catalogue
        self.paths = list(table["path"])
        self.classes = [stage or NO_STAGE for stage in table["stage"]]
        exposures = [run.exposure(digest) for digest in table["sha256"]]
        exposed = [names.exif_stamp(exposure) for exposure in exposures]
        readings = [run.naming.read(path) for path in self.paths]
        read = [self._chosen(*each) for each in zip(readings, exposed, strict=True)]
        self.why_not = [
            self._why_not(problem, stage, status)
            for (_, problem, _), stage, status in zip(
                read, self.classes, table["status"], strict=True
            )
        ]
        out = [bool(why) for why in self.why_not]
        self.clocks = ["" if no else clock for (_, _, clock), no in zip(read, out, strict=True)]
        taking_part = [None if no else stamp for (stamp, _, _), no in zip(read, out, strict=True)]
        self.times_us = time_window.microseconds(taking_part)
        self.brackets = _none(len(table))
        if source != "name":
            us = [None if no else stamp for (stamp, _), no in zip(exposed, out, strict=True)]
            self.brackets = _brackets(self.paths, time_window.microseconds(us), exposures)
        self.bursts = _bursts(self.paths, readings, self.clocks)

    def _chosen(
        self, reading: Reading, exposed: tuple[datetime | None, str]
    ) -> tuple[datetime | None, str, str]:
        """Return the stamp of an image, why there is none, and its clock."""
        named = reading.stamp, reading.stamp_problem, reading.clock
        if self.source == "name" or (self.source == AUTO and reading.stamp is not None):
            return named
        stamp, problem = exposed
        if self.source == AUTO and stamp is None and reading.stamp_problem != "absent":
            return named
        return stamp, problem, "exif"

    def _why_not(self, problem: str, stage: str, status: str) -> str:
        if status != "ok":
            return "not readable"
        if problem:
            return f"stamp {problem}"
        return NO_STAGE if stage == NO_STAGE and not self.stageless else ""

    @property
    def kinds(self) -> list[str]:
        """What is compared: stage and clock of each image."""
        clocks = (clock or "local" for clock in self.clocks)
        return [f"{stage}|{clock}" for stage, clock in zip(self.classes, clocks, strict=True)]

    @property
    def together(self) -> NDArray[np.int64]:
        """The bracket or the burst of each image, as one number; -1 for neither."""
        return np.where(
            self.bursts >= 0, self.bursts + self.brackets.max(initial=-1) + 1, self.brackets
        )

    def describe(self) -> str:
        """Return one line: how many images have a timestamp, and how many are excluded."""
        out = sum(bool(why) for why in self.why_not)
        counts = Counter(SOURCES[clock] for clock in self.clocks if clock)
        by_source = [f"{n:,} in {source}" for source, n in counts.items()]
        sources = (
            " and ".join(by_source)
            if len(by_source) > 1
            else "".join(f"in {source}" for source in counts or (SOURCES["local"],))
        )
        classes = {c for c, why in zip(self.classes, self.why_not, strict=True) if not why}
        stages = [count(len(classes - {NO_STAGE}), "stage")] if classes != {NO_STAGE} else []
        return (
            f"{count(len(self.paths) - out, 'image')} with a timestamp, {sources}, in "
            f"{' and '.join([*stages, *(('no stage',) if NO_STAGE in classes else ())])}; "
            f"{count(out, 'image')} excluded"
        )

    @property
    def excluded(self) -> pd.DataFrame:
        """Number of excluded images by reason, each with an example."""
        every = self.excluded_list
        counted = every.groupby("reason", sort=True)["path"].agg(["size", "first"]).reset_index()
        counted.columns = pd.Index(["reason", "images", "example"])
        counted["example"] = [tables.shown(path) for path in counted["example"]]
        return counted

    @property
    def excluded_list(self) -> pd.DataFrame:
        """Every excluded image with the reason."""
        rows = [(p, why) for p, why in zip(self.paths, self.why_not, strict=True) if why]
        return pd.DataFrame(rows, columns=["path", "reason"], dtype=object)


def _none(n: int) -> NDArray[np.int64]:
    return np.full(n, -1, np.int64)


def _brackets(
    paths: Sequence[str], times_us: NDArray[np.int64], exposures: Sequence[str]
) -> NDArray[np.int64]:
    parts = [[*exposure.split("|"), "", ""][1:3] for exposure in exposures]
    automatic = np.array([mode == "2" for mode, _ in parts], bool)
    biases = np.array([float(bias or "nan") for _, bias in parts], np.float64)
    folders = [os.path.dirname(path) for path in paths]
    return time_window.brackets(times_us, folders, automatic, biases)


def _bursts(
    paths: Sequence[str], readings: Sequence[Reading], clocks: Sequence[str]
) -> NDArray[np.int64]:
    """Number the bursts of at least two frames of one folder whose names differ by a number."""
    frames: dict[tuple[str, str], list[int]] = defaultdict(list)
    for k, (path, reading) in enumerate(zip(paths, readings, strict=True)):
        if reading.burst and clocks[k] == reading.clock:
            frames[os.path.dirname(path), reading.burst].append(k)
    numbers = _none(len(paths))
    bursts = (rows for rows in frames.values() if len({readings[k].sequence for k in rows}) > 1)
    for number, rows in enumerate(bursts):
        numbers[rows] = number
    return numbers


NO_TIMES = {
    "name": "No image has a usable time in its file name. Try `stamp_source: auto`, which also "
    "reads the time of exposure",
    "exif": "No image has a usable time of exposure. Try `stamp_source: auto`, which reads the "
    "time in file names first",
    AUTO: "No image has a usable time, neither in its file name nor in its EXIF data",
}


class Bursts(ClusterCandidates):
    """The time clusters of a run, for any number of seconds.

    Parameters
    ----------
    run, stamps
        The current run, and when its images were made.
    mode : str
        `chain` or `anchored`; see `time_window.Windows`.
    confirm_distance : int, optional
        Pairs inside a cluster whose 64-bit pHashes differ by at most this many bits are proposed
        for staging, except frames of one exposure bracket. None proposes nothing.
    """

    what = "images made within seconds of each other"

    def __init__(
        self,
        run: Workbench,
        stamps: Stamps,
        mode: str = "chain",
        confirm_distance: int | None = None,
    ) -> None:
        self.run, self.stamps, self.confirm_distance = run, stamps, confirm_distance
        self.windows = Windows(stamps.times_us, stamps.kinds, mode, stamps.together)
        self.near = near = _confirming_pairs(run, stamps, confirm_distance)
        places = zip(near["i"], near["j"], strict=True)
        self.bits = dict(zip(places, near["hamming_bits"], strict=True))
        super().__init__(
            run.images,
            self.windows.gaps,
            self.windows.clusters,
            self.windows.between,
            self._confirmed,
            self._containers,
            **run.rules,
        )

        self.bound = bound_of(near)

    def _confirmed(self, threshold: float, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the keeper of each image among the pairs that the hash confirms."""
        if self.confirm_distance is None:
            return groups.nothing_confirmed(threshold, labels)
        first, second = labels[self.near["i"]], labels[self.near["j"]]
        inside = self.near[(first == second) & (first >= 0)]
        return self.checked(inside).accepted(self.confirm_distance)[0]

    def _containers(self, members: NDArray[np.int64], keepers: NDArray[np.int64]) -> list[str]:
        """Return which of two images near by hash shows the other inside itself, pair by pair."""
        ends = zip(members.tolist(), keepers.tolist(), strict=True)
        near = np.array([(min(pair), max(pair)) in self.bits for pair in ends], np.bool_)
        shows = np.full(len(members), "", object)
        shows[near] = self.checked(self.near).containers(members[near], keepers[near])
        found: list[str] = shows.tolist()
        return found

    def measured(self, cut: groups.Cut, k: int) -> str:
        """Return the seconds between an image and its keeper, and what the hash says."""
        keeper = int(cut.keepers[k])
        gap = groups.apart("gap_s", self.windows.span_s([k, keeper]))
        if self.is_confirmed(cut, k):
            bits = self.bits[min(k, keeper), max(k, keeper)]
            return f"{gap}, pHash {groups.apart('hamming_bits', bits)}"
        brackets = self.stamps.brackets
        if brackets[k] >= 0 and brackets[k] == brackets[keeper]:
            return f"{gap}, in one exposure bracket"
        if self.confirm_distance is None:
            return gap
        return f"{gap}, pHash more than {self.confirm_distance} bits apart"

    def describe(self, cut: groups.Cut, rows: Sequence[int]) -> str:
        """Return `9 s from 2025-07-05 21:52:18, stage2_upscaled`."""
        stage = self.run.catalogue["stage"].iat[rows[0]]
        first = _time(int(self.windows.stamps_us[list(rows)].min()))
        text = f"{self.windows.span_s(rows):g} s from {first}"
        frames = np.unique(self.stamps.bursts[list(rows)])
        burst = ", one burst by name" if len(frames) == 1 and frames[0] >= 0 else ""
        return f"{text}, {stage}{burst}" if stage else f"{text}{burst}"

    def empty(self, cut: groups.Cut) -> str:
        """Return what to do if there are no clusters."""
        if not any(self.stamps.clocks):
            return (
                f"{NO_TIMES[self.stamps.source]}; excluded.csv says why. If the names hold a time, "
                "add a pattern to `names`."
            )
        return (
            f"No two images of one stage were made within {cut.threshold:g} s of each other. Try a "
            "larger `seconds`; the first chart shows the gaps."
        )

    def further_tables(self, cut: groups.Cut) -> dict[str, pd.DataFrame]:
        """Return the tables of clusters and of excluded images."""
        return {
            "clusters": clusters(self.run, self.windows, cut.threshold),
            "excluded": self.stamps.excluded_list,
        }


def _confirming_pairs(run: Workbench, stamps: Stamps, distance: int | None) -> pd.DataFrame:
    if distance is None:
        return pd.DataFrame({"i": [], "j": [], "hamming_bits": []}, dtype=np.int64)
    hashes, rows = run.hashes("phash", 64)
    near, bound = phash.near_pairs(hashes, distance, rows=rows, engine=run.engine)
    if bound_of(near):  # thin the copies of one file only then: they may lie in many clusters
        near, bound = phash.near_pairs(
            hashes, distance, rows=rows, engine=run.engine, twins=run.twins
        )
    if bound < distance:
        raise ValueError(
            f"too many pairs lie within confirm_distance {distance}; set it to {bound} or less"
        )
    brackets = stamps.brackets
    first, second = brackets[near["i"]], brackets[near["j"]]
    return near[(first != second) | (first < 0)].reset_index(drop=True)


def _time(stamp_us: int) -> str:
    return (time_window.EPOCH + timedelta(microseconds=stamp_us)).isoformat(sep=" ")


def clusters(run: Workbench, windows: Windows, seconds: float) -> pd.DataFrame:
    """Return one row per cluster, largest first: images, span, first and last stamp, roots."""
    labels = windows.clusters(seconds)
    inside = np.flatnonzero(labels >= 0)
    table = run.catalogue
    frame = pd.DataFrame(
        {
            "label": labels[inside],
            "time": windows.stamps_us[inside],
            "stage": table["stage"].to_numpy()[inside],
            "root": table["root"].to_numpy()[inside],
        }
    )
    grouped = frame.groupby("label", sort=True)
    first, last = grouped["time"].min(), grouped["time"].max()
    made = pd.DataFrame(
        {
            "component_id": [groups.identifier("c", table["path"].iat[k]) for k in first.index],
            "images": grouped.size().to_numpy(),
            "span_s": (last - first).to_numpy() / 1e6,
            "first": [_time(int(time)) for time in first],
            "last": [_time(int(time)) for time in last],
            "stage": grouped["stage"].first().to_numpy(),
            "roots": [", ".join(sorted(set(roots))) for _, roots in grouped["root"]],
        }
    )
    return made.sort_values(
        ["images", "first", "component_id"], ascending=[False, True, True], ignore_index=True
    )


def by_window(made: Bursts, seconds: Sequence[float]) -> pd.DataFrame:
    """Return what each window would give: clusters, images in them, the largest, the longest."""
    rows = []
    for window in seconds:
        extents = made.windows.extents(window)
        spans = (extents["last_us"] - extents["first_us"]) / 1e6
        rows.append(
            {
                "seconds": window,
                "clusters": len(extents),
                "images in them": int(extents["images"].sum()),
                "largest": int(extents["images"].max()) if len(extents) else 0,
                "longest span (s)": float(spans.max()) if len(extents) else 0.0,
                "images to stage": made.cut(window).totals["images"],
            }
        )
    return pd.DataFrame(rows)


def step(seconds: float) -> float:
    """Return the step of a slider that can stand on a window: whole seconds, or tenths."""
    return 1 if float(seconds).is_integer() else 0.1


def chart(made: groups.Candidates, seconds: float) -> report.Chart:
    """Draw a histogram of the gaps between consecutive images of one stage."""
    gaps = made.pairs["gap_s"]
    top = max(60.0, min(SHOWN_S, 2 * seconds))
    return report.histogram(
        gaps[gaps <= top], seconds, "s", what="gap to the next image of the stage"
    )


def warning(seconds: float) -> str:
    """Return a warning if a window is too wide to separate bursts from sessions, else ''."""
    if seconds < WIDE_S:
        return ""
    return (
        f"a window of {seconds:g} s is wide: consecutive images of one stage are usually 31 to "
        f"34 s apart, so {WIDE_S} s or more chains whole sessions into one cluster. "
        f"Check the largest clusters, or stay below {WIDE_S} s."
    )
