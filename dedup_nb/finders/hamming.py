"""Hashes -> all pairs within a Hamming distance, exact.

Hashes are sorted into buckets by some of their bits, a band. By the general pigeonhole principle
(Qin et al., SIGMOD 2018), two hashes that differ in at most r bits differ in at most radius[b] bits
in at least one band b, provided that the sum of (radius[b] + 1) over all bands exceeds r. So only
buckets are compared whose numbers differ in that few bits, and each bucket lies in one piece of
memory, where the processor compares several hashes at once.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numba
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb.library.progress import Ticker
from dedup_nb.pictures.engines import LOCAL, Engine, cores

Words = NDArray[np.uint64]
Keys = NDArray[np.int64]

WORD_BITS = 64
MOST_BANDS, WIDEST = 8, 22  # bands of a word; bits of the widest band, whose buckets are counted
# To visit a bucket takes about as long as comparing this many hashes inside one.
VISIT = 64
COMPARED = 12  # operations that take as long as comparing two hashes; see `Engine.join`
BLOCK, CHUNK = 1 << 18, 1 << 12  # places of a band between two reports, and in one task of a thread
AT_FIRST = 1 << 16  # pairs for which a task has room at first
ROWS, COLUMNS, RUN = 64, 4096, 256  # compared at once so that they stay in the processor's cache
# A pair in one number, in the order of the table: i, j, and the distance in bits.
PLACE_BITS, DISTANCE_BITS = 27, 9
MOST = 1 << PLACE_BITS  # hashes

NOT_COUNTED = np.zeros(0, np.int32)

T = TypeVar("T")
N = TypeVar("N")


@dataclass(frozen=True)
class _Band:
    """Some bits of a word, and how many of them may differ; all hashes share a bucket of no bits.

    Attributes
    ----------
    word, shift, width : int
        Number of the word, its first bit, and the number of bits.
    radius : int
        Largest number of differing bits; -1 leaves the band out.
    """

    word: int
    shift: int
    width: int
    radius: int

    @property
    def visits(self) -> int:
        """Number of buckets near a bucket."""
        return sum(math.comb(self.width, k) for k in range(self.radius + 1))

    @property
    def masks(self) -> NDArray[np.int64]:
        """The numbers of at most `radius` bits, zero first."""
        every = [
            sum(1 << bit for bit in bits)
            for k in range(self.radius + 1)
            for bits in itertools.combinations(range(self.width), k)
        ]
        return np.array(every, np.int64)


def _bands(n_words: int, each: int, ceiling: int) -> list[_Band]:
    """Split each word into some bands, and spread the radii over all of them."""
    count = n_words * each
    spare = ceiling - count + 1  # required sum of the radii
    edges = [WORD_BITS * part // each for part in range(each + 1)]
    places = [(word, *span) for word in range(n_words) for span in itertools.pairwise(edges)]
    return [
        _Band(word, low, high - low, max(-1, (spare + count - 1 - at) // count))
        for at, (word, low, high) in enumerate(places)
    ]


def _cheapest(n: int, n_words: int, ceiling: int) -> list[_Band]:
    """Return the bands of the cheapest search among n evenly spread hashes."""
    plans = [([_Band(0, 0, 0, 0)], n / 2)]  # one bucket: each hash is compared with all others
    for each in range(1, MOST_BANDS + 1):
        bands = [band for band in _bands(n_words, each, ceiling) if band.radius >= 0]
        if all(band.width <= WIDEST for band in bands):
            plans.append((bands, _compared(n, bands)))
    return min(plans, key=lambda plan: plan[1])[0]


def steps(n: int, bound: int, n_words: int = 1) -> float:
    """Return about how many operations it takes to join n hashes in one orientation."""
    return _steps(n, _cheapest(n, n_words, bound))


def _steps(n: int, bands: list[_Band]) -> float:
    return COMPARED * n * _compared(n, bands)


def _compared(n: int, bands: list[_Band]) -> float:
    """Return with how many others a hash is compared, visits of buckets included."""
    return sum(band.visits / 2 * (VISIT + n / (1 << band.width)) for band in bands)


class Join:
    """All pairs i < j with the upright hash i near an orientation of the hash j.

    Parameters
    ----------
    words : ndarray of uint64, shape (n, n_orientations, n_words)
    engine : Engine
        Processes the blocks of rows.

    Raises
    ------
    ValueError
        If there are more than 134 million hashes.
    """

    def __init__(self, words: Words, engine: Engine = LOCAL) -> None:
        if len(words) > MOST:
            raise ValueError(f"{len(words):,} hashes; at most {MOST:,} can be joined at once")
        self.engine, self.n = engine, len(words)
        # (n_orientations, n_words, n): the values of one word lie side by side
        self.turns = np.ascontiguousarray(words.transpose(1, 2, 0))
        self.crowded = np.zeros(self.n, bool)

    def leave_out(self, crowded: NDArray[np.int64]) -> None:
        """Leave out the pairs of two images that are both in a crowd."""
        self.crowded[crowded] = True

    def pairs(self, bound: int, most: int) -> tuple[pd.DataFrame | None, NDArray[np.int64]]:
        """Find the pairs within a bound, unless there are more than `most`.

        Parameters
        ----------
        bound : int
            Largest distance in bits, inclusive; below 0 there are no pairs.
        most : int
            Largest number of pairs, where one counts once for each orientation that is near.

        Returns
        -------
        pairs : DataFrame or None
            Columns `i < j` and `hamming_bits`, the smallest of all orientations, sorted by i, then
            j; None if there are too many.
        histogram : ndarray of int64, shape (bound + 1,)
            Number of pairs at each distance.
        """
        histogram = np.zeros(max(0, bound + 1), np.int64)
        parts: list[Keys] = [np.zeros(0, np.int64)]

        def wanted() -> int:
            """Return how many pairs are worth keeping: none once there are too many."""
            return most if parts else -1

        for found in self._parts(bound, _pairs, wanted):
            for keys, counts in found:
                histogram += counts
                parts.append(keys)
            if histogram.sum() > most:
                parts.clear()
        if histogram.sum() > most:
            return None, histogram
        return _table(np.concatenate(parts)), histogram

    def neighbours(self, bound: int) -> NDArray[np.int64]:
        """Return how many pairs within a bound each image has, over all orientations."""
        total = np.zeros(self.n, np.int64)
        for counts in self._parts(bound, _neighbours, lambda: None):
            total += counts
        return total

    def _parts(
        self, bound: int, work: Callable[[_Task, int, int, N], T], now: Callable[[], N]
    ) -> Iterator[T]:
        """Yield what `work` returns for the places of each task, block by block."""
        if bound < 0 or self.n < 2:
            return
        bands = _cheapest(self.n, self.turns.shape[1], bound)
        tell = Ticker("compared all pairs of hashes:", percent=True)
        every = list(itertools.product(range(len(self.turns)), range(len(bands))))
        for done, (turn, at) in enumerate(every):
            task = self._task(turn, bands[: at + 1], bound)
            for stop, found in self.engine.join(
                work,
                task,
                self.n,
                most_values=BLOCK * self.n,
                steps=_steps(self.n, bands) / len(bands),
                now=now,
            ):
                yield found
                tell(done * self.n + stop, len(every) * self.n)

    def _task(self, turn: int, bands: list[_Band], bound: int) -> _Task:
        left = _Buckets.of(self.turns[0], bands[-1])
        right = left if turn == 0 else _Buckets.of(self.turns[turn], bands[-1])
        return _Task(left, right, turn == 0, bands, bound, self.crowded)


def _pairs(task: _Task, start: int, stop: int, wanted: int) -> list[tuple[Keys, NDArray[np.int64]]]:
    """Return the pairs of a block and their number at each distance; at most about `wanted`."""

    def scan(first: int, last: int) -> tuple[Keys, NDArray[np.int64]]:
        room = AT_FIRST if wanted >= 0 else 0
        while True:
            keys, counts = np.empty(room, np.int64), np.zeros(task.bound + 1, np.int64)
            found = task.scan(first, last, keys, counts, NOT_COUNTED)
            if found <= room or not room or found > wanted:
                return keys[:found], counts
            room = found

    return _in_threads(scan, CHUNK, start, stop)


def _neighbours(task: _Task, start: int, stop: int, _: None) -> NDArray[np.int64]:
    """Return how many pairs of a block each image is in."""

    def scan(first: int, last: int) -> NDArray[np.int32]:
        neighbours = np.zeros(len(task.crowded), np.int32)
        counts = np.zeros(task.bound + 1, np.int64)
        task.scan(first, last, np.empty(0, np.int64), counts, neighbours)
        return neighbours

    step = -(-(stop - start) // cores.count())
    total = np.zeros(len(task.crowded), np.int64)
    for neighbours in _in_threads(scan, step, start, stop):
        total += neighbours
    return total


def _in_threads(scan: Callable[[int, int], T], step: int, start: int, stop: int) -> list[T]:
    """Return what `scan` returns for pieces of a block."""
    threads = cores.count()
    spans = list(itertools.pairwise([*range(start, stop, max(1, step)), stop]))
    if len(spans) == 1 or threads == 1:
        return [scan(*span) for span in spans]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda span: scan(*span), spans))


@dataclass(frozen=True)
class _Buckets:
    """Hashes in the order of their buckets.

    Attributes
    ----------
    words : ndarray of uint64, shape (n_words, n)
    rows : ndarray of int32, shape (n,)
        Which hash is at each place.
    heads : ndarray of int64, shape (n_buckets + 1,)
        First place of each bucket.
    """

    words: Words
    rows: NDArray[np.int32]
    heads: NDArray[np.int64]

    @classmethod
    def of(cls, words: Words, band: _Band) -> _Buckets:
        numbers = (words[band.word] >> np.uint64(band.shift)) & np.uint64((1 << band.width) - 1)
        heads, rows = _sorted(numbers.astype(np.int64), 1 << band.width)
        return cls(np.ascontiguousarray(words[:, rows]), rows, heads)


@dataclass(frozen=True)
class _Task:
    """The comparison of each hash with those in the buckets near its own.

    Attributes
    ----------
    left, right : _Buckets
        Upright hashes, and those of an orientation.
    same : bool
        Whether both are upright; each two buckets are then compared once.
    bands : list of _Band
        This band and those before it, whose pairs are known already.
    """

    left: _Buckets
    right: _Buckets
    same: bool
    bands: list[_Band]
    bound: int
    crowded: NDArray[np.bool_]

    def scan(
        self,
        start: int,
        stop: int,
        keys: Keys,
        counts: NDArray[np.int64],
        neighbours: NDArray[np.int32],
    ) -> int:
        """Compare the hashes at some places; return the number of pairs.

        Keys are filled as far as they reach; neighbours are counted if there are any.
        """
        band = self.bands[-1]
        earlier = [(b.word, b.shift, (1 << b.width) - 1, b.radius) for b in self.bands[:-1]]
        found: int = _scan(
            *(start, stop, self.same, self.bound, band.word, np.uint64(band.shift)),
            *(self.left.words, self.left.rows),
            *(self.right.words, self.right.rows, self.right.heads, band.masks),
            np.array(earlier, np.int64).reshape(-1, 4),
            *(self.crowded, keys, counts, neighbours),
        )
        return found


def _table(keys: Keys) -> pd.DataFrame:
    """Return the pairs of unordered keys, each with its smallest distance."""
    keys = np.sort(keys)
    ends = keys >> DISTANCE_BITS
    keys = keys[np.concatenate([np.ones(min(1, len(ends)), bool), ends[1:] != ends[:-1]])]
    return pd.DataFrame(
        {
            "i": (keys >> (DISTANCE_BITS + PLACE_BITS)).astype(np.int32),
            "j": ((keys >> DISTANCE_BITS) & (MOST - 1)).astype(np.int32),
            "hamming_bits": (keys & ((1 << DISTANCE_BITS) - 1)).astype(np.int16),
        }
    )


def distances(words: Words, i: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.int16]:
    """Return the distance of each pair, the smallest over the orientations of the later one.

    Parameters
    ----------
    words : ndarray of uint64, shape (n, n_orientations, n_words)
    i, j : ndarray of int64, shape (m,)
        Rows, in any order.

    Returns
    -------
    ndarray of int16, shape (m,)
        In bits.
    """
    first, second = np.minimum(i, j), np.maximum(i, j)
    bits = [
        np.bitwise_count(words[first, 0] ^ words[second, turn]).sum(axis=-1, dtype=np.int16)
        for turn in range(words.shape[1])
    ]
    smallest: NDArray[np.int16] = np.min(bits, axis=0)
    return smallest


# ---------------------------------------------------------------- inner loops


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _ones(x):  # type: ignore[no-untyped-def]
    """Count the set bits of a 64-bit word; compiles to the processor's own instruction."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _least(mine, others):  # type: ignore[no-untyped-def]
    """Return the smallest distance of a word to some others; compiles to vector instructions."""
    least = np.int64(WORD_BITS)
    for k in range(len(others)):
        least = min(least, _ones(mine ^ others[k]))
    return least


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _least_of_four(mine, others):  # type: ignore[no-untyped-def]
    """Return the smallest distance of a hash of four words to some others, shape (4, n)."""
    least = np.int64(4 * WORD_BITS)
    a, b, c, d = mine[0], mine[1], mine[2], mine[3]
    for k in range(others.shape[1]):
        bits = _ones(a ^ others[0, k]) + _ones(b ^ others[1, k])
        bits += _ones(c ^ others[2, k]) + _ones(d ^ others[3, k])
        least = min(least, bits)
    return least


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _scan(  # type: ignore[no-untyped-def]
    start, stop, same, bound, word, shift, left, rows, right, columns, heads, masks, earlier,
    crowded, keys, counts, neighbours,
):  # fmt: skip
    found = 0
    last = np.uint64(len(heads) - 2)
    place = start
    while place < stop:  # some hashes of one bucket
        bucket = np.int64((left[word, place] >> shift) & last)
        end = place + 1
        while (
            end < stop
            and end - place < ROWS
            and np.int64((left[word, end] >> shift) & last) == bucket
        ):
            end += 1
        for number in range(len(masks)):
            other = bucket ^ masks[number]
            if same and other < bucket:
                continue
            for column in range(heads[other], heads[other + 1], COLUMNS):
                edge = min(heads[other + 1], column + COLUMNS)
                for at in range(place, end):
                    first = max(column, at + 1) if same and number == 0 else column
                    for low in range(first, edge, RUN):
                        high = min(edge, low + RUN)
                        if len(left) == 1:
                            least = _least(left[0, at], right[0, low:high])
                        else:
                            least = _least_of_four(left[:, at], right[:, low:high])
                        if least > bound:
                            continue
                        for beside in range(low, high):
                            bits = 0
                            for w in range(len(left)):
                                bits += _ones(left[w, at] ^ right[w, beside])
                            if bits > bound:
                                continue
                            i, j = np.int64(rows[at]), np.int64(columns[beside])
                            if same and i > j:
                                i, j = j, i
                            if i >= j or (crowded[i] and crowded[j]):
                                continue
                            if _known(left[:, at], right[:, beside], earlier):
                                continue
                            if found < len(keys):
                                keys[found] = ((i << PLACE_BITS | j) << DISTANCE_BITS) | bits
                            found += 1
                            counts[bits] += 1
                            if len(neighbours):
                                neighbours[i] += 1
                                neighbours[j] += 1
        place = end
    return found


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _known(a, b, earlier):  # type: ignore[no-untyped-def]
    """Return whether an earlier band finds this pair too."""
    for k in range(len(earlier)):
        differing = (a[earlier[k, 0]] ^ b[earlier[k, 0]]) >> np.uint64(earlier[k, 1])
        if _ones(differing & np.uint64(earlier[k, 2])) <= earlier[k, 3]:
            return True
    return False


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _sorted(numbers, n_buckets):  # type: ignore[no-untyped-def]
    """Return the first place of each bucket, and which hash is at each place."""
    heads = np.zeros(n_buckets + 1, np.int64)
    for number in numbers:
        heads[number + 1] += 1
    for bucket in range(n_buckets):
        heads[bucket + 1] += heads[bucket]
    at, rows = heads[:-1].copy(), np.empty(len(numbers), np.int32)
    for row in range(len(numbers)):
        rows[at[numbers[row]]] = row
        at[numbers[row]] += 1
    return heads, rows
