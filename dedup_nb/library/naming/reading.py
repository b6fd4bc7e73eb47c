"""The patterns of a profile and a path -> what its name says."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from dedup_nb.library import names
from dedup_nb.library.formats import stem
from dedup_nb.library.naming import stage_words
from dedup_nb.library.naming.presets import LOCAL, PRESETS, STAGES, UTC, Shape
from dedup_nb.library.naming.templates import Template, of_user
from dedup_nb.library.tables import short

AUTO = "auto"
WITHOUT_TIME = "without a time"
EPOCH = datetime(1970, 1, 1)


class Reading(NamedTuple):
    """What the name of an image says.

    Attributes
    ----------
    pattern : str
        The preset or template that reads it; "" if none does.
    stamp : datetime or None
        As written, without a time zone, with fractions of a second.
    stamp_problem : str
        Why there is no stamp: "", `absent`, `without a time`, `without seconds` or `invalid`.
    clock : str
        What the stamp is: `local` or `UTC`.
    stage : str
        Name of the stage; "" if there is none.
    level : float or None
        Its number.
    series : str or None
        What the stages of a picture have in common; None if stages are told by their stamps.
    folders : int
        Number of folders up from the image's own in which its series lies.
    sequence : int or None
        Number of a counter.
    burst : str
        What the frames of one burst have in common; "" if the name is not that of a burst.
    copy : bool
        Whether the name is that of a copy.
    """

    pattern: str = ""
    stamp: datetime | None = None
    stamp_problem: str = "absent"
    clock: str = LOCAL
    stage: str = ""
    level: float | None = None
    series: str | None = None
    folders: int = 0
    sequence: int | None = None
    burst: str = ""
    copy: bool = False


NOTHING = Reading()


class Naming:
    """The patterns that a profile names, in their order.

    Parameters
    ----------
    patterns : sequence of str
        Names of presets, templates with parts in braces, or `auto` for all presets.

    Raises
    ------
    ValueError
        If one of them is neither a preset nor a template; see `refusal`.

    Examples
    --------
    >>> Naming(["auto"]).read("PXL_20210101_120000123.MP.jpg").stamp
    datetime.datetime(2021, 1, 1, 12, 0, 0, 123000)
    """

    def __init__(self, patterns: Sequence[str] = (AUTO,)) -> None:
        if why := refusal(patterns):
            raise ValueError(f"names is set {why}")
        self.patterns = list(dict.fromkeys(_named(patterns)))

    @property
    def reads_stages(self) -> bool:
        """Whether stages by word and by folder are read, too."""
        return STAGES in self.patterns

    @property
    def names_folders(self) -> bool:
        """Whether a template of the profile names folders."""
        return any("/" in pattern for pattern in self.patterns)

    @cached_property
    def _shapes(self) -> list[tuple[str, Shape | Template]]:
        shapes: list[tuple[str, Shape | Template]] = []
        for pattern in self.patterns:
            if pattern in PRESETS:
                shapes += [(pattern, shape) for shape in PRESETS[pattern].shapes]
            else:
                shapes.append((pattern, of_user(pattern)))
        return shapes

    def read(self, path: str) -> Reading:
        """Return what the first pattern that fits reads in the name of an image.

        A stamp and a stage of `stages` are the same whatever else reads the name. A date that does
        not exist is not read: a pattern with such a date does not fit.
        """
        name = path.rpartition("/")[2]
        first = names.parse(name) if self.reads_stages else None
        if first and first.stage and self.patterns[0] == STAGES:
            return _of_stages(first, name)
        made = self._by_templates(path, name)
        if first is None or self._before_stages(made.pattern):
            return made
        if not first.stage and first.stamp and (step := _step(name)):
            return _of_stages(first._replace(**step), name)
        return _of_stages(first, name) if first.stage else _with_stamp(made, first)

    def _before_stages(self, pattern: str) -> bool:
        places = self.patterns
        return bool(pattern) and places.index(pattern) < places.index(STAGES)

    def _by_templates(self, path: str, name: str) -> Reading:
        whole = stem(name)
        plain = names.plain_stem(whole)
        texts: dict[int, tuple[str, ...]] = {0: tuple(dict.fromkeys((whole, plain)))}
        problem = NOTHING.stamp_problem
        for pattern, shape in self._shapes:
            template = shape.template if isinstance(shape, Shape) else shape
            if template.folders not in texts:
                texts[template.folders] = _with_folders(path, template.folders, whole, plain)
            for text in texts[template.folders]:
                if (parts := template.match(text)) is not None:
                    made = _reading(pattern, shape, template, text, parts)
                    if made is not None and made.stamp_problem != "invalid":
                        return made._replace(copy=made.copy or text != texts[template.folders][0])
                    problem = made.stamp_problem if made else problem
        return NOTHING._replace(stamp_problem=problem, copy=plain != whole)


def _named(patterns: Sequence[str]) -> list[str]:
    every: list[str] = []
    for pattern in patterns:
        every += list(PRESETS) if pattern == AUTO else [pattern]
    return every


def refusal(patterns: Sequence[str]) -> str:
    """Return what is wrong with the value of `names`, or "".

    Returns
    -------
    str
        `to "{date}_{tiem}": {tiem} is not a part; did you mean {time}?`
    """
    for pattern in patterns:
        if pattern == AUTO or pattern in PRESETS:
            continue
        if "{" not in pattern and "}" not in pattern:
            words = [AUTO, *PRESETS]
            close = difflib.get_close_matches(pattern.lower(), words, n=1, cutoff=0.6)
            choice = f"did you mean {close[0]}?" if close else f"choose from {', '.join(words)}"
            return f'to "{short(pattern)}", which is not a preset; {choice}, or write a template'
        try:
            of_user(pattern)
        except ValueError as error:
            return f'to "{short(pattern)}": {error}'
    return ""


def _of_stages(first: names.Name, name: str) -> Reading:
    made = NOTHING._replace(pattern=STAGES, copy=names.is_copy(name))
    return made._replace(**first._asdict())


def _step(name: str) -> dict[str, Any]:
    """Return the stage that stands alone behind a stamp: `20250705_215218_upscaled`."""
    whole = names.plain_stem(stem(name))
    match = names.STAMP.match(whole)
    word = whole[match.end() :].lstrip(" _.-") if match else ""
    level = stage_words.step(word) if word else None
    return {} if level is None else {"stage": word, "level": level}


def _with_stamp(made: Reading, first: names.Name) -> Reading:
    """Return a reading with the stamp that `names` finds anywhere in a name.

    Names that it reads keep that stamp; a pattern may add fractions of a second.
    """
    if first.stamp is not None:
        finer = made.stamp if made.stamp and made.clock == LOCAL else first.stamp
        stamp = finer if finer.replace(microsecond=0) == first.stamp else first.stamp
        pattern = made.pattern or STAGES
        return made._replace(pattern=pattern, stamp=stamp, stamp_problem="", clock=LOCAL)
    if made.stamp is None and first.stamp_problem != "absent":
        pattern = made.pattern or (STAGES if first.stamp_problem != "invalid" else "")
        return made._replace(pattern=pattern, stamp_problem=first.stamp_problem)
    return made


def _with_folders(path: str, folders: int, whole: str, plain: str) -> tuple[str, ...]:
    """Return the stem of an image behind the folders that it lies in."""
    above = path.split("/")[:-1]
    if len(above) < folders:
        return ()
    head = "/".join(above[len(above) - folders :])
    return tuple(f"{head}/{text}" for text in dict.fromkeys((whole, plain)))


def _reading(
    pattern: str, shape: Shape | Template, template: Template, text: str, parts: Mapping[str, str]
) -> Reading | None:
    """Return what the parts of a name say; None if they are no stage."""
    stage = parts.get("stage", "")
    level = stage_words.level(stage) if stage else None
    if stage and level is None:
        return None
    stamp, problem = _stamp(parts)
    clock = shape.clock if isinstance(shape, Shape) else LOCAL
    sequence = parts.get("sequence")
    burst = ""
    if isinstance(shape, Shape) and shape.burst and sequence is not None:
        burst = f"{parts.get('date', '')} {parts.get('time', '')}{parts.get('epoch', '')}"
    return Reading(
        pattern,
        stamp,
        problem,
        clock,
        stage,
        level,
        _series(template, parts) if stage else None,
        template.folders if stage else 0,
        None if sequence is None else int(sequence),
        burst,
        bool(parts.get("copy")),
    )


def _series(template: Template, parts: Mapping[str, str]) -> str | None:
    """Return what the stages of a picture have in common; None if only stamps can tell."""
    told = [parts[part] for part in ("series", "sequence") if part in parts]
    if told:
        return "_".join(told)
    return None if "time" in template.parts else parts.get("date", "")


def _stamp(parts: Mapping[str, str]) -> tuple[datetime | None, str]:
    if epoch := parts.get("epoch"):
        return EPOCH + timedelta(milliseconds=int(epoch)), ""
    if "date" not in parts:
        return None, "absent"
    day = "".join(filter(str.isdigit, parts["date"]))
    try:
        moment = datetime(int(day[:4]), int(day[4:6]), int(day[6:]))
        if "time" not in parts:
            return None, WITHOUT_TIME
        return moment + _since_midnight(parts["time"]), ""
    except ValueError:
        return None, "invalid"
    except LookupError:
        return None, "without seconds"


def _since_midnight(text: str) -> timedelta:
    """Return the time of day.

    Raises
    ------
    ValueError
        If there is no such time.
    LookupError
        If it has no seconds.
    """
    half = text.strip()[-2:].upper() if text.strip()[-1:] in "mM" else ""
    digits = "".join(filter(str.isdigit, text))
    if len(digits) in (5, 8):  # 9.52.18
        digits = f"0{digits}"
    hours, minutes = int(digits[:2]), int(digits[2:4])
    if len(digits) < 6:
        datetime(1970, 1, 1, hours, minutes)
        raise LookupError
    if half and not 1 <= hours <= 12:
        raise ValueError
    if half:
        hours = hours % 12 + 12 * (half == "PM")
    moment = datetime(1970, 1, 1, hours, minutes, int(digits[4:6]), 1000 * int(digits[6:] or 0))
    return moment - EPOCH


__all__ = ["AUTO", "UTC", "Naming", "Reading", "refusal"]
