"""Stamps -> clusters of images of one class that follow each other within some seconds.

Only images of the same class (the full stage name) are clustered together. Times are whole
microseconds of naive local time, so that a window is exact across midnight and the end of a year.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MODES = ("chain", "anchored")
NO_STAMP = np.iinfo(np.int64).min
BRACKET_GAP_S = 3  # largest gap between two frames of an exposure bracket, inclusive
EPOCH = datetime(1970, 1, 1)

Indices = NDArray[np.int64]


def microseconds(stamps: Sequence[datetime | None]) -> Indices:
    """Convert naive times to whole microseconds, `NO_STAMP` for None; no time zone is applied.

    Returns
    -------
    ndarray of int64, shape (n,)
        Microseconds since 1970.
    """
    step = timedelta(microseconds=1)
    times = [NO_STAMP if stamp is None else (stamp - EPOCH) // step for stamp in stamps]
    return np.array(times, np.int64)


class Windows:
    """Images sorted by class and time, quickly cut into clusters at any number of seconds.

    Parameters
    ----------
    stamps_us : ndarray of int64, shape (n,)
        As returned by `microseconds`; images with `NO_STAMP` are left out.
    classes : sequence of str, length n
        Only images of the same class are clustered together.
    mode : str
        `chain`: each image is within the window of the previous one. `anchored`: each image is
        within the window of the first; the next image after that starts a new cluster.
    brackets : ndarray of int64, shape (n,), optional
        Images with the same number (0 or more) stay together for any window; -1 means no bracket.

    Raises
    ------
    ValueError
        If the mode is unknown.
    """

    def __init__(
        self,
        stamps_us: Indices,
        classes: Sequence[str],
        mode: str = "chain",
        brackets: Indices | None = None,
    ) -> None:
        if mode not in MODES:
            raise ValueError(f"mode is {mode}; choose one of {', '.join(MODES)}")
        self.mode, self.stamps_us = mode, stamps_us
        codes, _ = pd.factorize(np.asarray(classes, object))
        order = np.lexsort((stamps_us, codes))
        self.order: Indices = order[stamps_us[order] != NO_STAMP]
        self.codes: Indices = codes[self.order].astype(np.int64)
        self.times: Indices = stamps_us[self.order]
        none = np.full(len(stamps_us), -1, np.int64)
        self.brackets: Indices = (none if brackets is None else brackets)[self.order]

    @property
    def gaps(self) -> pd.DataFrame:
        """Each image and the next one of its class, as `i < j` and `gap_s`, in order of time."""
        before, after = self.order[:-1], self.order[1:]
        same = self.codes[:-1] == self.codes[1:]
        return pd.DataFrame(
            {
                "i": np.minimum(before, after)[same],
                "j": np.maximum(before, after)[same],
                "gap_s": np.diff(self.times)[same] / 1e6,
            }
        )

    def clusters(self, seconds: float) -> Indices:
        """Return the cluster of each image, named by its smallest row; -1 for a single image.

        Parameters
        ----------
        seconds : float
            Window in seconds, inclusive.
        """
        labels: Indices = np.full(len(self.stamps_us), -1, np.int64)
        starts, sizes = self._runs(seconds)
        if len(starts):
            names = np.minimum.reduceat(self.order, starts)
            labels[self.order] = np.repeat(np.where(sizes > 1, names, -1), sizes)
        return labels

    def extents(self, seconds: float) -> pd.DataFrame:
        """Return one row for each cluster: number of `images`, `first_us` and `last_us`."""
        starts, sizes = self._runs(seconds)
        starts, sizes = starts[sizes > 1], sizes[sizes > 1]
        return pd.DataFrame(
            {
                "images": sizes,
                "first_us": self.times[starts],
                "last_us": self.times[starts + sizes - 1],
            }
        )

    def _runs(self, seconds: float) -> tuple[Indices, Indices]:
        """Return the start and size of each cluster in order of time, including single images."""
        from dedup_nb.finders import time_loop

        first = np.zeros(len(self.order), np.int64)
        window_us, anchored = round(seconds * 1e6), self.mode == "anchored"
        time_loop.cut(self.times, self.codes, self.brackets, window_us, anchored, first)
        starts, sizes = np.unique(first, return_counts=True)
        return starts, sizes.astype(np.int64)

    def span_s(self, rows: Sequence[int]) -> float:
        """Return the time in seconds from the first to the last of some images."""
        times = self.stamps_us[list(rows)]
        return float(times.max() - times.min()) / 1e6

    def between(self, a: Indices, b: Indices) -> NDArray[np.float64]:
        """Return the time in seconds between images `a` and `b`, pair by pair.

        Parameters
        ----------
        a, b : ndarray of int64, shape (n,)
            Positions of the images.

        Returns
        -------
        ndarray of float64, shape (n,)
            Seconds, 0 or more.
        """
        apart: NDArray[np.float64] = np.abs(self.stamps_us[a] - self.stamps_us[b]) / 1e6
        return apart


def brackets(
    stamps_us: Indices,
    folders: Sequence[str],
    automatic: NDArray[np.bool_],
    biases: NDArray[np.float64],
) -> Indices:
    """Return the exposure bracket of each image as a number from 0 up; -1 for none.

    A bracket is a run of at least two frames in one folder that the camera marked as bracketed,
    each within `BRACKET_GAP_S` of the previous one, and all with different exposure biases.

    Parameters
    ----------
    stamps_us : ndarray of int64, shape (n,)
    folders : sequence of str, length n
    automatic : ndarray of bool, shape (n,)
        EXIF ExposureMode 2.
    biases : ndarray of float64, shape (n,)
        EXIF ExposureBiasValue in steps; nan where there is none.
    """
    numbers: Indices = np.full(len(stamps_us), -1, np.int64)
    codes, _ = pd.factorize(np.asarray(folders, object))
    ready = np.flatnonzero(automatic & (stamps_us != NO_STAMP) & ~np.isnan(biases))
    runs: list[list[int]] = []
    for k in ready[np.lexsort((stamps_us[ready], codes[ready]))].tolist():
        last = runs[-1][-1] if runs else k
        near = codes[last] == codes[k] and stamps_us[k] - stamps_us[last] <= BRACKET_GAP_S * 10**6
        if runs and near and biases[k] not in [biases[m] for m in runs[-1]]:
            runs[-1].append(k)
        else:
            runs.append([k])
    for number, run in enumerate(run for run in runs if len(run) > 1):
        numbers[run] = number
    return numbers
