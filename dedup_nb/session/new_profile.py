"""A folder of pictures -> a new profile for it, with what was seen there in its comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from dedup_nb.library import files
from dedup_nb.library.first_look import HERE, UNNAMED, FirstLook, check, look
from dedup_nb.library.layout import refuse_inside
from dedup_nb.library.naming.presets import PRESETS
from dedup_nb.library.progress import Ticker
from dedup_nb.library.quantities import count, size_text
from dedup_nb.library.tables import plain, short
from dedup_nb.session import notebooks, parameters, runs

MOST_LISTED = 12  # folders, suffixes or names in a comment
FEW = 2_000  # images that are looked at in minutes; with more, start small
LINE = 98  # longest line of a comment, in characters


def make(library: Path, profile: Path | None = None) -> tuple[Path, list[str]]:
    """Look at a folder of pictures and write a profile for it; nothing is overwritten.

    Parameters
    ----------
    library : Path
        The folder of pictures; nothing is written there.
    profile : Path, optional
        The file to write; `params/<name of the folder>.yaml` in the current folder by default.

    Returns
    -------
    profile : Path
        The file that was written, absolute.
    lines : list of str
        What was seen.

    Raises
    ------
    ValueError
        If the folder holds no pictures, or the profile exists or would lie inside it.
    """
    check(library)
    library = library.resolve()
    path = (profile or Path("params") / f"{_name(library)}.yaml").absolute()
    if path.suffix not in (".yaml", ".yml"):
        raise ValueError(f"{path} is not a name of a profile; let it end with .yaml")
    _check_text(library)
    remedy = "run this in another folder, or pass --profile FILE"
    refuse_inside(path, library, "the profile", remedy)
    refuse_inside(runs.outputs_folder(path), library, "the folder of results", remedy)
    runs.check_place(path.parent)
    if path.exists():
        raise ValueError(f"will not overwrite {path}; edit it, or pass --profile FILE")
    seen = look(library, seen=(ticker := Ticker("files seen:")).found)
    ticker.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_text(path, _text(seen))
    parameters.load(path)
    return path, list(_told(seen))


def _name(library: Path) -> str:
    """Return the name of a folder as a name of a file that needs no quotes."""
    return re.sub(r"[^\w.-]+", "-", library.name).strip("-.")[:100] or "mine"


def _check_text(library: Path) -> None:
    try:
        str(library).encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(
            f"the path {short(str(library))} is not UTF-8, which a profile cannot hold; "
            "rename the folder"
        ) from None


def _told(seen: FirstLook) -> Iterator[str]:
    more = "" if seen.complete else "at least "
    yield (
        f"{more}{count(seen.images, 'image')}, {size_text(seen.n_bytes)}, in {seen.library}: "
        f"{_listed(_folders(seen), ' in ')}"
    )
    if seen.closed:
        yield f"{count(len(seen.closed), 'folder')} cannot be read: {_few(seen.closed)}"


def _text(seen: FirstLook) -> str:
    """Return the example profile, with the library set and what was seen in comments."""
    example = (notebooks.params_folder() / "example.yaml").read_text(encoding="utf-8")
    lines = example.splitlines()
    start = next(k for k, line in enumerate(lines) if line.startswith("# --- shared"))
    return "\n".join([*_head(seen), "", *_filled(lines[start:], seen), ""])


def _head(seen: FirstLook) -> list[str]:
    when = f"{datetime.now(UTC):%Y-%m-%d}"
    lines = [
        "# A profile, written by dedup-nb init. Every key except library is optional: the lines",
        "# below either show a default or are commented out. Paths are relative to this file. An",
        "# unknown key is an error that suggests the nearest known key.",
        "#",
        f"# What was seen on {when}, by the names of the files:",
    ]
    more = "" if seen.complete else "at least "
    lines += _wrapped(f"{more}{count(seen.images, 'image')}, {size_text(seen.n_bytes)}", "  ")
    if not seen.complete:
        lines += _wrapped("there was no time to look at every folder", "  ")
    lines += _wrapped(f"folders: {_listed(_folders(seen), ' in ')}", "  ")
    lines += _wrapped(f"formats: {_listed(_suffixes(seen.suffixes))}", "  ")
    if seen.companions:
        lines += _wrapped(
            f"files that move with the image of their name: {_listed(_suffixes(seen.companions))}",
            "  ",
        )
    if seen.others:
        lines += _wrapped(f"files that are neither: {seen.others:,}", "  ")
    for why, n in seen.skipped.most_common():
        lines += _wrapped(f"{count(n, 'folder')} left out: {why}", "  ")
    if seen.closed:
        lines += _wrapped(f"folders that cannot be read: {_few(seen.closed)}", "  ")
    return lines


def _filled(lines: Iterable[str], seen: FirstLook) -> Iterator[str]:
    """Yield the lines of the example, with those about folders and names filled in."""
    roots = [name for name, _ in seen.folders.most_common() if name != HERE]
    start = json.dumps(roots[:1] or [HERE], ensure_ascii=False)
    for line in lines:
        key = line.removeprefix("# ").partition(":")[0]
        if key == "library":
            text = json.dumps(str(seen.library), ensure_ascii=False)
            yield f"library: {text}  # reports write nothing in it"
        elif key == "roots" and line.startswith("# "):
            yield from _roots(roots, seen)
        elif key == "prefer" and line.startswith("# "):
            yield f"# prefer: {_names(roots)}  # roots whose copy is kept, best first"
        elif key == "curated" and line.startswith("# "):
            yield f"# curated: {start}  # folders whose images are never proposed"
        elif key == "only_folders" and line.startswith("# "):
            yield f"# only_folders: {start}"
        elif key == "limit" and line.startswith("# ") and seen.images <= FEW:
            yield f"{line}  # there are few enough images to do without"
        elif line.startswith("# How files are named:"):
            yield from _patterns(seen)
            yield line
        else:
            yield line


def _roots(roots: list[str], seen: FirstLook) -> Iterator[str]:
    if seen.folders[HERE] or not roots:
        here = count(seen.folders[HERE], "image")
        yield f"# {here} {'lies' if seen.folders[HERE] == 1 else 'lie'} in the library itself, so"
        yield "# that only the default, the whole library, has all of them:"
        yield f"# roots: {_names(roots)}  # image folders inside the library"
    else:
        yield f"# roots: {_names(roots)}  # image folders inside the library; the default is all"


def _names(names: list[str]) -> str:
    """Return names as a list of YAML, for a comment."""
    clean = [name for name in names if plain(name) == name and name.isprintable()]
    return json.dumps(clean[:MOST_LISTED] or [HERE], ensure_ascii=False)


def _patterns(seen: FirstLook) -> Iterator[str]:
    which = "" if seen.read == seen.images else f", of the first {seen.read:,}"
    yield f"# Which names are read by what{which}:"
    for name, preset in {**PRESETS, "": None}.items():
        if n := seen.patterns[name]:
            what = name if preset else "nothing reads"
            yield from _wrapped(f"{what}: {n:,}, such as {_few(seen.examples[name])}", "  ")


def _folders(seen: FirstLook) -> list[tuple[str, int]]:
    ordered = seen.folders.most_common()
    return [("the library itself" if name == HERE else name, n) for name, n in ordered]


def _suffixes(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(name if name == UNNAMED else name.lstrip("."), n) for name, n in ordered]


def _listed(counts: list[tuple[str, int]], between: str = " ") -> str:
    """Return `1,200 in 2024, 30 in phone`."""
    parts = [f"{n:,}{between}{plain(name)}" for name, n in counts[:MOST_LISTED]]
    left = len(counts) - len(parts)
    return ", ".join(parts) + (f", and {left:,} more" if left else "")


def _few(names: list[str]) -> str:
    shown = [short(plain(name), 60) for name in names[:3]]
    return ", ".join(shown) + (", …" if len(names) > 3 else "")


def _wrapped(text: str, indent: str) -> Iterator[str]:
    """Yield a comment of as many lines as the text needs."""
    line = f"#{indent}"
    for word in text.split(" "):
        if len(line) + len(word) >= LINE and line.strip("# "):
            yield line.rstrip()
            line = f"#{indent}  "
        line += f"{word} "
    yield line.rstrip()
