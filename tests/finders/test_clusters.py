"""Clusters: HDBSCAN by scikit-learn, with names that do not depend on it."""

import numpy as np
import pytest
from sklearn.cluster import HDBSCAN
from test_spanning import nested

from dedup_nb.finders import clusters, metrics


def unit(*rows):
    array = np.array(rows, np.float32)
    return array / np.maximum(np.linalg.norm(array, axis=1, keepdims=True), 1e-9)


VECTORS = unit(
    [1, 0, 0], [0, 1, 0.01], [1, 0.01, 0], [0, 0, 0], [0, 1, 0], [1, 0, 0.01], [-1, -1, 5]
)  # fmt: skip


@pytest.mark.parametrize("metric", metrics.METRICS)
def test_clusters_are_named_by_their_smallest_member_and_the_rest_is_single(metric):
    labels = clusters.Hierarchy(VECTORS, metric=metric).cut()
    assert labels.tolist() == [0, 1, 0, -1, 1, 0, -1]


def test_a_picture_of_one_tone_and_too_few_pictures_make_no_cluster():
    assert clusters.Hierarchy(np.zeros((5, 3), np.float32)).cut().tolist() == [-1] * 5
    assert clusters.Hierarchy(VECTORS[:2]).cut(3).tolist() == [-1, -1]
    assert clusters.Hierarchy(VECTORS[:0]).cut().tolist() == []


def test_more_neighbours_than_pictures_are_no_error():
    assert len(clusters.Hierarchy(VECTORS, 1_000).cut()) == len(VECTORS)


def test_too_many_pictures_are_refused_with_a_way_out(monkeypatch):
    monkeypatch.setattr(clusters, "MOST_MANHATTAN", 5)
    with pytest.raises(ValueError, match=r"6 images are too many.*or metric euclidean"):
        clusters.Hierarchy(VECTORS, metric="manhattan")
    clusters.Hierarchy(VECTORS)
    monkeypatch.setattr(clusters, "MOST_IMAGES", 5)
    with pytest.raises(ValueError, match=r"at most 5; use only_folders$"):
        clusters.Hierarchy(VECTORS)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("min_cluster_size", [2, 3, 10])
def test_clusters_are_those_of_scikit_learn_alone(metric, min_cluster_size):
    vectors = nested(700)
    alone = HDBSCAN(min_cluster_size=min_cluster_size, min_samples=1, metric=metric, copy=True)
    expected = alone.fit(vectors.astype(np.float64)).labels_
    found = clusters.Hierarchy(vectors, metric=metric).cut(min_cluster_size)
    assert len(set(expected)) > 10
    assert ((found[:, None] == found) == (expected[:, None] == expected)).all()
    assert ((found < 0) == (expected < 0)).all()


def test_pairs_within_clusters(monkeypatch):
    pairs = clusters.pairs_within(np.array([0, 1, 0, -1, 1, 0, -1]))
    assert pairs.values.tolist() == [[0, 2], [0, 5], [1, 4], [2, 5]]
    assert len(clusters.pairs_within(np.array([-1, -1]))) == 0
    monkeypatch.setattr(clusters, "MOST_PAIRS", 3)
    with pytest.raises(ValueError, match="contain 4 pairs and the largest has 3 images"):
        clusters.pairs_within(np.array([0, 1, 0, -1, 1, 0, -1]))
