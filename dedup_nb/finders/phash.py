"""Pixels -> perceptual hashes -> pairs within a Hamming distance.

The hashes equal those of the `imagehash` library bit for bit, but are computed in batches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from dedup_nb.finders import crowds
from dedup_nb.finders.crowds import CROWD
from dedup_nb.groups.floods import Twins
from dedup_nb.groups.pairs import MAX_PAIRS, crowd, tell_bound, too_many
from dedup_nb.pictures import orientations
from dedup_nb.pictures.engines import LOCAL, Engine
from dedup_nb.pictures.measures import Kind, Rasters
from dedup_nb.pictures.store import of_length

if TYPE_CHECKING:
    from dedup_nb.finders import hamming  # compiled by numba, which takes a quarter of a second

Size = tuple[int, int]
Hashes = NDArray[np.uint8]
Bits = NDArray[np.bool_]
Grey = NDArray[np.uint8]  # shape (n, height, width)

HASH_BITS = (64, 256)


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
    import scipy.fftpack

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
    import imagehash

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
    encode = partial(_encoded, name, sizes)
    # eight orientations of hash_bits / 8 bytes
    return Kind(f"{name}{hash_bits}-v1", tuple(dict.fromkeys(sizes)), encode, of_length(hash_bits))


def _encoded(name: str, sizes: tuple[Size, Size], pictures: Sequence[Rasters]) -> list[bytes]:
    columns = [
        hash_rasters(name, _oriented(pictures, sizes[quarter % 2], mirror, quarter))
        for quarter in range(4)
        for mirror in (False, True)
    ]
    return [row.tobytes() for row in np.stack(columns, axis=1)]


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
    from dedup_nb.finders import hamming

    if twins is not None and rows is not None:
        return _thinned(hashes, ceiling, max_pairs, rows, engine, twins)
    if hashes.ndim == 2:
        hashes = hashes[:, None, :]
    words = np.ascontiguousarray(hashes).view(np.uint64)  # (n, n_orientations, n_words)
    join = hamming.Join(words, engine)
    pairs, histogram = join.pairs(ceiling, max_pairs)
    bound, why = ceiling, ""
    if pairs is None:  # there are too many: because of a crowd?
        crowded = np.flatnonzero(join.neighbours(ceiling) > CROWD)
        if len(crowded):
            crowded = crowds.best_first(crowded, order)
            pairs, bound, why = _without_crowd(words, join, crowded, ceiling, max_pairs)
        else:
            pairs, bound = _fitting(join, histogram, max_pairs)
            why = too_many(int(histogram.sum()), max_pairs, ceiling, bound)
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


def _fitting(
    join: hamming.Join, histogram: NDArray[np.int64], max_pairs: int
) -> tuple[pd.DataFrame, int]:
    """Return the pairs within the largest bound with at most `max_pairs` pairs, and the bound."""
    bound = int(np.searchsorted(np.cumsum(histogram), max_pairs, side="right")) - 1
    pairs, _ = join.pairs(bound, max_pairs)
    assert pairs is not None
    return pairs, bound


# ---------------------------------------------------------------- crowds


def _without_crowd(
    words: NDArray[np.uint64],
    join: hamming.Join,
    crowded: NDArray[np.int64],
    ceiling: int,
    max_pairs: int,
) -> tuple[pd.DataFrame, int, str]:
    """Return all pairs but those inside the crowd, which is only compared with its leaders."""
    from dedup_nb.finders import hamming

    join.leave_out(crowded)
    pairs, histogram = join.pairs(ceiling, max_pairs)
    bound = ceiling
    if pairs is None:
        pairs, bound = _fitting(join, histogram, max_pairs)
    inside, leaders = crowds.leading(crowded, lambda a, b: hamming.distances(words, a, b) <= bound)
    ends = np.unique(np.concatenate([pairs[["i", "j"]].to_numpy(np.int64), inside]), axis=0)
    pairs = pd.DataFrame(
        {
            "i": ends[:, 0].astype(np.int32),
            "j": ends[:, 1].astype(np.int32),
            "hamming_bits": hamming.distances(words, ends[:, 0], ends[:, 1]),
        }
    )
    why = crowd(len(crowded), leaders)
    if bound < ceiling:
        why = f"{too_many(len(pairs), max_pairs, ceiling, bound)}; {why}"
    return pairs, bound, why
