"""run.json beside or above a file of a run -> the library and the roots of that run."""

from __future__ import annotations

import json
from pathlib import Path

from dedup_nb.library.layout import PRIVATE
from dedup_nb.staging.refusals import WRONG_INPUT, StagingError


def library_of_run(manifest: str | Path) -> tuple[str, list[str]]:
    """Return the library (absolute) and its roots that made a manifest.

    Raises
    ------
    StagingError
        With status 2, if there is no run.json or it does not say.
    """
    start = Path(manifest).absolute()
    for folder in start.parents:
        path = folder / "run.json"
        if path.is_file():
            return _read(path)
    raise StagingError(
        f"there is no run.json beside or above {manifest}; name the library with --library",
        WRONG_INPUT,
    )


def _read(path: Path) -> tuple[str, list[str]]:
    try:
        said = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
        library, roots = said["library"], said["roots"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _wrong(path) from error
    roots_are_text = isinstance(roots, list) and all(isinstance(root, str) for root in roots)
    if not isinstance(library, str) or not Path(library).is_absolute() or not roots_are_text:
        raise _wrong(path)
    return library, roots


def _wrong(path: Path) -> StagingError:
    return StagingError(
        f"{path} does not name a library and its roots; name them with --library and --root",
        WRONG_INPUT,
    )


def library_above(folder: str | Path) -> str:
    """Return the nearest folder above that was used as a library before.

    Raises
    ------
    StagingError
        With status 2, if there is none.
    """
    start = Path(folder).resolve()
    for above in (start, *start.parents):
        if (above / PRIVATE).is_dir():
            return str(above)
    raise StagingError(
        f"no folder above {folder} is a library yet; name it with --library", WRONG_INPUT
    )
