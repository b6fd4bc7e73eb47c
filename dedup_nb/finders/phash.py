"""Pixels -> perceptual hashes -> pairs within a Hamming distance.

The hashes equal those of the `imagehash` library bit for bit, but are computed in batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import imagehash
import numba
import numpy as np
import pandas as pd
import scipy.fftpack
from numpy.typing import NDArray
from PIL import Image

from dedup_nb.finders import crowds
from dedup_nb.finders.crowds import CROWD
from dedup_nb.groups.floods import Twins
from dedup_nb.groups.pairs import MAX_PAIRS, crowd, tell_bound, too_many
from dedup_nb.library.progress import Ticker, triangle
from dedup_nb.pictures import orientations
from dedup_nb.pictures.engines import LOCAL, Engine
from dedup_nb.pictures.measures import Kind, Rasters
from dedup_nb.pictures.store import of_length

Size = tuple[int, int]
Hashes = NDArray[np.uint8]
Bits = NDArray[np.bool_]
Grey = NDArray[np.uint8]  # shape (n, height, width)

HASH_BITS = (64, 256)
BAND_BITS = 16  # the lookup splits each hash into bands of this many bits
# Comparing every pair of 64-bit hashes uses vector instructions and is measured to be this many
# times faster, per pair, than visiting a pair through the lookup.
IN_VECTORS = 30
# `_scan_all_64` compares a block of 64 rows with 4096 columns that fit the cache, 256 at a time: a
# run of 256 is skipped if its smallest distance is above the bound.
BLOCK_ROWS, BLOCK_COLUMNS, RUN = 64, 4096, 256
COMPARED_AT_ONCE = 10**10  # pairs between two reports of progress: a fifth of a second or two

B = TypeVar("B")


@dataclass(frozen=True)
class Hash:
    """One perceptual hash.

    Attributes
    ----------
    name : str
        Value of the parameter `hash`.
    help : str
        What the bits describe.
    size : callable
        Side of the hash in bits (8 or 16) -> (width, height) in pixels of its grey input.
    bits : callable
        Grey pictures of that size -> bool array, shape (n, side, side).
    """

    name: str
    help: str
    size: Callable[[int], Size]
    bits: Callable[[Grey], Bits]


def _dct_bits(rasters: Grey) -> Bits:
    side = rasters.shape[1] // 4
    spectrum = scipy.fftpack.dct(scipy.fftpack.dct(rasters.astype(np.float64), axis=1), axis=2)
    low = spectrum[:, :side, :side]
    bits: Bits = low > np.median(low, axis=(1, 2), keepdims=True)
    return bits


def _gradient_bits(rasters: Grey) -> Bits:
    bits: Bits = rasters[:, :, 1:] > rasters[:, :, :-1]
    return bits


def _wavelet_bits(rasters: Grey) -> Bits:
    return np.stack([_wavelet(raster) for raster in rasters])


def _wavelet(raster: NDArray[np.uint8]) -> Bits:
    side = len(raster) // 8
    picture = Image.fromarray(np.ascontiguousarray(raster))
    bits: Bits = imagehash.whash(picture, hash_size=side, image_scale=len(raster)).hash
    return bits


def _mean_bits(rasters: Grey) -> Bits:
    bits: Bits = rasters > rasters.astype(np.float64).mean(axis=(1, 2), keepdims=True)
    return bits


# To add a hash, add an entry. Stored values are named after the entry plus `-v1`; a hash that
# changes needs a new name, so that old values are not mistaken for new ones.
HASHES: Mapping[str, Hash] = {
    entry.name: entry
    for entry in (
        Hash("phash", "low frequencies", lambda side: (4 * side, 4 * side), _dct_bits),
        Hash("dhash", "brighter than on the left", lambda side: (side + 1, side), _gradient_bits),
        Hash("whash", "wavelets", lambda side: (8 * side, 8 * side), _wavelet_bits),
        Hash("ahash", "brighter or darker than the mean", lambda side: (side, side), _mean_bits),
    )
}  # fmt: skip


def kind(name: str, hash_bits: int) -> Kind:
    """Return how to compute one hash from a picture, for `measures.measure_files`.

    The hash is stored in all eight orientations: upright, mirrored, then the quarter turns and
    their mirror images.

    Parameters
    ----------
    name : str
        A name of `HASHES`.
    hash_bits : int
        64 or 256.

    Raises
    ------
    ValueError
        If there is no such hash.
    """
    if name not in HASHES or hash_bits not in HASH_BITS:
        raise ValueError(
            f"unknown hash {name} with {hash_bits} bits; choose one of {', '.join(HASHES)} "
            f"with 64 or 256 bits"
        )
    upright = HASHES[name].size(8 if hash_bits == 64 else 16)
    sizes = upright, upright[::-1]  # upright, and after a quarter turn

    def encode(pictures: Sequence[Rasters]) -> list[bytes]:
        columns = [
            hash_rasters(name, _oriented(pictures, sizes[quarter % 2], mirror, quarter))
            for quarter in range(4)
            for mirror in (False, True)
        ]
        return [row.tobytes() for row in np.stack(columns, axis=1)]

    # eight orientations of hash_bits / 8 bytes
    return Kind(f"{name}{hash_bits}-v1", tuple(dict.fromkeys(sizes)), encode, of_length(hash_bits))


def _oriented(
    pictures: Sequence[Rasters], size: Size, mirror: bool, quarter: int
) -> NDArray[np.uint8]:
    width, height = size
    stack = np.frombuffer(b"".join(p[size] for p in pictures), np.uint8)
    stack = np.rot90(stack.reshape(len(pictures), height, width), quarter, axes=(1, 2))
    return stack[:, :, ::-1] if mirror else stack


def hash_rasters(name: str, rasters: NDArray[np.uint8]) -> Hashes:
    """Hash grey pictures that already have the input size of the hash.

    Parameters
    ----------
    name : str
        A name of `HASHES`.
    rasters : ndarray of uint8, shape (n, height, width)
        For `phash`, 32x32 pixels (64 bits) or 64x64 pixels (256 bits).

    Returns
    -------
    ndarray of uint8, shape (n, n_bytes)
        Eight bits packed to the byte, row by row as in `imagehash`.
    """
    return np.packbits(HASHES[name].bits(rasters).reshape(len(rasters), -1), axis=1)


def hex_digits(hash_bytes: NDArray[np.uint8]) -> str:
    """Return one hash as hexadecimal digits, as `imagehash` writes it.

    Parameters
    ----------
    hash_bytes : ndarray of uint8, shape (n_bytes,)
        Eight bits packed to the byte.
    """
    return hash_bytes.tobytes().hex()


def unpack(stored: Sequence[bytes], invariance: str = "none") -> NDArray[np.uint8]:
    """Return stored hashes as an array, one row for each orientation that counts.

    Returns
    -------
    ndarray of uint8, shape (n, n_orientations, n_bytes)
        One orientation for `none`, two for `mirror`, eight for `rotate`.
    """
    n_orientations = orientations.count(invariance)
    if not stored:
        return np.zeros((0, n_orientations, 8), np.uint8)
    every = np.frombuffer(b"".join(stored), np.uint8).reshape(len(stored), 8, -1)
    return every[:, :n_orientations]


def near_pairs(
    hashes: NDArray[np.uint8],
    ceiling: int,
    max_pairs: int = MAX_PAIRS,
    rows: NDArray[np.int64] | None = None,
    engine: Engine = LOCAL,
    twins: Twins | None = None,
    order: Callable[[], NDArray[np.int64]] | None = None,
) -> tuple[pd.DataFrame, int]:
    """Find all pairs whose hashes differ in at most `ceiling` bits; exact.

    Where there are more than `max_pairs`, images that are near very many others are compared with
    the first few of those only, and all other pairs are complete. If that is not enough, a tighter
    bound is used. `pairs.bound_of` then tells what was asked, what was used, and why.

    Parameters
    ----------
    hashes : ndarray of uint8, shape (n, n_bytes) or (n, n_orientations, n_bytes)
        With orientations, the distance of a pair is the smallest over the orientations of the
        second picture.
    ceiling : int
        Largest Hamming distance kept, in bits, inclusive.
    max_pairs : int
        Largest number of pairs returned, apart from those of crowds and floods.
    rows : ndarray of int64, shape (n,), optional
        Ascending row numbers used as `i` and `j`, such as catalogue rows; positions by default.
    engine : Engine
        Processes the blocks of rows.
    twins : Twins, optional
        Copies of one file, of which very many cost no more than a few; needs `rows`.
    order : callable, optional
        Returns the keeper order of the hashes, 0 first: the best images of a crowd lead it. By
        default the first ones do.

    Returns
    -------
    pairs : DataFrame
        Columns `i < j` (`rows`) and `hamming_bits`, sorted by i, then j.
    bound : int
        Distance in bits up to which the pairs are complete: `ceiling`, or less if `max_pairs` was
        reached. -1 if even identical hashes make more than `max_pairs` pairs; then there are no
        pairs.
    """
    if twins is not None and rows is not None:
        return _thinned(hashes, ceiling, max_pairs, rows, engine, twins)
    if hashes.ndim == 2:
        hashes = hashes[:, None, :]
    words = np.ascontiguousarray(hashes).view(np.uint64)  # (n, n_orientations, n_words)
    joins = _joins(words, ceiling, engine)
    count = int(sum(join.histogram.sum() for join in joins))
    crowded = np.zeros(0, np.int64)
    if count > max_pairs:
        crowded = np.flatnonzero(_neighbours(words, joins, ceiling, engine) > CROWD)
    if len(crowded):
        crowded = crowds.best_first(crowded, order)
        pairs, bound, why = _without_crowd(words, crowded, ceiling, max_pairs, engine)
    else:
        bound = _fitting(joins, ceiling, max_pairs)
        pairs = _merged([join.pairs(bound) for join in joins])
        why = too_many(count, max_pairs, ceiling, bound) if bound < ceiling else ""
    if rows is not None:
        pairs = pairs.assign(i=rows[pairs["i"]], j=rows[pairs["j"]])
    if why:
        tell_bound(pairs, ceiling, bound, why)
    return pairs, bound


def _thinned(
    hashes: NDArray[np.uint8],
    ceiling: int,
    max_pairs: int,
    rows: NDArray[np.int64],
    engine: Engine,
    twins: Twins,
) -> tuple[pd.DataFrame, int]:
    def join(kept: NDArray[np.bool_]) -> tuple[pd.DataFrame, float]:
        some = slice(None) if kept.all() else kept
        order = lambda: twins.ranks()[rows[some]]  # noqa: E731
        return near_pairs(hashes[some], ceiling, max_pairs, rows[some], engine, order=order)

    pairs, bound = twins.joined(join, rows)
    return pairs, int(bound)


def _joins(words: NDArray[np.uint64], ceiling: int, engine: Engine) -> list[_Join]:
    turns = range(words.shape[1])
    return [_Join(words[:, 0], words[:, turn], ceiling, engine) for turn in turns]


def _fitting(joins: Sequence[_Join], ceiling: int, max_pairs: int) -> int:
    """Return the largest bound with at most `max_pairs` pairs, at most `ceiling`."""
    within = np.cumsum(sum(join.histogram for join in joins))
    bound = int(np.searchsorted(within, max_pairs, side="right")) - 1 if len(within) else ceiling
    return min(bound, ceiling)


def _merged(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return the pairs of all orientations, each with its smallest distance."""
    pairs = pd.concat(parts, ignore_index=True)
    if len(parts) > 1:
        pairs = pairs.groupby(["i", "j"], sort=True, as_index=False)["hamming_bits"].min()
    return pairs


# ---------------------------------------------------------------- crowds


def _neighbours(
    words: NDArray[np.uint64], joins: Sequence[_Join], ceiling: int, engine: Engine
) -> NDArray[np.int64]:
    """Return how many pairs within the ceiling each image has, before and after it."""
    after = sum(join.counts.sum(axis=1, dtype=np.int64) for join in joins)
    turned = _joins(words[::-1], ceiling, engine)  # the same rows, the last first
    before = sum(join.counts.sum(axis=1, dtype=np.int64)[::-1] for join in turned)
    counts: NDArray[np.int64] = np.asarray(after + before, np.int64)
    return counts


def _without_crowd(
    words: NDArray[np.uint64],
    crowded: NDArray[np.int64],
    ceiling: int,
    max_pairs: int,
    engine: Engine,
) -> tuple[pd.DataFrame, int, str]:
    """Return all pairs but those inside the crowd, which is only compared with its leaders."""
    n = len(words)
    free = np.setdiff1d(np.arange(n), crowded)
    order = np.concatenate([free, crowded])  # a free image is compared with all later rows
    joins = _joins(words[order], ceiling, engine)
    for join in joins:
        join.only(len(free))
    bound = _fitting(joins, ceiling, max_pairs)
    parts = [join.pairs(bound) for join in joins]
    i = np.concatenate([part["i"].to_numpy() for part in parts])
    j = np.concatenate([part["j"].to_numpy() for part in parts])
    ends = np.unique(np.sort(np.stack([order[i], order[j]], axis=1), axis=1), axis=0)
    inside, leaders = crowds.leading(
        crowded, lambda a, b: _distances(words, a, b) <= min(bound, ceiling)
    )
    ends = np.unique(np.concatenate([ends, inside]), axis=0)
    bits = _distances(words, ends[:, 0], ends[:, 1])
    near = bits <= bound
    pairs = pd.DataFrame(
        {
            "i": ends[near, 0].astype(np.int32),
            "j": ends[near, 1].astype(np.int32),
            "hamming_bits": bits[near],
        }
    )
    why = crowd(len(crowded), leaders)
    if bound < ceiling:
        why = f"{too_many(int(near.sum()), max_pairs, ceiling, bound)}; {why}"
    return pairs, bound, why


def _distances(
    words: NDArray[np.uint64], i: NDArray[np.int64], j: NDArray[np.int64]
) -> NDArray[np.int16]:
    """Return the distance of each pair, the smallest over the orientations of the later one."""
    first, second = np.minimum(i, j), np.maximum(i, j)
    bits = [
        np.bitwise_count(words[first, 0] ^ words[second, turn]).sum(axis=-1, dtype=np.int16)
        for turn in range(words.shape[1])
    ]
    smallest: NDArray[np.int16] = np.min(bits, axis=0)
    return smallest


class _Join:
    """All pairs i < j with `left[i]` near `right[j]`, first counted, then collected."""

    def __init__(
        self,
        left: NDArray[np.uint64],
        right: NDArray[np.uint64],
        ceiling: int,
        engine: Engine = LOCAL,
    ) -> None:
        self.left, self.right = np.ascontiguousarray(left), np.ascontiguousarray(right)
        self.ceiling, self.engine = ceiling, engine
        self.lookup = _Lookup(self.right, ceiling)
        self.rows = len(self.left)
        none = np.zeros((0, ceiling + 1), np.uint32)
        blocks = list(engine.blocks(len(self.left), COMPARED_AT_ONCE))
        parts = self._told("compared all pairs of hashes:", self._count, blocks)
        self.counts = np.concatenate([none, *parts])  # (n, ceiling + 1), pairs at each distance
        self.histogram = self.counts.sum(axis=0, dtype=np.int64)

    def only(self, n: int) -> None:
        """Keep only the pairs of the first n rows with the rows after them."""
        self.counts[n:] = 0
        self.rows = n
        self.histogram = self.counts.sum(axis=0, dtype=np.int64)

    def pairs(self, bound: int) -> pd.DataFrame:
        per_row = self.counts[:, : bound + 1].sum(axis=1, dtype=np.int64)
        blocks = list(self.engine.blocks(self.rows if bound >= 0 else 0, COMPARED_AT_ONCE))
        collect = lambda a, b: self._collect(a, b, per_row[a:b], bound)  # noqa: E731
        parts = list(self._told("collected near pairs:", collect, blocks))
        none = np.zeros(0, np.int32), np.zeros(0, np.int16)
        second, bits = (np.concatenate(column) for column in zip(none, *parts, strict=True))
        first = np.repeat(np.arange(len(per_row), dtype=np.int32), per_row if bound >= 0 else 0)
        return pd.DataFrame({"i": first, "j": second, "hamming_bits": bits})

    def _told(
        self, what: str, work: Callable[[int, int], B], blocks: Sequence[tuple[int, int]]
    ) -> Iterator[B]:
        """Yield what `work` returns for each block, and tell how far it is."""
        tell = Ticker(what, percent=True)
        for (_, stop), part in zip(blocks, self.engine.join(work, blocks), strict=True):
            yield part
            tell(*triangle(stop, len(self.left)))

    def _count(self, start: int, stop: int) -> NDArray[np.uint32]:
        counts = np.zeros((stop - start, self.ceiling + 1), np.uint32)
        none = np.zeros(0, np.int64)
        bits = none.astype(np.int16)
        self._scan(start, stop, counts, none, none.astype(np.int32), bits, self.ceiling)
        return counts

    def _collect(
        self, start: int, stop: int, per_row: NDArray[np.int64], bound: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int16]]:
        starts = np.concatenate([[0], np.cumsum(per_row)])
        second, bits = np.empty(starts[-1], np.int32), np.empty(starts[-1], np.int16)
        self._scan(start, stop, self.counts[start:stop], starts, second, bits, bound)
        return second, bits

    def _scan(
        self,
        start: int,
        stop: int,
        counts: NDArray[np.uint32],
        starts: NDArray[np.int64],
        second: NDArray[np.int32],
        bits: NDArray[np.int16],
        bound: int,
    ) -> None:
        left = self.left[start:stop]
        rows = (start, counts, starts, second, bits, bound)
        if self.lookup.worthwhile:
            _scan_lookup(left, self.right, *self.lookup.tables, *rows)
        elif left.shape[1] == 1:
            _scan_all_64(left[:, 0].copy(), self.right[:, 0].copy(), *rows)
        else:
            _scan_all(left, self.right, *rows)


class _Lookup:
    """An index of hashes by their 16-bit bands, with a search radius for each band.

    If two hashes differ in at most r bits, they differ in at most radius[b] bits in at least one
    band b, provided that the sum of (radius[b] + 1) over all bands exceeds r. This is the general
    pigeonhole principle (Qin et al., SIGMOD 2018).
    """

    def __init__(self, right: NDArray[np.uint64], ceiling: int) -> None:
        n = len(right)
        bands = right.view(np.uint16)  # (n, n_bands)
        n_bands = bands.shape[1]
        spare = ceiling - n_bands + 1  # required sum of the radii; radius -1 skips a band
        radii = np.array([(spare + n_bands - 1 - b) // n_bands for b in range(n_bands)])
        radii = np.clip(radii, -1, BAND_BITS).astype(np.int64)
        weights = np.bitwise_count(np.arange(1 << BAND_BITS, dtype=np.uint16))
        masks = np.argsort(weights, kind="stable").astype(np.uint16)
        # reach[r + 1]: number of masks with at most r bits set
        reach = np.concatenate([[0], np.cumsum(np.bincount(weights))])
        probes = int(reach[radii + 1].sum())
        compared = n / 2 / (IN_VECTORS if right.shape[1] == 1 else 1)  # cost of comparing all
        self.worthwhile = probes * (6 + 4 * n / (1 << BAND_BITS)) < compared
        order = np.zeros((0, 0), np.int32)
        first = np.zeros((0, 0), np.int64)
        if self.worthwhile:
            order = np.stack([np.argsort(band, kind="stable") for band in bands.T]).astype(np.int32)
            sizes = [np.bincount(band, minlength=1 << BAND_BITS) for band in bands.T]
            first = np.stack([np.concatenate([[0], np.cumsum(size)]) for size in sizes])
        self.tables = (order, first, masks, reach, radii)


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _ones(x):  # type: ignore[no-untyped-def]
    """Count the set bits of a 64-bit word; compiles to the CPU's popcount instruction."""
    x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _distance(a, b):  # type: ignore[no-untyped-def]
    total = 0
    for word in range(len(a)):
        total += _ones(a[word] ^ b[word])
    return total


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _note(i, j, distance, place, collect, counts, second, bits):  # type: ignore[no-untyped-def]
    """Store a pair at `place`, or only count it; return the next free place."""
    if collect:
        second[place] = j
        bits[place] = distance
        return place + 1
    counts[i, distance] += 1
    return place


@numba.njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _scan_all(left, right, first, counts, starts, second, bits, bound):  # type: ignore[no-untyped-def]
    """Compare each row of a block with all later rows; without `starts` only count the pairs.

    `left` holds the rows from `first` on.
    """
    n = len(right)
    collect = len(starts) > 0
    for i in numba.prange(len(left)):
        place = starts[i] if collect else 0
        for j in range(first + i + 1, n):
            distance = _distance(left[i], right[j])
            if distance <= bound:
                place = _note(i, j, distance, place, collect, counts, second, bits)


@numba.njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _scan_all_64(left, right, first, counts, starts, second, bits, bound):  # type: ignore[no-untyped-def]
    """Do as `_scan_all` for 64-bit hashes, skipping runs whose smallest distance is too large."""
    n, m = len(right), len(left)
    collect = len(starts) > 0
    for block in numba.prange((m + BLOCK_ROWS - 1) // BLOCK_ROWS):
        top = block * BLOCK_ROWS
        bottom = min(m, top + BLOCK_ROWS)
        places = np.zeros(BLOCK_ROWS, np.int64)
        if collect:
            places[: bottom - top] = starts[top:bottom]
        nearest = first + top - (first + top) % BLOCK_COLUMNS
        for column in range(nearest, n, BLOCK_COLUMNS):  # these columns stay in the cache
            edge = min(n, column + BLOCK_COLUMNS)
            for i in range(top, bottom):
                mine = left[i]
                for begin in range(max(first + i + 1, column), edge, RUN):
                    end = min(edge, begin + RUN)
                    if _least(mine, right[begin:end]) > bound:
                        continue
                    for j in range(begin, end):
                        distance = _ones(mine ^ right[j])
                        if distance <= bound:
                            places[i - top] = _note(
                                i, j, distance, places[i - top], collect, counts, second, bits
                            )


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _least(mine, others):  # type: ignore[no-untyped-def]
    """Return the smallest distance to some hashes; compiles to vector instructions."""
    least = np.int64(64)
    for k in range(len(others)):
        least = min(least, _ones(mine ^ others[k]))
    return least


@numba.njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def _scan_lookup(  # type: ignore[no-untyped-def]
    left, right, order, heads, masks, reach, radii, first, counts, starts, second, bits, bound
):
    """Do as `_scan_all` by band lookup; a pair counts only in the first band that finds it."""
    n_bands = len(radii)
    collect = len(starts) > 0
    for i in numba.prange(len(left)):
        place = starts[i] if collect else 0
        for band in range(n_bands):
            word, shift = band // 4, np.uint64(16 * (band % 4))
            mine = np.int64((left[i, word] >> shift) & np.uint64(0xFFFF))
            for probe in range(reach[radii[band] + 1]):
                other = mine ^ np.int64(masks[probe])
                for at in range(heads[band, other], heads[band, other + 1]):
                    j = order[band, at]
                    if j <= first + i or _seen(left[i], right[j], band, radii):
                        continue
                    distance = _distance(left[i], right[j])
                    if distance <= bound:
                        place = _note(i, j, distance, place, collect, counts, second, bits)
        if collect:
            by_row = np.argsort(second[starts[i] : place])
            second[starts[i] : place] = second[starts[i] : place][by_row]
            bits[starts[i] : place] = bits[starts[i] : place][by_row]


@numba.njit(inline="always")  # type: ignore[untyped-decorator]
def _seen(a, b, band, radii):  # type: ignore[no-untyped-def]
    for earlier in range(band):
        word, shift = earlier // 4, np.uint64(16 * (earlier % 4))
        differing = ((a[word] ^ b[word]) >> shift) & np.uint64(0xFFFF)
        if _ones(differing) <= radii[earlier]:
            return True
    return False
