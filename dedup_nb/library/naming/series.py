"""The readings of names -> the series of the images, by stamps, by word and by folder.

A series id is relative to the folder of an image: `20250705_215218` by stamps, `portrait_0007` by
name, `../ComfyUI_00042` if its stages lie in folders beside each other (`01_base`, `02_upscaled`).
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from dedup_nb.library import names
from dedup_nb.library.formats import stem
from dedup_nb.library.naming import stage_words
from dedup_nb.library.naming.presets import STAGES
from dedup_nb.library.naming.reading import Naming, Reading

UP = "../"
WHOLE = "stages"  # the series of the pictures of one folder, whose names tell stages alone
MOST_IN_BATCH = 64  # pictures between one step of a render and the next
Place = tuple[str, str]  # folder of a series, and its name there


class Staged(NamedTuple):
    """The stage of an image by a word in its name or by its folder, and the series it may join."""

    stage: str
    level: float
    folders: int  # number of folders up from its own
    series: str

    @property
    def id(self) -> str:
        """The series id, relative to the folder of the image."""
        return UP * self.folders + self.series


class File(Protocol):
    """A scanned image; `stage` and `series` are set here."""

    path: str
    bytes: int
    stage: str
    series: str


def place(folder: str, series: str) -> Place:
    """Return the folder of a series and its name there, from the folder of a member.

    Examples
    --------
    >>> place("night/01_base", "../ComfyUI_00042"), place("night", "20250705_215218")
    (('night', 'ComfyUI_00042'), ('night', '20250705_215218'))
    """
    while series.startswith(UP):
        folder, series = folder.rpartition("/")[0], series[len(UP) :]
    return folder, series


def places(folders: Iterable[str], series: Iterable[str]) -> list[Place]:
    """Return the place of the series of each image; ("", "") for an image without one."""
    return [place(*each) if each[1] else ("", "") for each in zip(folders, series, strict=True)]


def in_folder(
    inside: Sequence[str], readings: Sequence[Reading], sizes: Mapping[str, int], words: bool = True
) -> tuple[list[Reading], dict[str, str]]:
    """Find the series among the images of one folder.

    Parameters
    ----------
    inside : sequence of str
        Their file names.
    readings : sequence of Reading
        What each name says.
    sizes : mapping of str -> int
        Their sizes in bytes, by name: copies of one file are not stages of each other.
    words : bool
        Whether stages by word are read.

    Returns
    -------
    readings : list of Reading
        With the stages that a word tells: those of names that another name of another stage
        belongs to.
    series : dict of str -> str
        Series id of each member, by name.
    """
    found = list(readings)
    series = _by_stamps(inside, found)
    told: dict[Place, list[tuple[float, bool, str, int]]] = defaultdict(list)
    for k, reading in enumerate(found):
        if reading.level is not None and reading.series is not None and not reading.folders:
            told[reading.pattern, reading.series].append(
                (reading.level, reading.copy, inside[k], k)
            )
    for (_, key), members in sorted(told.items()):
        series |= dict.fromkeys((inside[k] for k in _run(members, inside, sizes)), key or WHOLE)
    if words:
        for key, stages in _by_words(inside, found, sizes):
            for k, staged in stages.items():
                found[k] = found[k]._replace(stage=staged.stage, level=staged.level)
                found[k] = found[k]._replace(pattern=found[k].pattern or STAGES)
            members = [(s.level, found[k].copy, inside[k], k) for k, s in stages.items()]
            series |= dict.fromkeys((inside[k] for k in _run(members, inside, sizes)), key)
        _add_copies(inside, found, set(series.values()))
    return found, series


def _add_copies(inside: Sequence[str], found: list[Reading], keys: set[str]) -> None:
    """Give copies of the stages that words tell their stage; they join no series."""
    for k, name in enumerate(inside):
        if not found[k].stage and names.is_copy(name) and keys:
            staged = by_word(names.plain_stem(stem(name)))
            if staged and staged.series in keys:
                found[k] = found[k]._replace(stage=staged.stage, level=staged.level)


def _by_stamps(inside: Sequence[str], readings: Sequence[Reading]) -> dict[str, str]:
    parsed = [
        names.Name(each.stamp, each.stamp_problem, each.stage, each.level)
        if each.series is None
        else names.Name(None, "absent", "", None)
        for each in readings
    ]
    of: dict[str, str] = {}
    for run in names.find_series(inside, parsed):
        stamp = parsed[run[0]].stamp
        assert stamp is not None  # a member of a series has a stamp
        of |= dict.fromkeys([inside[k] for k in run], names.series_id(stamp))
    return of


def _run(
    members: Iterable[tuple[float, bool, str, int]], inside: Sequence[str], sizes: Mapping[str, int]
) -> list[int]:
    """Return one member of each stage, a plain name before a copy; nothing for a single stage."""
    of_level: dict[float, int] = {}
    for level, _, _, k in sorted(members):
        of_level.setdefault(level, k)
    run = list(of_level.values())
    differ = len({sizes.get(inside[k], -k) for k in run}) > 1
    return run if len(run) > 1 and differ else []


def _by_words(
    inside: Sequence[str], readings: Sequence[Reading], sizes: Mapping[str, int]
) -> Iterator[tuple[str, dict[int, Staged]]]:
    """Yield the images whose names differ in a word for a step alone, with what they share.

    Names whose steps are numbered too (`a_01_base`, `a_02_upscaled`) come last: the number belongs
    to the step only if each number stands before one word, and each word behind one number.
    """
    free = [k for k in range(len(inside)) if not readings[k].stage]
    plainly = {k: staged for k in free if (staged := by_word(stem(inside[k])))}
    if not plainly:
        return
    sharing = _sharing(plainly)
    _add_last_steps(inside, readings, sharing)
    taken: set[int] = set()
    for key, stages in sorted(sharing.items()):
        if _are_stages(stages, inside, sizes):
            taken |= stages.keys()
            yield key, stages
    left = [k for k in plainly if k not in taken]
    numbered = {k: staged for k in left if (staged := by_word(stem(inside[k]), numbered=True))}
    pairs = {(staged.level, stage_words.plain(plainly[k].stage)) for k, staged in numbered.items()}
    if len({level for level, _ in pairs}) == len({word for _, word in pairs}) == len(pairs):
        for key, stages in sorted(_sharing(numbered).items()):
            if _are_stages(stages, inside, sizes):
                yield key, stages


def _sharing(told: Mapping[int, Staged]) -> dict[str, dict[int, Staged]]:
    """Return the images by what their names share."""
    sharing: dict[str, dict[int, Staged]] = defaultdict(dict)
    for k, staged in told.items():
        sharing[staged.series][k] = staged
    return sharing


def _are_stages(
    stages: Mapping[int, Staged], inside: Sequence[str], sizes: Mapping[str, int]
) -> bool:
    """Return whether some images are several stages, and not copies of one file."""
    levels = {staged.level for staged in stages.values()}
    return len(levels) > 1 and len({sizes.get(inside[k], -k) for k in stages}) > 1


def _add_last_steps(
    inside: Sequence[str], readings: Sequence[Reading], sharing: Mapping[str, dict[int, Staged]]
) -> None:
    """Add the renders beside which a picture was saved before the last step.

    stable-diffusion-webui counts the pictures of each step, those of a batch together:
    `00012-7-before-highres-fix` belongs to the next picture with this seed, `00013-7`.
    """
    waiting: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for key, stages in sorted(sharing.items()):
        if all(staged.stage.lower().startswith("before") for staged in stages.values()):
            number, _, rest = key.partition("-")
            if rest and number.isdecimal():
                waiting[rest].append((int(number), key))
    if not waiting:
        return
    for k, name in enumerate(inside):
        number, _, rest = stem(name).partition("-")
        before = waiting.get(rest)
        if before and not readings[k].stage and number.isdecimal():
            near = [each for each in before if 0 < int(number) - each[0] <= MOST_IN_BATCH]
            if near:
                before.remove(max(near))
                last = Staged(stage_words.LAST, stage_words.LAST_LEVEL, 0, max(near)[1])
                sharing[max(near)[1]][k] = last


def _last_steps(text: str) -> Iterator[Staged]:
    """Yield the series whose last step a counted render may be, the nearest first."""
    number, _, rest = text.partition("-")
    for n in range(1, MOST_IN_BATCH + 1) if rest and number.isdecimal() else ():
        key = f"{int(number) - n:0{len(number)}}-{rest}"
        yield Staged(stage_words.LAST, stage_words.LAST_LEVEL, 0, key)


def by_word(text: str, *, numbered: bool = False) -> Staged | None:
    """Return the stage that a word in a stem tells, or None.

    Parameters
    ----------
    text : str
        The stem of a file name.
    numbered : bool
        Whether a number before the word is the number of the stage.
    """
    key, word = stage_words.without_step(text, numbered=numbered)
    level = stage_words.level(word) if word else None
    return None if level is None else Staged(word, level, 0, key.strip(" _.-") or WHOLE)


def by_folders(path: str) -> Iterator[Staged]:
    """Yield the stages that the folders of an image tell, the innermost first."""
    *folders, name = path.split("/")
    for k in range(len(folders) - 1, -1, -1):
        level = stage_words.of_folder(folders[k])
        if level is not None:
            whole = stem(name)
            key = stage_words.without_step(whole)[0].strip(" _.-") or whole
            inside = "/".join([*folders[k + 1 :], key])
            yield Staged(folders[k], level, len(folders) - k, inside)


def across_folders(files: Sequence[File], naming: Naming) -> None:
    """Set stage and series of images whose stages lie in folders beside each other.

    A template that names a folder tells both. Without one, folders are stages if two of them,
    beside each other and of two stages, hold pictures of one name that are not copies of one file.
    An image whose name tells a stage keeps that stage.
    """
    if naming.names_folders:
        _by_templates(files, naming)
    if not naming.reads_stages:
        return
    beside: dict[str, dict[str, list[tuple[Staged, File]]]] = defaultdict(lambda: defaultdict(list))
    for file in files:
        if not file.stage:
            for staged in by_folders(file.path):
                where, key = place(os.path.dirname(file.path), staged.id)
                beside[where][key].append((staged, file))
    for _, sharing in sorted(beside.items()):
        stages = _stages_of(sharing.values())
        for members in sharing.values():
            _set(members, stages)


def _by_templates(files: Sequence[File], naming: Naming) -> None:
    """Set the series of images whose folder is their stage by a template of the profile."""
    sharing: dict[Place, list[tuple[Staged, File]]] = defaultdict(list)
    for file in files:
        reading = naming.read(file.path)
        if reading.folders and reading.level is not None and reading.series is not None:
            staged = Staged(reading.stage, reading.level, reading.folders, reading.series or WHOLE)
            where = place(os.path.dirname(file.path), staged.id)
            sharing[where].append((staged, file))
    for members in sharing.values():
        _join(members)


def _stages_of(sharing: Iterable[list[tuple[Staged, File]]]) -> set[str]:
    """Return the folders beside each other that are stages, by name."""
    stages: set[str] = set()
    for members in sharing:
        levels = {staged.level for staged, _ in members}
        if len(levels) > 1 and len({file.bytes for _, file in members}) > 1:
            stages |= {staged.stage for staged, _ in members}
    return stages


def _set(members: list[tuple[Staged, File]], stages: set[str]) -> None:
    """Set the stage of images of one name in folders that are stages, and their series."""
    inside = [each for each in members if each[0].stage in stages and not each[1].stage]
    for staged, file in inside:
        file.stage = staged.stage
    _join(inside)


def _join(members: list[tuple[Staged, File]]) -> None:
    """Set the series of images of one name, one of each stage, if they are not copies."""
    run: dict[float, tuple[Staged, File]] = {}
    order = sorted(members, key=lambda each: (names.is_copy(each[1].path), each[1].path))
    for staged, file in order:
        run.setdefault(staged.level, (staged, file))
    if len(run) > 1 and len({file.bytes for _, file in run.values()}) > 1:
        for staged, file in run.values():
            file.series = staged.id


def rejoin(naming: Naming, path: str, known: Callable[[Place], bool]) -> Staged | None:
    """Return the stage and series of an image that was left out, if others of the series are known.

    Parameters
    ----------
    naming : Naming
        The patterns of the profile.
    path : str
        The image.
    known : callable
        Whether a series is among those of the catalogue.
    """
    folder, _, name = path.rpartition("/")
    reading = naming.read(path)
    told: list[Staged] = []
    if reading.level is not None and reading.series is not None:
        told.append(Staged(reading.stage, reading.level, reading.folders, reading.series or WHOLE))
    elif naming.reads_stages and not reading.stage:
        words = (by_word(stem(name), numbered=numbered) for numbered in (False, True))
        told += [staged for staged in words if staged]
        told += _last_steps(stem(name))
        told += by_folders(path)
    for staged in told:
        if known(place(folder, staged.id)):
            return staged
    return None
