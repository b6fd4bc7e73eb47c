"""Spanning trees: as short as they can be, whatever the neighbours of each vector tell."""

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.spatial.distance import cdist

from dedup_nb.finders import spanning


def nested(n, d=16, seed=0):
    """Unit vectors: singles, tight and wide clusters with closer ones inside, exact copies."""
    rng = np.random.default_rng(seed)
    parts, count = [], 0
    while count < n:
        size = int(rng.choice([1, 2, 4, 10, 60]))
        spread = 10 ** rng.uniform(-3, -0.5)
        part = rng.standard_normal(d) + spread * rng.standard_normal((size, d))
        for start in range(0, size, 4):
            inside = part[start : start + 4]
            part[start : start + 4] = inside[0] + spread / 5 * rng.standard_normal(inside.shape)
        if size == 10:
            part[5:8] = part[4]
        parts.append(part)
        count += size
    vectors = rng.permutation(np.concatenate(parts)[:n])
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def shortest(vectors, min_samples):
    """The lengths of the edges, by all distances at once."""
    distances = cdist(vectors.astype(np.float64), vectors.astype(np.float64))
    cores = np.sort(distances, axis=1)[:, min(min_samples, len(vectors)) - 1]
    apart = np.maximum(np.maximum(distances, cores), cores[:, None]) + 1  # no edge is of length 0
    np.fill_diagonal(apart, 0)
    return np.sort(minimum_spanning_tree(apart).data) - 1


@pytest.mark.parametrize("min_samples", [1, 2, 5, 30])
@pytest.mark.parametrize("neighbours", [1, 3, 16])
def test_no_tree_is_shorter(monkeypatch, neighbours, min_samples):
    monkeypatch.setattr(spanning, "NEIGHBOURS", neighbours)
    monkeypatch.setattr(spanning, "BLOCK_VALUES", 20_000)
    vectors = nested(500)
    tree = spanning.spanning_tree(vectors, min_samples)
    assert connected_components(graph(tree, len(vectors)))[0] == 1
    assert np.allclose(np.sort(tree.lengths), shortest(vectors, min_samples), atol=1e-9)


def graph(tree, n):
    joined = np.zeros((n, n), bool)
    joined[tree.i, tree.j] = True
    return joined


@pytest.mark.parametrize(
    "vectors",
    [
        nested(2),
        nested(3),
        np.repeat(nested(3), 40, axis=0),  # more exact copies than neighbours are looked up
        np.concatenate([np.repeat(nested(1), 40, axis=0), nested(60)]),
    ],
)
def test_few_vectors_and_many_copies_make_a_tree(vectors):
    tree = spanning.spanning_tree(vectors)
    assert connected_components(graph(tree, len(vectors)))[0] == 1
    assert np.allclose(np.sort(tree.lengths), shortest(vectors, 1), atol=1e-9)


def test_too_many_neighbours_are_refused(monkeypatch):
    monkeypatch.setattr(spanning, "MOST_LISTED", 3_000)
    with pytest.raises(
        ValueError, match="min_samples 50 is too large for 100 images; use at most 29"
    ):
        spanning.spanning_tree(nested(100), 50)
