"""A manifest -> the library and the roots, from run.json beside or above it."""

from __future__ import annotations

import json
from pathlib import Path

from dedup_nb.library.layout import PRIVATE
from dedup_nb.staging.refusals import WRONG_INPUT, StagingError


def library_of_run(manifest: str | Path) -> tuple[str, list[str]]:
    """Return the library (an absolute path) and the roots that a manifest was made from.

    Raises
    ------
    StagingError
        With status 2, if run.json is missing, or lacks the library or its roots.
    """
    start = Path(manifest).absolute()
    for folder in start.parents:
        path = folder / "run.json"
        if path.is_file():
            return _read(path)
    raise StagingError(
        f"found no run.json beside or above {manifest}; pass --library",
        WRONG_INPUT,
    )


def _read(path: Path) -> tuple[str, list[str]]:
    try:
        run = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
        library, roots = run["library"], run["roots"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _wrong(path) from error
    roots_are_text = isinstance(roots, list) and all(isinstance(root, str) for root in roots)
    if not isinstance(library, str) or not Path(library).is_absolute() or not roots_are_text:
        raise _wrong(path)
    return library, roots


def _wrong(path: Path) -> StagingError:
    return StagingError(
        f"{path} does not name a library and its roots; pass --library and --root",
        WRONG_INPUT,
    )


def library_above(folder: str | Path) -> str:
    """Return the nearest folder above that has already been used as a library.

    Raises
    ------
    StagingError
        With status 2, if there is none.
    """
    start = Path(folder).resolve()
    for above in (start, *start.parents):
        if (above / PRIVATE).is_dir():
            return str(above)
    raise StagingError(f"no folder above {folder} is a library yet; pass --library", WRONG_INPUT)
