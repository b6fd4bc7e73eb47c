"""What is known of each photograph -> which pairs are two frames of one burst.

Frames of a burst look alike, often so much that their pixels pass as a copy, yet each may be the
one with the open eyes. Two photographs of one camera that were taken at different times within
seconds are two frames; so are two with equal times and different numbers. A copy that kept its
capture data has the time and the number of its original, one that lost it has none: neither is
affected. Pictures without a camera, such as renders and screenshots, are never frames of a burst,
unless their names say so, as those that phones give to bursts do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dedup_nb.groups.roles import Indices
from dedup_nb.library.names import plain_stem
from dedup_nb.library.naming.reading import Naming

SECONDS = 2.0  # default of the parameter `burst_seconds`
KIND = "burst"
# facts that a camera counts up for each picture; equal ones mean the same frame
COUNTERS = ("number", "counter")
# facts that differ between frames, and of which equal ones tell nothing
MARKS = ("sequence", "unique")
SCANNERS = re.compile(r"scan|perfection", re.I)
NUMBER = re.compile(r"\d+")
COVER = re.compile(r"[ _.-]?cover$", re.I)  # the frame that a phone shows for a burst
MOST_DIGITS = 18  # of a number that are compared
LEAST_DIGITS = 3  # of a number in a name; shorter ones count copies
MOST_APART = 100  # by which the numbers in the names of neighbouring frames differ
MOST_FRACTION = 6
LEAST_FRACTION = 2  # digits of a second that tell the frames of a burst apart
NAMED = "burst"  # in the names that phones and cameras give to frames of a burst
NAMING = Naming(("camera", "phone"))
EPOCH = datetime(2000, 1, 1)  # near enough that fractions of a second are exact


class Frame(NamedTuple):
    """One photograph, as far as its file says.

    Attributes
    ----------
    camera : str
        Make and model; "" if only its name makes it a frame.
    time : int or None
        Naive local time in whole seconds.
    fraction : str
        Digits of the second after the point, "" if not known.
    offset : int or None
        Seconds by which the local time is ahead of UTC.
    facts : mapping of str -> str
        `serial`, `burst`, `number`, `counter`, `sequence`, `unique`, as far as they are known.
    name : str
        Stem of the file without what programs add to copies.
    place : (str, int) or None
        What its name says: the burst and the place in it; None if it is not the name of a frame.
    size : tuple of int
        Its sides in pixels, the shorter first; cameras give smaller copies of a picture a number
        of their own, so numbers in names count only between pictures of one size.
    """

    camera: str
    time: int | None
    fraction: str
    offset: int | None
    facts: Mapping[str, str]
    name: str
    place: tuple[str, int] | None
    size: tuple[int, ...]

    @property
    def utc(self) -> int | None:
        """Whole seconds in UTC; None if the offset is not known."""
        if self.time is None or self.offset is None:
            return None
        return self.time - self.offset


class Bursts:
    """Tells which images are different frames of one burst.

    Parameters
    ----------
    facts : sequence of sequence of str
        What the file of each image says as `name=value`; see `contents.Contents.frame`. Empty for
        an image that is no photograph.
    stems : sequence of str
        Stem of the file name of each image.
    sizes : sequence of (int, int)
        Width and height of each image.
    digests : sequence of str
        Its content; images of one content are one frame.
    seconds : float
        Largest gap between two frames that follow each other, inclusive; 0 finds no bursts.
    """

    def __init__(
        self,
        facts: Sequence[Sequence[str]],
        stems: Sequence[str],
        sizes: Sequence[tuple[int, int]],
        digests: Sequence[str],
        seconds: float = SECONDS,
    ) -> None:
        self.digests = digests
        self.frames: dict[int, Frame] = {}
        if seconds > 0:
            rows = enumerate(zip(facts, stems, sizes, strict=True))
            self.frames = {k: made for k, row in rows if (made := _frame(*row))}
        local = {k: f.time + _second(f) for k, f in self.frames.items() if f.time is not None}
        utc = {k: f.utc + _second(f) for k, f in self.frames.items() if f.utc is not None}
        cameras = [self.frames[k].camera if k in self.frames else "" for k in range(len(facts))]
        self._runs, self._runs_in_utc = (
            _runs(cameras, times, len(facts), seconds) for times in (local, utc)
        )
        self._named = _numbered([self._burst_of(k) for k in range(len(facts))])
        timeless = [
            camera if k in self.frames and self.frames[k].time is None else ""
            for k, camera in enumerate(cameras)
        ]
        places = [self._place_of(k) for k in range(len(facts))]
        labels = (self._runs, self._runs_in_utc, self._named, *map(_numbered, (timeless, places)))
        self._labels = [label for label in labels if (label >= 0).any()]

    def _burst_of(self, row: int) -> str:
        frame = self.frames.get(row)
        burst = frame.facts.get("burst", "") if frame else ""
        return f"{frame.camera} {burst}" if frame and burst else ""

    def _place_of(self, row: int) -> str:
        frame = self.frames.get(row)
        return frame.place[0] if frame and frame.place else ""

    def apart(self, a: Indices, b: Indices) -> NDArray[np.bool_]:
        """Return which images of `a` and `b` are two frames of one burst, pair by pair.

        Parameters
        ----------
        a, b : ndarray of int64, shape (n,)
            Rows of the images.

        Returns
        -------
        ndarray of bool, shape (n,)
        """
        may = np.zeros(len(a), np.bool_)
        if not self.frames:
            return may
        for label in self._labels:
            may |= (label[a] >= 0) & (label[a] == label[b])
        for k in np.flatnonzero(may).tolist():
            may[k] = bool(self.why(int(a[k]), int(b[k])))
        return may

    def why(self, a: int, b: int) -> str:
        """Return why two images are frames of one burst, or "".

        Examples
        --------
        `frames of one burst: taken 0.3 s apart`,
        `frames of one burst: taken at one time, numbered 1234 and 1235`
        """
        one, other = self.frames.get(a), self.frames.get(b)
        if one is None or other is None or a == b or self.digests[a] == self.digests[b]:
            return ""
        if one.camera and other.camera and one.camera != other.camera:
            return ""
        if one.place and other.place and one.place[0] == other.place[0]:
            places = sorted((one.place[1], other.place[1]))
            if places[0] != places[1]:
                return f"frames of one burst: numbers {places[0]} and {places[1]} in their names"
        if not one.camera or one.camera != other.camera or _differ(one, other, "serial"):
            return ""
        if (one.time is None) != (other.time is None):
            return ""
        gap = _gap(one, other)
        if gap:
            return f"frames of one burst: taken {gap:g} s apart" if self._are_one(a, b) else ""
        numbers = _numbers(one, other, by_name=gap is not None)
        if numbers is None:
            return ""
        first, second = sorted(numbers, key=lambda number: (len(number), number))
        return f"frames of one burst: taken at one time, numbered {first} and {second}"

    def _are_one(self, a: int, b: int) -> bool:
        """Return whether two frames of different times are of one burst."""
        in_utc = self.frames[a].utc is not None and self.frames[b].utc is not None
        labels = self._runs_in_utc if in_utc else self._runs, self._named
        return any(int(label[a]) == int(label[b]) >= 0 for label in labels)


# ---------------------------------------------------------------- reading facts


def _frame(facts: Sequence[str], stem: str, size: tuple[int, int]) -> Frame | None:
    if not facts and NAMED not in stem.casefold():
        return None
    known = dict(fact.split("=", 1) for fact in facts if "=" in fact)
    camera = " ".join(known.pop("camera", "").casefold().split())
    place = _place(stem) if NAMED in stem.casefold() else None
    if SCANNERS.search(camera) or known.pop("source", "") == "scanner":
        return None
    if not camera and place is None:
        return None
    whole, _, fraction = known.pop("time", "").partition(".")
    time = _seconds(whole)
    offset = _offset(known.pop("offset", ""))
    informative = fraction.isdecimal() and fraction.strip("0")
    name = COVER.sub("", plain_stem(COVER.sub("", stem)))
    sides = tuple(sorted(size))
    known_fraction = fraction if informative else ""
    return Frame(camera, time, known_fraction, offset, known, name, place, sides)


def _place(stem: str) -> tuple[str, int] | None:
    """Return the burst and the place in it that a name tells."""
    read = NAMING.read(f"{plain_stem(stem)}.jpg")
    return (read.burst, read.sequence) if read.burst and read.sequence is not None else None


def _seconds(text: str) -> int | None:
    try:
        return int((datetime.fromisoformat(text) - EPOCH) / timedelta(seconds=1))
    except (ValueError, TypeError):
        return None


def _offset(text: str) -> int | None:
    match = re.fullmatch(r"([+-])(\d\d):?(\d\d)", text.strip())
    if text.strip() == "Z":
        return 0
    if not match:
        return None
    sign, hours, minutes = match.groups()
    return (-1 if sign == "-" else 1) * (3600 * int(hours) + 60 * int(minutes))


def _second(frame: Frame) -> float:
    return float(f"0.{frame.fraction}") if frame.fraction else 0.0


# ---------------------------------------------------------------- runs of frames


def _numbered(labels: Sequence[str]) -> Indices:
    """Number equal labels; -1 for an empty one."""
    numbers: dict[str, int] = {}
    made = np.full(len(labels), -1, np.int64)
    for k, label in enumerate(labels):
        if label:
            made[k] = numbers.setdefault(label, len(numbers))
    return made


def _runs(cameras: Sequence[str], times: Mapping[int, float], n: int, seconds: float) -> Indices:
    """Number the runs of photographs of one camera that follow each other within `seconds`."""
    made = np.full(n, -1, np.int64)
    for number, run in enumerate(_each_run(cameras, times, seconds)):
        made[run] = number
    return made


def _each_run(
    cameras: Sequence[str], times: Mapping[int, float], seconds: float
) -> Iterator[list[int]]:
    run: list[int] = []
    for k in sorted(times, key=lambda k: (cameras[k], times[k], k)):
        if run and (cameras[run[-1]] != cameras[k] or _beyond(times[k] - times[run[-1]], seconds)):
            yield run
            run = []
        run.append(k)
    if run:
        yield run


def _beyond(gap: float, seconds: float) -> bool:
    return round(gap, 6) > seconds


# ---------------------------------------------------------------- comparing two frames


def _gap(one: Frame, other: Frame) -> float | None:
    """Return the seconds between two frames, as exactly as both are known; None if unknown.

    A time whose fraction was lost equals every time of its second. Where both offsets are known,
    the times are compared in UTC.
    """
    if one.time is None or other.time is None:
        return None
    whole = one.time - other.time
    if one.utc is not None and other.utc is not None:
        whole = one.utc - other.utc
    digits = min(len(one.fraction), len(other.fraction), MOST_FRACTION)
    parts = [int(frame.fraction[:digits] or 0) for frame in (one, other)]
    gap: float = abs(whole * 10**digits + parts[0] - parts[1]) / 10**digits
    return gap


def _differ(one: Frame, other: Frame, fact: str) -> bool:
    a, b = one.facts.get(fact, ""), other.facts.get(fact, "")
    return bool(a and b) and a != b


def _numbers(one: Frame, other: Frame, *, by_name: bool) -> tuple[str, str] | None:
    """Return the numbers that tell two frames of one time apart; None if nothing does."""
    for fact in COUNTERS:
        if _differ(one, other, fact):
            return one.facts[fact], other.facts[fact]
    if any(one.facts.get(fact, "") == other.facts.get(fact) for fact in COUNTERS):
        return None  # the camera's own count: the same frame
    for fact in MARKS:
        if _differ(one, other, fact):
            return one.facts[fact], other.facts[fact]
    exact = one.fraction == other.fraction and len(one.fraction) >= LEAST_FRACTION
    by_name &= one.size == other.size and not exact
    return _names(one.name, other.name) if by_name else None


def _names(one: str, other: str) -> tuple[str, str] | None:
    """Return the numbers by which two names of one pattern differ, as IMG_1234 and IMG_1235.

    The numbers have as many digits, at least `LEAST_DIGITS`, and are near each other.
    """
    if NUMBER.sub("#", one).casefold() != NUMBER.sub("#", other).casefold():
        return None
    groups = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    apart = [(a, b) for a, b in groups if a != b]
    if not apart or any(len(a) != len(b) or len(a) < LEAST_DIGITS for a, b in apart):
        return None
    steps = {int(a[-MOST_DIGITS:]) - int(b[-MOST_DIGITS:]) for a, b in apart}
    alike = all(a[:-MOST_DIGITS] == b[:-MOST_DIGITS] for a, b in apart)
    return apart[0] if alike and len(steps) == 1 and abs(steps.pop()) <= MOST_APART else None
