"""The cache of a library -> what is in it, whether it is sound, and rid of what is of no use.

Nothing of value can be lost here: everything in the cache can be computed again.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dedup_nb import report, staging
from dedup_nb.compare import verdicts
from dedup_nb.finders import clip, embeddings
from dedup_nb.library import files, layout
from dedup_nb.pictures import features
from dedup_nb.pictures.store import Store, is_there

STORES = re.compile(r"store-\d+\.sqlite(-wal|-shm|-journal)?")
CELLS = re.compile(r"cells-[0-9a-f]{16}\.faiss")
SQLITE = b"SQLite format 3\0"  # how a file of SQLite begins


@dataclass
class Told:
    """What was found and done, in lines for a person.

    Attributes
    ----------
    lines : list of str
        What is there and what was done.
    problems : list of str
        What is damaged and still there.
    """

    lines: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def look(library: Path, folder: Path, *, verify: bool = False, prune: bool = False) -> Told:
    """Tell what the cache of a library holds; look at each value, drop what is of no use.

    Parameters
    ----------
    library : Path
        Whose files tell what is of use.
    folder : Path
        The cache folder.
    verify : bool
        Look at every value; those that are damaged are dropped with `prune`.
    prune : bool
        Drop contents that no file of the library has any more, staged ones included, and what
        other versions left. Only files that the cache itself wrote are ever deleted.

    Raises
    ------
    ValueError
        If the cache folder lies inside the library, in which nothing is written.
    """
    layout.refuse_inside(folder, library, "the cache folder")
    if not is_there(folder):
        return Told([f"there is no cache at {folder}"])
    store = Store(folder)
    told = Told()
    try:
        if verify:
            _verify(store, told, prune)
        if prune:
            _prune(library, store, told)
        told.lines += _summary(folder, store)
    finally:
        store.close()
    return told


def _summary(folder: Path, store: Store) -> list[str]:
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    rows = [
        f"  {count:>10,}  {what}" + (f", {report.size_text(bytes_)}" if bytes_ else "")
        for what, count, bytes_ in store.summary()
    ]
    return [f"{folder}: {report.size_text(size)}", *rows]


def _verify(store: Store, told: Told, mend: bool) -> None:
    if damage := store.damage():
        told.problems += [f"{store.path} is damaged ({damage[0]}); delete it, it is made again"]
        return
    bad = list(_damaged(store))
    for kind, sha256, why in bad:
        if mend:
            store.forget_value(kind, sha256)
        else:
            told.problems.append(f"{kind} of {sha256[:16]}: {why}")
    checked = sum(count for _, count, _ in store.summary())
    told.lines.append(
        f"verified {checked:,} entries: {len(bad):,} damaged"
        + (", dropped, to be made again" if bad and mend else "")
        + ("; drop them with --prune" if bad and not mend else "")
    )


def _damaged(store: Store) -> Iterator[tuple[str, str, str]]:
    """Yield (kind, sha256, why) of every value that cannot be what it says."""
    widths = store.usual_widths()
    for kind, sha256, value in store.values():
        if why := _wrong(kind, value, widths.get(kind, 0)):
            yield kind, sha256, why


def _wrong(kind: str, value: bytes, width: int) -> str:
    """Say what is wrong with a value; most of its kind have `width` bytes."""
    for prefix, why in CHECKS.items():
        if kind.startswith(prefix):
            return why(value)
    if len(value) == width and kind in EMBEDDINGS:
        return _embedding(value)
    return "" if len(value) == width else f"{len(value)} bytes, others have {width}"


def _thumbnail(value: bytes) -> str:
    return "" if value[:2] == b"\xff\xd8" and value[-2:] == b"\xff\xd9" else "not a whole JPEG"


def _clip(value: bytes) -> str:
    if value[:1] not in (clip.HALF, clip.FULL):
        return "not the numbers of a vector"
    vector = np.frombuffer(value, f"<{value[:1].decode()}", offset=1)
    return _not_unit(vector.astype(np.float64), zero=False)


def _embedding(value: bytes) -> str:
    return _not_unit(np.frombuffer(value, np.float32).astype(np.float64), zero=True)


def _features(value: bytes) -> str:
    return "" if len(value) % features.POINT_BYTES == 0 else f"{len(value)} bytes of features"


def _verdict(value: bytes) -> str:
    try:
        verdicts.unpacked(value)
    except (ValueError, KeyError, TypeError):
        return "not a verdict"
    return ""


def _not_unit(vector: np.ndarray[tuple[int], np.dtype[np.float64]], zero: bool) -> str:
    length = float(np.sqrt(np.square(vector).sum()))
    sound = abs(length - 1) < 2e-3 or (zero and length == 0)
    return "" if sound else f"a vector of length {length:.3g}"


EMBEDDINGS = {one.kind.name for one in embeddings.EMBEDDERS.values() if not one.needs_weights}
# How a value is checked, by how the name of its kind begins; other kinds have one length each.
CHECKS: dict[str, Callable[[bytes], str]] = {
    "thumbnail": _thumbnail,
    "clip-": _clip,
    "sift ": _features,
    "verdict ": _verdict,
}


def _prune(library: Path, store: Store, told: Told) -> None:
    gone, lost_paths = _of_no_file(library, store)
    known = {digest for _, digest in store.files()}
    # a verdict is about two contents, whose digests stand side by side
    useless = gone | {
        key
        for key in store.contents()
        if not known.issuperset(key.split()) or not gone.isdisjoint(key.split())
    }
    store.forget(useless, lost_paths)
    beside = sorted(store.path.parent.iterdir())
    old = [path for path in beside if _is_of_old(path, store)]
    if useless:  # what FAISS learnt would hold on to their vectors
        old += [path for path in beside if CELLS.fullmatch(path.name)]
    for path in old:
        path.unlink(missing_ok=True)
    store.shrink()
    told.lines.append(
        f"pruned {sum(' ' not in key for key in useless):,} contents that no file of {library} "
        f"has any more, "
        f"and {len(old):,} files of other versions or to be learnt again"
    )


def _is_of_old(path: Path, store: Store) -> bool:
    """Tell whether a file is the store of another version, by its whole name and its content."""
    if not STORES.fullmatch(path.name) or path.name.startswith(store.path.name):
        return False
    main = path.with_name(path.name.partition(".sqlite")[0] + ".sqlite")
    try:
        return files.read_file(os.fsencode(main), len(SQLITE), cut=True) == SQLITE
    except OSError:
        return False


def _of_no_file(library: Path, store: Store) -> tuple[set[str], list[str]]:
    """Return the contents that no file has, and the paths at which there is no file any more.

    A file that was moved, by hand or into staging, is known by its content again: every file of
    the size of one that is missing is read.
    """
    here, found = set(), set()
    missing = []
    for key, digest in store.files():
        if os.path.lexists(os.path.join(library, key.path)):
            here.add(digest)
        else:
            missing.append((key, digest))
    if missing and not here:
        raise ValueError(
            f"no file that this cache knows is in {library}; is its disk there? Nothing was pruned"
        )
    sizes = {key.bytes for key, _ in missing}
    known = {key.path for key, _ in store.files()}
    for path in _files(library) if missing else ():
        if path.stat().st_size in sizes and str(path.relative_to(library)) not in known:
            with contextlib.suppress(OSError, ValueError):  # what cannot be read is no loss here
                found.add(files.sha256(files.read_file(os.fsencode(path))))
    gone = {digest for _, digest in missing} - here - found
    return gone, [key.path for key, _ in missing]


def _files(library: Path) -> Iterator[Path]:
    """Yield every regular file of the library, those in staging too."""
    for folder, folders, names in os.walk(library):
        folders[:] = [name for name in folders if name != staging.PRIVATE]
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path
