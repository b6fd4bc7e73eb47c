"""Perceptual hashes and the pairs near by them."""

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageOps

from dedup_nb.finders import hamming, phash
from dedup_nb.pictures import orientations


def photo(seed, width=96, height=96):
    """A smooth random picture: hashes of two are far apart."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def hashes_of(pictures, name="phash", bits=64):
    kind = phash.kind(name, bits)
    rasters = [
        {
            size: p.convert("L").resize(size, Image.Resampling.LANCZOS).tobytes()
            for size in kind.sizes
        }
        for p in pictures
    ]
    return kind.encode(rasters)


def all_pairs(hashes, ceiling):
    words = hashes.view(np.uint64)
    distances = np.bitwise_count(words[:, None] ^ words[None]).sum(axis=2)
    i, j = np.nonzero(np.triu(distances <= ceiling, 1))
    return list(zip(i.tolist(), j.tolist(), distances[i, j].tolist(), strict=True))


def as_list(pairs):
    return [tuple(row) for row in pairs.to_numpy().tolist()]


@pytest.mark.parametrize("bits", [64, 256])
@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("phash", imagehash.phash),
        ("dhash", imagehash.dhash),
        ("ahash", imagehash.average_hash),
        ("whash", lambda p, hash_size: imagehash.whash(p, hash_size, image_scale=8 * hash_size)),
    ],
)
def test_hashes_equal_those_of_imagehash_bit_for_bit(name, theirs, bits):
    pictures = [photo(seed) for seed in range(6)]
    side = int(bits**0.5)
    ours = phash.unpack(hashes_of(pictures, name, bits))[:, 0]
    assert [phash.hex_digits(h) for h in ours] == [str(theirs(p, hash_size=side)) for p in pictures]


def test_hashes_do_not_depend_on_the_company_in_a_batch():
    pictures = [photo(seed) for seed in range(5)]
    assert hashes_of(pictures) == [hashes_of([p])[0] for p in pictures]


@pytest.mark.parametrize("name", phash.HASHES)
def test_a_turned_or_mirrored_picture_is_near_only_with_invariance(name):
    upright = photo(3)
    quarter, mirrored = upright.transpose(Image.Transpose.ROTATE_90), ImageOps.mirror(upright)
    stored = hashes_of([upright, quarter, mirrored], name)
    near = {
        invariance: {
            (i, j) for i, j, _ in as_list(phash.near_pairs(phash.unpack(stored, invariance), 6)[0])
        }
        for invariance in orientations.INVARIANCES
    }
    assert near == {"none": set(), "mirror": {(0, 2)}, "rotate": {(0, 1), (0, 2), (1, 2)}}


@pytest.mark.parametrize(
    ("n", "ceiling", "n_bytes"),
    [
        *((n, bits, size) for size in (8, 32) for n in (50, 3000) for bits in (0, 1, 3, 4, 8, 16)),
        (5000, 16, 8),  # more than stays in the cache at once
    ],
)
def test_pairs_are_exactly_those_within_the_ceiling(n, ceiling, n_bytes):
    rng = np.random.default_rng(ceiling)
    hashes = rng.integers(0, 256, (40, n_bytes), dtype=np.uint8)[rng.integers(0, 40, n)].copy()
    for row in hashes:
        for bit in rng.integers(0, 8 * n_bytes, rng.integers(0, 8)):
            row[bit // 8] ^= 1 << (bit % 8)
    pairs, bound = phash.near_pairs(hashes, ceiling)
    assert bound == ceiling
    assert as_list(pairs) == all_pairs(hashes, ceiling)


@pytest.mark.parametrize("each", range(1, hamming.MOST_BANDS + 1))
@pytest.mark.parametrize("n_words", [1, 4])
def test_bands_cover_every_bit_once_and_no_pair_can_escape_them(n_words, each):
    for ceiling in (0, 1, 7, 8, 16, 40):
        bands = hamming._bands(n_words, each, ceiling)
        assert sum(band.radius + 1 for band in bands) > ceiling
        bits = [(b.word, b.shift + bit) for b in bands for bit in range(b.width)]
        assert sorted(bits) == [(word, bit) for word in range(n_words) for bit in range(64)]


@pytest.mark.parametrize("n", [10, 30_000, 10**6, 10**8])
def test_the_cheapest_bands_of_any_number_of_hashes_miss_no_pair(n):
    for n_words, ceiling in ((1, 0), (1, 8), (1, 16), (1, 63), (4, 8), (4, 64)):
        bands = hamming._cheapest(n, n_words, ceiling)
        everything = [band.width for band in bands] == [0]
        assert everything or sum(band.radius + 1 for band in bands) > ceiling


def test_a_pair_at_exactly_the_ceiling_is_near():
    hashes = np.array([[0] * 8, [0b1111] + [0] * 7], dtype=np.uint8)
    assert as_list(phash.near_pairs(hashes, 4)[0]) == [(0, 1, 4)]
    assert as_list(phash.near_pairs(hashes, 3)[0]) == []


def test_too_many_pairs_tighten_the_bound_and_stay_complete_up_to_it():
    hashes = np.zeros((4, 8), np.uint8)
    hashes[2:, 0] = [0b1, 0b11]  # distances: 0 once, 1 three times, 2 twice
    pairs, bound = phash.near_pairs(hashes, 8, max_pairs=4)
    assert bound == 1
    assert as_list(pairs) == [(0, 1, 0), (0, 2, 1), (1, 2, 1), (2, 3, 1)]
    assert phash.near_pairs(hashes, 8, max_pairs=0)[1] == -1


def test_no_pictures_and_one_picture_have_no_pairs():
    for n in (0, 1):
        assert len(phash.near_pairs(np.zeros((n, 8), np.uint8), 8)[0]) == 0


def test_an_unknown_hash_is_refused_by_name():
    with pytest.raises(ValueError, match="unknown hash md5 with 64 bits"):
        phash.kind("md5", 64)
