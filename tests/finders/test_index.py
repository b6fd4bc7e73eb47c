"""Pairs above a cosine similarity: exact, inclusive, the same on any number of threads."""

import numba
import numpy as np
import pandas as pd
import pytest

from dedup_nb.finders import index


def clustered(n, d, seed=0, spread=0.3):
    """Unit vectors, a few near each other and most of them not."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(2, n // 5), d))
    vectors = centres[rng.integers(0, len(centres), n)] + spread * rng.normal(size=(n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def each_with_each(vectors, floor):
    cosines = np.round(vectors.astype(np.float64) @ vectors.T.astype(np.float64), 4)
    i, j = np.nonzero(np.triu(cosines >= floor, 1))
    return list(zip(i.tolist(), j.tolist(), cosines[i, j].tolist(), strict=True))


def as_list(pairs):
    return list(pairs[["i", "j", "cosine"]].itertuples(index=False, name=None))


@pytest.mark.parametrize("floor", [-0.5, 0.3, 0.9, 0.95])
@pytest.mark.parametrize(("n", "d"), [(60, 8), (700, 40)])
def test_pairs_are_exactly_those_above_the_floor(n, d, floor):
    vectors = clustered(n, d)
    pairs, bound = index.near_pairs(vectors, floor)
    assert bound == floor
    assert as_list(pairs) == each_with_each(vectors, floor)


def test_the_bound_by_principal_components_misses_nothing(monkeypatch):
    vectors = clustered(4_500, 192, spread=0.25)
    used = index._search(vectors[:, None], 0.92)
    assert used.left.shape[1] == index.PROJECTED + 1
    bounded, _ = index.near_pairs(vectors, 0.92)
    monkeypatch.setattr(index, "WORTHWHILE_N", 10**9)
    plain, _ = index.near_pairs(vectors, 0.92)
    assert len(plain) > 1000
    pd.testing.assert_frame_equal(bounded, plain)


def test_where_the_bound_leaves_too_much_the_whole_vectors_are_multiplied():
    vectors = clustered(4_200, 192)
    assert index._search(vectors[:, None], -1).left.shape[1] == 192


def test_a_pair_at_exactly_the_floor_is_near():
    angle = np.arccos(0.6)
    vectors = np.array([[1, 0], [np.cos(angle), np.sin(angle)]], np.float32)
    assert as_list(index.near_pairs(vectors, 0.6)[0]) == [(0, 1, 0.6)]
    assert as_list(index.near_pairs(vectors, 0.6001)[0]) == []


def test_blocks_and_threads_change_nothing(monkeypatch):
    vectors = clustered(900, 120)
    expected, _ = index.near_pairs(vectors, 0.2)
    monkeypatch.setattr(index, "BLOCK_VALUES", 5_000)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        pairs, _ = index.near_pairs(vectors, 0.2)
    finally:
        numba.set_num_threads(threads)
    assert pairs["cosine"].to_numpy().tobytes() == expected["cosine"].to_numpy().tobytes()
    pd.testing.assert_frame_equal(pairs, expected)


def test_too_many_pairs_raise_the_bound_and_stay_complete_above_it(monkeypatch):
    monkeypatch.setattr(index, "BLOCK_VALUES", 2_000)
    vectors = clustered(300, 16)
    every = each_with_each(vectors, -1)
    pairs, bound = index.near_pairs(vectors, -1, max_pairs=500)
    assert as_list(pairs) == [pair for pair in every if pair[2] >= bound]
    assert len(pairs) <= 500 < sum(pair[2] >= round(bound - 1e-4, 4) for pair in every)
    same = np.repeat(vectors[:1], 4, axis=0)
    none, bound = index.near_pairs(same, 0.5, max_pairs=3)
    assert len(none) == 0 and bound > 1


def test_the_best_orientation_of_the_second_counts():
    upright = clustered(40, 6)
    turned = np.stack([upright, np.roll(upright, 1, axis=0)], axis=1)
    pairs, _ = index.near_pairs(turned, 0.9999)
    assert {(k, k + 1) for k in range(39)} <= set(zip(pairs.i, pairs.j, strict=True))


def test_rows_name_the_vectors():
    vectors = np.eye(3, dtype=np.float32)[[0, 0, 1]]
    assert as_list(index.near_pairs(vectors, 0.5, rows=np.array([3, 7, 9]))[0]) == [(3, 7, 1.0)]
    table = index.nearest(vectors, 1, rows=np.array([3, 7, 9]))
    assert table[:2].to_numpy().tolist() == [[3, 1, 7, 1], [7, 1, 3, 1]]


@pytest.mark.parametrize("n_turns", [1, 2])
def test_neighbours_are_the_nearest_others_in_order(n_turns):
    vectors = clustered(200, 12)
    turned = np.stack([np.roll(vectors, k, axis=1) for k in range(n_turns)], axis=1)
    cosines = np.einsum("id,jtd->ijt", turned[:, 0], turned).max(axis=2)
    np.fill_diagonal(cosines, -2)
    table = index.nearest(turned, 5)
    assert table["rank"].tolist() == [1, 2, 3, 4, 5] * 200
    expected = np.sort(cosines, axis=1)[:, :-6:-1]
    assert np.abs(table["cosine"].to_numpy().reshape(200, 5) - expected).max() < 1e-4


def test_no_vectors_and_one_have_no_pairs():
    for n in (0, 1):
        vectors = np.zeros((n, 8), np.float32)
        assert len(index.near_pairs(vectors, 0.5)[0]) == 0
        assert len(index.nearest(vectors, 5)) == 0


def test_vectors_of_nothing_are_near_nothing():
    assert len(index.near_pairs(np.zeros((3, 8), np.float32), 0.1)[0]) == 0
