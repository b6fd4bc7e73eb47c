"""Engines: however work is spread, the results are the same, in the same order."""

import os

import numpy as np
import pytest
from drawn import photo, save

from dedup_nb.finders import index, phash
from dedup_nb.pictures import images
from dedup_nb.pictures.engines import ENGINES, LOCAL, opened
from dedup_nb.pictures.engines.local import Local


class InPieces(Local):
    """As `local`, but in small blocks, the later ones first where the order is free."""

    def blocks(self, n, most_values=None):
        for start in range(0, n, 7):
            yield start, min(n, start + 7)


def hashes(n, words, seed=3):
    """Hashes of which many are near each other."""
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 256, (n // 5 + 1, 8 * words), dtype=np.uint8)
    every = centres[rng.integers(0, len(centres), n)]
    flips = rng.random((n, 64 * words)) < 0.05
    return every ^ np.packbits(flips, axis=1)


@pytest.mark.parametrize("n", [0, 1, 6, 7, 8, 150, 700])
@pytest.mark.parametrize("words", [1, 4])
@pytest.mark.parametrize("max_pairs", [10**9, 40])
def test_hashes_joined_in_pieces_give_the_same_pairs(n, words, max_pairs):
    every = hashes(n, words)
    whole, bound = phash.near_pairs(every, 10, max_pairs)
    pieces, same_bound = phash.near_pairs(every, 10, max_pairs, engine=InPieces())
    assert whole.equals(pieces) and bound == same_bound


def test_a_large_join_by_bands_gives_the_same_pairs_in_pieces():
    every = hashes(6_000, 1)
    whole, _ = phash.near_pairs(every, 2)
    pieces, _ = phash.near_pairs(every, 2, engine=InPieces())
    assert len(whole) > 100 and whole.equals(pieces)


@pytest.mark.parametrize("n", [0, 1, 8, 60, 300])
@pytest.mark.parametrize("max_pairs", [10**9, 50])
def test_vectors_joined_in_pieces_give_the_same_pairs(n, max_pairs):
    rng = np.random.default_rng(n)
    vectors = rng.normal(size=(n, 2, 24)).astype(np.float32)
    vectors[n // 2 :] = vectors[: n - n // 2] + 0.1 * vectors[n // 2 :]
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    whole, bound = index.near_pairs(vectors, 0.4, max_pairs)
    pieces, same_bound = index.near_pairs(vectors, 0.4, max_pairs, engine=InPieces())
    assert whole.equals(pieces) and bound == same_bound


@pytest.mark.parametrize("most", [None, 10, 1_000])
def test_blocks_cover_every_row_once(most):
    blocks = list(LOCAL.blocks(37, most))
    assert [row for start, stop in blocks for row in range(start, stop)] == list(range(37))
    assert most is not None or blocks == [(0, 37)]


def test_files_are_measured_in_processes_of_their_own(tmp_path):
    paths = [os.fsencode(save(photo(seed), tmp_path / f"{seed}.png")) for seed in range(3)]
    for name in ENGINES:  # so few are measured here by every engine
        measured = dict(opened(name).measure(paths, [(32, 32)]))
        assert [measured[k].status for k in range(3)] == ["ok"] * 3
        expected = images.measure((tmp_path / "0.png").read_bytes(), "0.png", [(32, 32)])
        assert measured[0] == expected
