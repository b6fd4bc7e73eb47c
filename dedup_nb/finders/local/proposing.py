"""The codes of contents -> pairs that may show one picture, with their number of matches.

Each picture proposes at most `search.PARTNERS` others. In a crowd of copies that is too few: every
copy must be able to reach the one keeper of the crowd directly, so its members are compared with
the crowd's best pictures too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from dedup_nb.finders.local import codes, search
from dedup_nb.finders.local.codes import Coded
from dedup_nb.groups.unions import unite
from dedup_nb.pictures.engines import LOCAL, Engine

Indices = NDArray[np.int64]
Progress = Callable[[int, int], None]  # done, total

FEWEST = search.AGREE  # matches of a pair
MOST = search.TRIED  # matches that are counted
BLOCK = 4_096  # pictures that ask at once
CROWD = search.PARTNERS + 1  # a larger component is a crowd
SURE = 8  # matches that join pictures to a crowd; fewer may be chance, and would chain everything
LEADERS = 2  # pictures of a crowd that each of it is compared with, if they match
MOST_LEADERS = 512  # of one crowd


@dataclass(frozen=True)
class Proposed:
    """Pairs of pictures, `i < j`, each once, sorted.

    Attributes
    ----------
    i, j : ndarray of int64, shape (n,)
        Positions of the pictures.
    matches : ndarray of int64, shape (n,)
        From `FEWEST` to `MOST`.
    """

    i: Indices
    j: Indices
    matches: Indices


class Pictures:
    """Many pictures, ready to be searched; those with equal codes are held once.

    Parameters
    ----------
    coded : Coded
        Their codes, sorted by content, so that ties do not depend on the order of files.
    labels : ndarray of int32, shape (n,), optional
        Pictures with different labels are no pair, unless one of them is negative, the default.

    Attributes
    ----------
    firsts : ndarray of int64, shape (m,)
        The first picture of each different code.
    same : ndarray of int64, shape (n,)
        Position in `firsts` of the picture that each picture equals.
    index : Index
        Of the pictures `firsts`.
    """

    def __init__(self, coded: Coded, labels: NDArray[np.int32] | None = None) -> None:
        if labels is None:
            labels = np.full(len(coded.starts) - 1, -1, np.int32)
        self.firsts, self.same = _alike(coded, labels)
        self.index = search.Index(_some(coded, self.firsts), labels[self.firsts])


def propose(
    pictures: Pictures,
    ranks: Callable[[], Indices],
    further: Callable[[], NDArray[np.int64]] = lambda: np.zeros((0, 3), np.int64),
    progress: Progress = lambda done, total: None,
    engine: Engine = LOCAL,
) -> Proposed:
    """Return the pairs that the pictures propose.

    Parameters
    ----------
    pictures : Pictures
        The pictures.
    ranks : callable
        Returns the keeper order of the pictures, 0 first; called only if there is a crowd.
    further : callable
        Returns rows of further pairs: i < j and matches.
    progress : callable
        Called with (done, total) pictures.
    engine : Engine
        Asks for blocks of pictures.
    """
    firsts, same = pictures.firsts, pictures.same
    n = len(firsts)
    parts = [_pairs(firsts[same], np.arange(len(same)), np.full(len(same), MOST))]
    index = pictures.index
    for stop, found in engine.join(
        _ask, index, n, most_values=BLOCK * n, steps=_steps(index), now=lambda: None
    ):
        parts.append(_pairs(firsts[found.asked], firsts[found.others], found.agreeing))
        progress(stop, n)
    pairs = _merged([*parts, further()])
    crowds = _crowds(pictures, pairs[pairs[:, 2] >= SURE], ranks)
    return Proposed(*_merged([pairs, *crowds]).T)


def _ask(index: search.Index, start: int, stop: int, _: None) -> search.Found:
    return index.ask(start, stop)


def _steps(index: search.Index) -> float:
    """Return about how many operations it takes to ask for all pictures."""
    entries = len(index.values)
    return entries * search.PROBES * entries / codes.CELLS * codes.WIDTH


def _alike(coded: Coded, labels: NDArray[np.int32]) -> tuple[Indices, Indices]:
    """Return the first picture of each different code, and for all which of those they equal."""
    seen: dict[bytes, int] = {}
    firsts: list[int] = []
    same = np.zeros(len(coded.starts) - 1, np.int64)
    for k in range(len(same)):
        part = slice(coded.starts[k], coded.starts[k + 1])
        key = b"%d" % k  # a picture without features is like none
        if part.start < part.stop:
            whole = coded.values[part].tobytes() + coded.places[part].tobytes()
            whole += labels[k].tobytes()
            key = hashlib.blake2b(whole, digest_size=20).digest()
        if key not in seen:
            seen[key] = len(firsts)
            firsts.append(k)
        same[k] = seen[key]
    return np.array(firsts, np.int64), same


def _some(coded: Coded, pictures: Indices) -> Coded:
    """Return the codes of some pictures, ascending."""
    if len(pictures) == len(coded.starts) - 1:
        return coded
    counts = np.diff(coded.starts)
    kept = np.zeros(len(counts), bool)
    kept[pictures] = True
    rows = np.repeat(kept, counts)
    starts = np.concatenate([[0], np.cumsum(counts[pictures])]).astype(np.int64)
    names = ("values", "places", "turned", "cells", "reaches")
    return Coded(starts, **{name: getattr(coded, name)[rows] for name in names})


def _pairs(a: Indices, b: Indices, matches: Indices) -> NDArray[np.int64]:
    """Return rows i, j, matches with i < j; a picture is no pair with itself."""
    rows = np.stack([np.minimum(a, b), np.maximum(a, b), matches], axis=1).astype(np.int64)
    kept: NDArray[np.int64] = rows[a != b]
    return kept


def _merged(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return rows i, j, matches, each pair once with its most matches, sorted."""
    rows = np.concatenate([np.zeros((0, 3), np.int64), *parts])
    rows = rows[np.lexsort((-rows[:, 2], rows[:, 1], rows[:, 0]))]
    first = np.ones(len(rows), bool)
    first[1:] = (rows[1:, :2] != rows[:-1, :2]).any(axis=1)
    return rows[first]


# ---------------------------------------------------------------- crowds


def _crowds(
    pictures: Pictures, pairs: NDArray[np.int64], ranks: Callable[[], Indices]
) -> Iterator[NDArray[np.int64]]:
    """Yield the pairs of each crowd's members with its best pictures.

    Like the stars that follow: the best picture leads all that match it, then the best of the rest,
    until each picture has `LEADERS` leaders or there is none for it.
    """
    n = len(pictures.same)
    names = unite(n, pairs[:, 0], pairs[:, 1])[0]
    counts = np.bincount(names, minlength=n)
    crowds = np.flatnonzero(counts > (2 if len(pictures.firsts) < n else CROWD))
    if not len(crowds):
        return
    order = np.argsort(ranks(), kind="stable")
    order = order[np.isin(names[order], crowds)]
    for members in _by_name(order, names):
        yield from _led(pictures, members)


def _by_name(order: Indices, names: Indices) -> Iterator[Indices]:
    """Yield the pictures of each component, best first."""
    by_name = order[np.argsort(names[order], kind="stable")]
    yield from np.split(by_name, np.flatnonzero(np.diff(names[by_name])) + 1)


def _led(pictures: Pictures, members: Indices) -> Iterator[NDArray[np.int64]]:
    """Yield the pairs of a crowd, best first, with its leaders."""
    leaders = np.zeros(len(members), np.int64)
    led = 0
    for place in range(len(members)):
        if leaders[place] >= LEADERS:
            continue
        waiting = place + 1 + np.flatnonzero(leaders[place + 1 :] < LEADERS)
        if led == MOST_LEADERS or not len(waiting):
            return
        led += 1
        leader = int(members[place])
        counts = matches_with(pictures, leader, members[waiting])
        near = counts >= FEWEST
        leaders[waiting[near]] += 1
        yield _pairs(np.full(near.sum(), leader), members[waiting[near]], counts[near])


def matches_with(pictures: Pictures, one: int, others: Indices) -> Indices:
    """Return how many matches of a picture with each of some others agree, at most `MOST`."""
    counts = np.zeros(len(others), np.int64)
    same, index = pictures.same, pictures.index
    _match(
        same[one], same[others], index.starts, index.at, index.values, index.places, index.turned,
        index.reaches, counts,
    )  # fmt: skip
    mine, theirs = index.labels[same[one]], index.labels[same[others]]
    counts[(mine >= 0) & (theirs >= 0) & (theirs != mine)] = 0
    return counts


@numba.njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _match(one, others, starts, at, values, places, turned, reaches, counts):  # type: ignore[no-untyped-def]
    """Each pair on its own, so that threads change nothing."""
    for place in numba.prange(len(others)):
        a, b = starts[others[place]], starts[others[place] + 1]
        key, hits = np.empty(b - a, np.int64), np.empty(b - a, np.int64)
        mine, found = np.empty(b - a, np.int64), 0
        for feature in range(a, b):
            least, hit = codes.limit(reaches[feature]), -1
            for other in range(starts[one], starts[one + 1]):
                d = search.apart(values[at[feature]], values[at[other]])
                if d < least:
                    least, hit = np.float64(d), other
            if hit >= 0:
                key[found], hits[found], mine[found] = np.int64(least), hit, feature
                found += 1
        line = np.argsort(key[:found], kind="mergesort")
        weight = np.ones(found)
        for mirrored in range(2):
            some = line[(turned[mine[line]] != turned[hits[line]]) == (mirrored == 1)]
            if len(some) >= search.AGREE:
                count, _ = search.agreeing(
                    mine[some], hits[some], weight, places, places, mirrored == 1
                )
                counts[place] = max(counts[place], count)
