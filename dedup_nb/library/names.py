"""File names -> stamps, stages, series.

The grammar is `YYYYMMDD_HHMMSS_<stage>`, for example `20250705_215218_stage1.5_face_swapped.png`.
Names that do not follow it have no stamp, no stage and no series.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from dedup_nb.library.formats import stem

STAMP = re.compile(r"(?<!\d)(\d{8})[_-](\d{6})(?!\d)")
SHORT_STAMP = re.compile(r"(?<!\d)\d{8}[_-]\d{4}(?!\d)")
STAGE = re.compile(r"(?<![A-Za-z0-9])stage(\d+(?:\.\d+)?)((?:_[A-Za-z]+)*)(?![A-Za-z0-9])")
# What programs add to the name of a copy: ` (1)`, `-copy18`, ` - Copy (2)`, `_c24`, `~2`.
WORDS_OF_COPIES = (
    "copy copie copia cópia kopie kopia kopi kópia kopio копия копія 副本 복사본 コピー のコピー"
).replace(" ", "|")
COPY = re.compile(
    rf"[ _-]?\(\d{{1,3}}\)"
    rf"|[ _]?[-–—_ ][ _]?(?:{WORDS_OF_COPIES})(?:[ _-]?\d{{1,3}}|[ _-]?\(\d{{1,3}}\))?"
    rf"|のコピー(?: ?\d{{1,3}})?"
    rf"|[ _]?\((?:another |\d+(?:st|nd|rd|th) )?(?:{WORDS_OF_COPIES})(?: \d{{1,3}})?\)"
    rf"|_c\d{{1,3}}|~\d{{0,3}}| \d{{1,2}}",
    re.IGNORECASE,
)
COPY_OF = re.compile(
    r"(?:copy(?: \(\d{1,3}\))? of|kopie von|copie de|copia de|cópia de|kopie|копия) ", re.IGNORECASE
)
COPY_WORDS = tuple(WORDS_OF_COPIES.split("|"))
ENDS = (")", "~")
LONGEST_SUFFIX = 24  # characters
SUFFIX_STARTS = frozenset(" _-–—(~の")
LOOK_AHEAD = 50  # number of later files in which the next stage of a series is searched


Member = tuple[datetime, float, str, int]  # stamp, level, name, position


class Name(NamedTuple):
    """Stamp and stage of a picture, from its file name."""

    stamp: datetime | None  # naive local time, as written
    stamp_problem: str  # why there is no stamp: "", "absent", "without seconds" or "invalid"
    stage: str  # the stage's full name, "stage1.5_face_swapped"; "" if there is none
    level: float | None  # the stage's number, 1.5


def parse(name: str) -> Name:
    """Parse the stamp and the stage of a file name.

    The stamp is read exactly: a date that does not exist (`20250231_...`) is `invalid`, and is
    never changed to another day.

    Examples
    --------
    >>> parse("20250705_215218_stage1.5_face_swapped.png").stage
    'stage1.5_face_swapped'
    >>> parse("20250231_000000_stage1.png").stamp_problem
    'invalid'
    """
    stamp, problem = _stamp(name)
    match = STAGE.search(plain_stem(stem(name)))
    if not match:
        return Name(stamp, problem, "", None)
    return Name(stamp, problem, match.group(0), float(match.group(1)))


def plain_stem(text: str) -> str:
    """Return a stem without what programs add to the names of copies.

    Examples
    --------
    >>> plain_stem("20250705_215218_stage2-copy18"), plain_stem("stage2 - Copy (3)")
    ('20250705_215218_stage2', 'stage2')
    """
    if match := COPY_OF.match(text):
        text = text[match.end() :]
    while (end := _copy_suffix(text)) and end.start() > 0:
        text = text[: end.start()]
    return text


def _copy_suffix(text: str) -> re.Match[str] | None:
    """Return the longest copy suffix at the end of a stem."""
    if text[-1:] not in ENDS and not text[-1:].isdigit() and not text.lower().endswith(COPY_WORDS):
        return None
    for start in range(max(1, len(text) - LONGEST_SUFFIX), len(text)):
        if text[start] in SUFFIX_STARTS and (match := COPY.fullmatch(text, start)):
            return match
    return None


def is_copy(name: str) -> bool:
    """Return whether a file name is that of a copy: `stage2 (1).png`, `stage2-copy18.tiff`."""
    return plain_stem(stem(name)) != stem(name)


def level(stage: str) -> float | None:
    """Return the number in a full stage name: 1.5 for `stage1.5_face_swapped`, None for ""."""
    match = STAGE.search(stage)
    return float(match.group(1)) if match else None


def _stamp(name: str) -> tuple[datetime | None, str]:
    match = STAMP.search(name)
    if not match:
        return None, "without seconds" if SHORT_STAMP.search(name) else "absent"
    day, time = match.groups()
    parts = (day[:4], day[4:6], day[6:], time[:2], time[2:4], time[4:])
    try:
        return datetime(*map(int, parts)), ""  # type: ignore[arg-type]
    except ValueError:
        return None, "invalid"


def exif_stamp(exposure: str) -> tuple[datetime | None, str]:
    """Parse the time of exposure from `images.exposure`; return it, or why there is none.

    Naive local time, with the camera's fractions of a second in microseconds.

    Examples
    --------
    >>> exif_stamp("2025:07:20 15:13:14.25||")[0]
    datetime.datetime(2025, 7, 20, 15, 13, 14, 250000)
    >>> exif_stamp("0000:00:00 00:00:00||")
    (None, 'invalid')
    """
    text, _, fraction = exposure.partition("|")[0].partition(".")
    if not text.strip(" :"):
        return None, "absent"
    if re.fullmatch(r"\d{4}:\d\d:\d\d \d\d:\d\d", text):
        return None, "without seconds"
    try:
        stamp = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None, "invalid"
    microseconds = f"{fraction:0<6}"[:6] if fraction.isdecimal() else "0"
    return stamp.replace(microsecond=int(microseconds)), ""


def series_id(stamp: datetime) -> str:
    """Return the id of a series, the stamp of its first member: `20250705_215218`."""
    return stamp.strftime("%Y%m%d_%H%M%S")


def find_series(names: Sequence[str], parsed: Sequence[Name] | None = None) -> list[list[int]]:
    """Find the series among the file names of one folder by the nearest-up rule.

    The names are sorted by stamp, stage and name. A series may start at any of them. Its next
    member is the smallest higher stage among the following names; an equal or lower stage ends the
    run. There is no time limit, since each stage has its own later stamp.

    A name with the suffix of a copy takes no place that a plain name can take: it is left out if
    the stage that it copies is there, and where two names of one stage compete, the plain one is
    taken.

    Parameters
    ----------
    names : sequence of str
        File names of one folder, in any order.
    parsed : sequence of Name, optional
        Results of `parse`, if already known.

    Returns
    -------
    list of list of int
        Positions in `names`, one list for each series in stage order, with at least two members.

    Examples
    --------
    >>> find_series(["20250101_000000_stage1.png", "20250101_000040_stage2_upscaled.png"])
    [[0, 1]]
    """
    parsed = parsed or [parse(name) for name in names]
    members = _without_copies(
        sorted(
            (entry.stamp, entry.level, names[position], position)
            for position, entry in enumerate(parsed)
            if entry.stamp is not None and entry.level is not None
        )
    )
    levels = [level for _, level, _, _ in members]
    copies = [is_copy(name) for _, _, name, _ in members]
    used = [False] * len(members)
    series = []
    for start in range(len(members)):
        if used[start]:
            continue
        run = [start]
        while (following := _next_up(levels, copies, used, run[-1])) is not None:
            run.append(following)
        if len(run) > 1:
            for place in run:
                used[place] = True
            series.append([members[place][3] for place in run])
    return series


def _without_copies(members: list[Member]) -> list[Member]:
    """Leave out the copies of stages that are there; of several copies alone the first is left."""
    if not any(is_copy(name) for _, _, name, _ in members):
        return members
    ordered = sorted(members, key=lambda member: (is_copy(member[2]), member[2]))
    taken: set[tuple[datetime, float]] = set()
    left = []
    for member in ordered:
        stamp, level, name, _ = member
        if not is_copy(name) or (stamp, level) not in taken:
            left.append(member)
        taken.add((stamp, level))
    return sorted(left)


def _next_up(levels: list[float], copies: list[bool], used: list[bool], last: int) -> int | None:
    best = None
    for place in range(last + 1, min(last + 1 + LOOK_AHEAD, len(levels))):
        if used[place]:
            continue
        if levels[place] <= levels[last]:
            if copies[place]:
                continue
            break
        if best is None or (levels[place], copies[place]) < (levels[best], copies[best]):
            best = place
    return best
