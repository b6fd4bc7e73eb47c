"""Czkawka's own engine over some folders -> its results, as its JSON export is shaped.

The engine is the Rust core of Czkawka in the PyPI package `czkawka`, a peer to compare with. It
writes nothing but the file that is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from dedup_nb.finders import czkawka
from dedup_nb.library import files, formats


def is_there() -> bool:
    """Return whether the engine is installed."""
    return find_spec("czkawka") is not None


def write_results(file: Path, folders: Sequence[Path], max_difference: int) -> int:
    """Search folders with the engine and write its groups; return the number of groups.

    Parameters
    ----------
    file : Path
        Where to write; an existing results file is replaced.
    folders : sequence of Path
        Folders to search recursively.
    max_difference : int
        Largest Hamming distance of Czkawka's own hash, in bits, inclusive.
    """
    from czkawka import ImageSimilarity

    finder = ImageSimilarity()
    finder.set_directories(folders)
    finder.set_similarity(max_difference)
    groups = [_members(distances) for distances in finder.find_similar_with_distances()]
    groups.sort(key=lambda members: str(members[0]["path"]))
    with files.replacing(file) as fresh:
        files.write_json(fresh, czkawka.shaped(groups), indent=1)
    return len(groups)


def _members(distances: Sequence[tuple[Path, Path, int]]) -> list[dict[str, Any]]:
    """Return the files of one group, each with its distance to the first."""
    paths = sorted({path for a, b, _ in distances for path in (a, b)})
    bits = {frozenset((a, b)): distance for a, b, distance in distances}
    return [_member(path, bits.get(frozenset((paths[0], path)), 0)) for path in paths]


def _member(path: Path, bits: int) -> dict[str, Any]:
    status = path.stat()
    with Image.open(path, formats=list(formats.DECODABLE)) as image:
        width, height = image.size
    return {
        "path": str(path),
        "bytes": status.st_size,
        "width": width,
        "height": height,
        "mtime_ns": status.st_mtime_ns,
        "bits": bits,
    }
