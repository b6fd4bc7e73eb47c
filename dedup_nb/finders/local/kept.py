"""Contents -> their codes, from the store where they are known; only new contents are encoded.

The index of local features needs no file of its own: a code depends on its picture alone (see
`codes`), so it is kept like any other measure, grows by what is new, and goes with its content.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from dedup_nb.finders.local import codes
from dedup_nb.finders.local.codes import Coded
from dedup_nb.pictures import features, kept_features
from dedup_nb.pictures.engines import LOCAL, Engine
from dedup_nb.pictures.kept_features import Remake
from dedup_nb.pictures.store import Store

KIND = f"local 1, {features.KIND}"  # store kind of codes; increase the number when they change
BLOCK = 2_048  # pictures whose codes are read at once

Progress = Callable[[int, int], None]  # done, total


@dataclass
class Codes:
    """The codes of contents.

    Attributes
    ----------
    coded : Coded
        In the order of the contents; none for those in `failed`.
    encoded : int
        Number of contents that were encoded now.
    failed : dict of str -> str
        Why contents have no features, by sha256.
    """

    coded: Coded
    encoded: int = 0
    failed: dict[str, str] = field(default_factory=dict)


def of_contents(
    store: Store,
    digests: Sequence[str],
    remake: Remake,
    progress: Progress = lambda done, total: None,
    engine: Engine = LOCAL,
) -> Codes:
    """Return the codes of contents, encoding new ones.

    Parameters
    ----------
    store : Store
        Holds thumbnails, features and codes.
    digests : sequence of str
        Contents with thumbnails, each once.
    remake : callable
        Decodes contents again whose thumbnails were lost or damaged.
    progress : callable
        Called with (done, total) of the contents that are encoded now.
    engine : Engine
        Finds missing features.
    """
    made = Codes(_nothing())
    new = sorted(store.lacking(KIND, digests))
    _encode(store, new, remake, progress, engine, made)
    parts = _Parts(len(digests))
    for start in range(0, len(digests), BLOCK):
        block = digests[start : start + BLOCK]
        known = store.measures(KIND, block, codes.sound)
        if damaged := [d for d in block if d not in known and d not in made.failed]:
            _encode(store, damaged, remake, progress, engine, made)
            known |= store.measures(KIND, damaged, codes.sound)
        parts.add(codes.decoded([known.get(digest, b"") for digest in block]))
    made.coded = parts.whole()
    return made


def encode(stored: bytes) -> bytes:
    """Return the codes of stored features; see `features.extract`."""
    places, descriptors = features.packed(stored)
    return codes.encode(places, descriptors)


def _encode(
    store: Store, new: list[str], remake: Remake, progress: Progress, engine: Engine, made: Codes
) -> None:
    done = 0
    for known in kept_features.stream(store, new, remake, made.failed, engine):
        store.put([], measures=[(KIND, digest, encode(value)) for digest, value in known.items()])
        made.encoded += len(known)
        done += len(known)
        progress(done, len(new))
    progress(len(new), len(new))


def _nothing() -> Coded:
    return codes.decoded([])


class _Parts:
    """Codes of blocks of pictures, collected without holding them twice."""

    def __init__(self, pictures: int) -> None:
        most = pictures * codes.KEPT  # memory that is not written to is not taken
        empty = _nothing()
        self.starts = np.zeros(pictures + 1, np.int64)
        self.columns = {
            name: np.empty((most, *getattr(empty, name).shape[1:]), getattr(empty, name).dtype)
            for name in ("values", "places", "turned", "cells", "reaches")
        }
        self.pictures = 0

    def add(self, coded: Coded) -> None:
        count, at = len(coded.starts) - 1, int(self.starts[self.pictures])
        self.starts[self.pictures + 1 : self.pictures + count + 1] = at + coded.starts[1:]
        self.pictures += count
        for name, column in self.columns.items():
            part = getattr(coded, name)
            column[at : at + len(part)] = part

    def whole(self) -> Coded:
        m = int(self.starts[self.pictures])
        return Coded(self.starts, **{name: column[:m] for name, column in self.columns.items()})
