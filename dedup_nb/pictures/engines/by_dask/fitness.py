"""This installation and the library's files -> whether a worker has the same.

Another version of a decoder may tell another picture, and a worker that does not see a file would
call it unreadable. Whoever lacks something is named and gets no work.
"""

from __future__ import annotations

import hashlib
import os
import platform
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import dedup_nb
from dedup_nb.library import formats
from dedup_nb.library.layout import OURS

# beside the decoders of `formats`: what changes numbers, and what carries them
PACKAGES = ("numpy", "numba", "opencv-python-headless", "scipy", "dask", "distributed")
START_BYTES = 2**16  # of a file that are compared
MOST_LOOKED_AT = 10_000  # entries of a root among which a file is looked for
MISSING = "missing"


@dataclass(frozen=True)
class Probe:
    """A file that every worker must see.

    Attributes
    ----------
    path : bytes
        Absolute.
    size_bytes : int
    digest : str
        Of its first bytes.
    """

    path: bytes
    size_bytes: int
    digest: str


@dataclass(frozen=True)
class Needs:
    """What a worker must have: these versions, and these files."""

    versions: tuple[tuple[str, str], ...]
    probes: tuple[Probe, ...] = ()

    def now(self) -> Needs:
        """Return them without the files that this machine does not see as they were any more."""
        kept = tuple(probe for probe in self.probes if not _unseen(Needs((), (probe,))))
        return self if kept == self.probes else Needs(self.versions, kept)


@dataclass(frozen=True)
class Unfit:
    """Why a worker is not fit, as the end of a sentence, and what it is called."""

    worker: str
    reason: str

    def __str__(self) -> str:
        return f"worker {self.worker} {self.reason}"


def needs(folders: Sequence[Path]) -> Needs:
    """Return what workers need for the files of some folders: one file of each must be seen."""
    probes = [probe for folder in folders if (probe := _probe(folder))]
    return Needs(tuple(versions().items()), tuple(probes))


def lacking(needs: Needs) -> str:
    """Return what this process lacks, as the end of a sentence, or ""."""
    return _other_version(needs) or _unseen(needs)


def name_of_worker(address: str) -> str:
    """Return what to call this worker: its address, and the name of its machine."""
    return f"{address} on {socket.gethostname()}"


# -- versions ------------------------------------------------------------------------------------


@cache
def versions() -> dict[str, str]:
    """Return the versions that must be the same everywhere, by what has them."""
    decoders = {name for entry in formats.FORMATS.values() for name in entry.packages}
    return {
        "dedup_nb": f"{dedup_nb.__version__} (code {_code()})",
        "Python": platform.python_version(),
        "a processor": platform.machine(),
        **{name: _version(name) for name in sorted(decoders.union(PACKAGES))},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return MISSING


def _code() -> str:
    """Return a digest of the code, since two checkouts may carry the same version."""
    folder = Path(dedup_nb.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".npz"):
            data = path.read_bytes()
            digest.update(f"{path.relative_to(folder).as_posix()} {len(data)}\n".encode() + data)
    return digest.hexdigest()[:12]


def _other_version(needs: Needs) -> str:
    mine = versions()
    for name, wanted in needs.versions:
        if mine.get(name, MISSING) != wanted:
            return (
                f"has {name} {mine.get(name, MISSING)}, this machine has {wanted}; install the "
                "same on both"
            )
    return ""


# -- files ---------------------------------------------------------------------------------------


def _probe(folder: Path) -> Probe | None:
    """Return a file of a folder, or None if there is none among the first."""
    for path in _first_files(os.fsencode(folder.absolute())):
        try:
            return Probe(path, *_start(path))
        except OSError:
            continue
    return None


def _first_files(folder: bytes) -> Iterator[bytes]:
    """Yield the files of a folder and those below it, the nearest first."""
    looked, folders = 0, [folder]
    while folders and looked < MOST_LOOKED_AT:
        here = folders.pop(0)
        try:
            with os.scandir(here) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            looked += 1
            if entry.is_dir(follow_symlinks=False):
                if os.fsdecode(entry.name) not in OURS and not entry.name.startswith(b"."):
                    folders.append(entry.path)
            elif entry.is_file(follow_symlinks=False):
                yield entry.path


def _start(path: bytes) -> tuple[int, str]:
    """Return the size of a file and the digest of its first bytes."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        size = os.fstat(descriptor).st_size
        return size, hashlib.sha256(file.read(START_BYTES)).hexdigest()


def _unseen(needs: Needs) -> str:
    for probe in needs.probes:
        path = os.fsdecode(probe.path)
        try:
            there = _start(probe.path)
        except OSError as error:
            why = error.strerror or type(error).__name__
            return f"does not see {path} ({why}); mount the library there under the same path"
        if there != (probe.size_bytes, probe.digest):
            return f"sees another file as {path}; mount the same library there"
    return ""
