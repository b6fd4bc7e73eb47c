"""The cache of a library -> its contents and their integrity; removes what is no longer used.

Nothing is lost by this: everything in the cache can be computed again.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dedup_nb import report, staging
from dedup_nb.compare import full_size, verdicts
from dedup_nb.finders import cells, embeddings, encoders
from dedup_nb.finders.local import codes
from dedup_nb.library import files, layout
from dedup_nb.pictures import features
from dedup_nb.pictures.store import Sound, Store, is_store, is_there, is_thumbnail
from dedup_nb.session import held

STORES = re.compile(r"store-\d+\.sqlite(-wal|-shm|-journal)?")
CELLS = re.compile(r"(cells-[0-9a-f]{16}\.faiss|\.cells-[0-9a-f]{16}\.faiss\.[-0-9a-f]+\.new)")


@dataclass
class Told:
    """The contents of a cache and what was done to it, as lines to print.

    Attributes
    ----------
    lines : list of str
        What the cache contains and what was done.
    problems : list of str
        Damaged entries that are still in the cache.
    """

    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def look(library: Path, folder: Path, *, verify: bool = False, prune: bool = False) -> Told:
    """Describe the cache of a library; check its values or remove unused ones on request.

    Parameters
    ----------
    library : Path
        Folder of the collection; entries of its files are kept.
    folder : Path
        The cache folder.
    verify : bool
        Check every value; with `prune`, damaged ones are removed.
    prune : bool
        Remove entries of contents that no file of the library, staged or not, has any more, and
        files of other versions. Only files written by the cache itself are ever deleted.

    Raises
    ------
    ValueError
        If the cache folder lies inside the library, where nothing may be written.
    """
    layout.refuse_inside(folder, library, "the cache folder")
    if not is_there(folder):
        return Told([f"there is no cache at {folder}"])
    store = Store(folder)
    result = Told()
    try:
        if verify:
            _verify(store, result, prune)
        if prune:
            _prune(library, store, result)
        result.lines += _summary(folder, store)
    finally:
        store.close()
    return result


def _summary(folder: Path, store: Store) -> list[str]:
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    rows = [
        f"  {count:>10,}  {what}" + (f", {report.size_text(bytes_)}" if bytes_ else "")
        for what, count, bytes_ in store.summary()
    ]
    return [f"{folder}: {report.size_text(size)}", *rows]


def _verify(store: Store, result: Told, mend: bool) -> None:
    if damage := store.damage():
        problem = f"{store.path} is damaged ({damage[0]}); delete it, and it will be rebuilt"
        result.problems.append(problem)
        return
    bad = list(_damaged(store))
    for kind, sha256, why in bad:
        if mend:
            store.forget_value(kind, sha256)
        else:
            result.problems.append(f"{kind} of {sha256[:16]}: {why}")
    checked = sum(count for _, count, _ in store.summary())
    result.lines.append(
        f"verified {checked:,} entries: {len(bad):,} damaged"
        + (", removed; they will be recomputed" if bad and mend else "")
        + ("; remove them with --prune" if bad and not mend else "")
    )


def _damaged(store: Store) -> Iterator[tuple[str, str, str]]:
    """Yield (kind, sha256, reason) for every value that cannot be valid."""
    widths = store.usual_widths()
    for kind, sha256, value in store.values():
        if why := _wrong(kind, value, widths.get(kind, 0)):
            yield kind, sha256, why


def _wrong(kind: str, value: object, width: int) -> str:
    """Return what is wrong with a value, or ""; most values of its kind have `width` bytes."""
    if not isinstance(value, bytes):
        return "not binary data"
    for prefix, (sound, why) in CHECKS.items():
        if kind.startswith(prefix):
            return "" if all(sound([value])) else why
    if len(value) != width:
        return f"{len(value)} bytes instead of {width}"
    if kind in EMBEDDINGS and not embeddings.sound([value], width // 4).all():
        return "not a vector of unit length"
    return ""


EMBEDDINGS = {one.kind.name for one in embeddings.EMBEDDERS.values() if one.parts}
# Prefix of a kind -> which values are right, and what others are; values of any other kind have
# one length.
CHECKS: dict[str, tuple[Sound, str]] = {
    "thumbnail": (lambda values: map(is_thumbnail, values), "not a complete JPEG of its size"),
    "clip-": (encoders.sound, "not a vector of unit length"),
    "onnx-": (encoders.sound, "not a vector of unit length"),
    "contents-": (lambda values: [held.of_value(v) is not None for v in values], "not facts"),
    "local ": (codes.sound, "not a whole number of codes"),
    "sift ": (features.sound, "not a whole number of features"),
    "verdict ": (verdicts.sound, "not a verdict"),
    "uncompared, ": (verdicts.sound_reasons, "not text"),
    "holding ": (full_size.sound, "not a comparison at full size"),
}


def _prune(library: Path, store: Store, result: Told) -> None:
    gone, lost_paths = _of_no_file(library, store)
    known = {digest for _, digest in store.files()}
    # the key of a verdict is two digests, separated by a space
    useless = gone | {
        key
        for key in store.contents()
        if not known.issuperset(key.split()) or not gone.isdisjoint(key.split())
    }
    store.forget(useless, lost_paths)
    beside = sorted(store.path.parent.iterdir())
    old = [path for path in beside if _is_of_old(path, store)]
    if useless:  # the trained FAISS cells still hold their vectors
        old += [path for path in beside if CELLS.fullmatch(path.name) and cells.is_cells(path)]
    for path in old:
        path.unlink(missing_ok=True)
    store.shrink()
    contents = sum(" " not in key for key in useless)
    result.lines.append(
        f"pruned {contents:,} contents that are no longer in {library}, "
        f"and {len(old):,} outdated cache files"
    )


def _is_of_old(path: Path, store: Store) -> bool:
    """Return whether a file is the store of another version, judged by name and content."""
    if not STORES.fullmatch(path.name) or path.name.startswith(store.path.name):
        return False
    main = path.with_name(path.name.partition(".sqlite")[0] + ".sqlite")
    return is_store(main)


def _of_no_file(library: Path, store: Store) -> tuple[set[str], list[str]]:
    """Return the contents that no file has any more, and the paths that no longer exist.

    A file that was moved, by hand or into staging, is recognised by its content: every file whose
    size equals that of a missing one is read.
    """
    here, moved = set(), set()
    missing = []
    for key, digest in store.files():
        if os.path.lexists(os.path.join(library, key.path)):
            here.add(digest)
        else:
            missing.append((key, digest))
    if missing and not here:
        raise ValueError(
            f"none of the cached files is in {library}; is its disk mounted? Nothing was pruned"
        )
    sizes = {key.bytes for key, _ in missing}
    known = {key.path for key, _ in store.files()}
    for path in _files(library) if missing else ():
        if path.stat().st_size in sizes and str(path.relative_to(library)) not in known:
            with contextlib.suppress(OSError, ValueError):  # an unreadable file is no loss here
                moved.add(files.sha256(files.read_file(os.fsencode(path))))
    gone = {digest for _, digest in missing} - here - moved
    return gone, [key.path for key, _ in missing]


def _files(library: Path) -> Iterator[Path]:
    """Yield every regular file of the library, including staged ones."""
    for folder, folders, names in os.walk(library):
        folders[:] = [name for name in folders if name != staging.PRIVATE]
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path
