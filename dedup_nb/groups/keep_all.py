"""How photographs were taken -> the sets of which all frames are kept.

The frames of an exposure bracket or a focus stack look alike, but each is needed: they are merged
into one picture. Such a set is a run of frames of one camera that follow each other within seconds
and differ in exposure or in the distance of the focus. Copies of a frame have its settings, so they
are the same frame and may go.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dedup_nb.groups.roles import Indices

BRACKET, STACK, HDR = "exposure bracket", "focus stack", "HDR picture and its original"
GAP_S = 3.0  # largest gap between two frames, beyond their exposure
MARKED_GAP_S = 10.0  # if the camera marked both as bracketed
AUTOMATIC_BRACKET = "2"  # EXIF ExposureMode
LEAST_STEPS = 0.6  # exposure values by which frames of a bracket differ, without a mark of it
LEAST_BIAS = 0.3  # steps of exposure bias
LEAST_STACK, LEAST_FOCUS = 3, 1.05  # frames of a focus stack; ratio of farthest to nearest
HDR_WORDS = ("3", "4", "2")  # CustomRendered of Apple: an HDR picture; its original; one of both
PARTS = 10  # of a shot; see `Contents.shot`


class Frame(NamedTuple):
    """One photograph: when it was taken, in seconds, by which camera, and how."""

    time: float
    camera: str
    mode: str
    bias: float
    seconds: float
    aperture: float
    iso: float
    distance: float
    rendered: str

    @property
    def settings(self) -> tuple[str, ...]:
        """What distinguishes the frames of a set; rounded, as programs round when they copy it."""
        numbers = (self.bias, self.seconds, self.aperture, self.iso)
        return (self.rendered, f"{self.distance:.3g}", *(f"{value:.2g}" for value in numbers))

    @property
    def exposure(self) -> float:
        """Exposure in steps, larger for a brighter picture; nan if the time is not known."""
        if not self.seconds > 0:
            return math.nan
        iso = self.iso if self.iso > 0 else 100.0
        aperture = self.aperture if self.aperture > 0 else 1.0
        return math.log2(self.seconds * iso / aperture**2)


class KeepAll(NamedTuple):
    """The sets of which all frames are kept.

    Attributes
    ----------
    sets : ndarray of int64, shape (n,)
        Number of the set of each image; -1 for none.
    frames : ndarray of int64, shape (n,)
        Number of the frame inside its set; copies of a frame have its number.
    kinds : tuple of str
        What each set is, by its number.
    """

    sets: Indices
    frames: Indices
    kinds: tuple[str, ...] = ()

    def apart(self, a: Indices, b: Indices) -> NDArray[np.bool_]:
        """Return which images of `a` and `b` are two frames of one set, pair by pair.

        Parameters
        ----------
        a, b : ndarray of int64, shape (n,)
            Rows of the images.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        one = (self.sets[a] >= 0) & (self.sets[a] == self.sets[b])
        return np.asarray(one & (self.frames[a] != self.frames[b]), np.bool_)

    def reason(self, row: int) -> str:
        """Return why an image is kept beside another frame of its set."""
        kind = self.kinds[int(self.sets[row])]
        what = kind if kind == HDR else f"frames of one {kind}"
        return f"{what}: all are kept"


def nothing(n: int) -> KeepAll:
    """Return the result for images without any such set."""
    return KeepAll(np.full(n, -1, np.int64), np.full(n, -1, np.int64))


def find(shots: Sequence[Sequence[str]]) -> KeepAll:
    """Return the sets among photographs.

    Parameters
    ----------
    shots : sequence of sequence of str
        How each image was taken: time, camera, exposure mode, bias in steps, exposure time in s,
        f-number, ISO, focal length in mm, subject distance in m, custom rendering; "" for a missing
        value. Empty for an image without these facts.
    """
    made = nothing(len(shots))
    frames = {row: frame for row, shot in enumerate(shots) if (frame := _frame(shot))}
    kinds: list[str] = []
    for run in _runs(frames):
        if kind := _kind([frames[row] for row in run]):
            numbers: dict[tuple[str, ...], int] = {}
            for row in run:
                made.sets[row] = len(kinds)
                made.frames[row] = numbers.setdefault(frames[row].settings, len(numbers))
            kinds.append(kind)
    return made._replace(kinds=tuple(kinds))


def _frame(shot: Sequence[str]) -> Frame | None:
    if len(shot) < PARTS:
        return None
    time, camera, mode, bias, seconds, aperture, iso, _, distance, rendered = shot[:PARTS]
    whole, _, fraction = time.partition(".")
    try:
        moment = datetime.fromisoformat(whole) - datetime(1, 1, 1)
        stamp = moment / timedelta(seconds=1) + float(f"0.{fraction or 0}")
        steps, exposed, stop, speed, far = (
            float(value or "nan") for value in (bias, seconds, aperture, iso, distance)
        )
    except ValueError:
        return None
    return Frame(stamp, camera, mode, steps, exposed, stop, speed, far, rendered)


def _runs(frames: dict[int, Frame]) -> Iterator[list[int]]:
    """Yield the rows of photographs of one camera that follow each other within seconds."""
    order = sorted(frames, key=lambda row: (frames[row].camera, frames[row].time, row))
    run: list[int] = []
    for row in order:
        if run and not _follows(frames[run[-1]], frames[row]):
            if len(run) > 1:
                yield run
            run = []
        run.append(row)
    if len(run) > 1:
        yield run


def _follows(one: Frame, other: Frame) -> bool:
    marked = one.mode == other.mode == AUTOMATIC_BRACKET
    exposed = max((s for s in (one.seconds, other.seconds) if s > 0), default=0.0)
    most = (MARKED_GAP_S if marked else GAP_S) + exposed
    return one.camera == other.camera and other.time - one.time <= most


def _kind(frames: Sequence[Frame]) -> str:
    """Return what a run of photographs is, or "" if it is no set of which all are kept."""
    if len({frame.settings for frame in frames}) < 2:
        return ""
    if len({frame.rendered for frame in frames} & set(HDR_WORDS)) > 1:
        return HDR
    biases = {frame.bias for frame in frames if not math.isnan(frame.bias)}
    exposures = [frame.exposure for frame in frames if not math.isnan(frame.exposure)]
    spread = max(exposures) - min(exposures) if exposures else 0.0
    if (biases and max(biases) - min(biases) >= LEAST_BIAS) or spread >= LEAST_STEPS:
        return BRACKET
    return STACK if _is_stack(frames) else ""


def _is_stack(frames: Sequence[Frame]) -> bool:
    """Return whether the focus moves one way through a run, as no autofocus does."""
    each = (frame.distance for frame in frames if frame.distance > 0)
    distances = [distance for distance, _ in itertools.groupby(each)]  # copies follow each other
    rising = distances == sorted(distances) or distances[::-1] == sorted(distances)
    if len(distances) < LEAST_STACK or not rising:
        return False
    return max(distances) / min(distances) >= LEAST_FOCUS
