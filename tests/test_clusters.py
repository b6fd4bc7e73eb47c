"""Clusters: HDBSCAN by scikit-learn, with names that do not depend on it."""

import numpy as np
import pytest

from dedup_nb import clusters


def unit(*rows):
    array = np.array(rows, np.float32)
    return array / np.maximum(np.linalg.norm(array, axis=1, keepdims=True), 1e-9)


VECTORS = unit(
    [1, 0, 0], [0, 1, 0.01], [1, 0.01, 0], [0, 0, 0], [0, 1, 0], [1, 0, 0.01], [-1, -1, 5]
)  # fmt: skip


@pytest.mark.parametrize("metric", clusters.METRICS)
def test_clusters_are_named_by_their_smallest_member_and_the_rest_is_single(metric):
    labels = clusters.cluster(VECTORS, metric=metric)
    assert labels.tolist() == [0, 1, 0, -1, 1, 0, -1]


def test_a_picture_of_one_tone_and_too_few_pictures_make_no_cluster():
    assert clusters.cluster(np.zeros((5, 3), np.float32)).tolist() == [-1] * 5
    assert clusters.cluster(VECTORS[:2], min_cluster_size=3).tolist() == [-1, -1]
    assert clusters.cluster(VECTORS[:0]).tolist() == []


def test_more_neighbours_than_pictures_are_no_error():
    assert len(clusters.cluster(VECTORS, min_samples=1_000)) == len(VECTORS)


def test_too_many_pictures_are_refused_with_a_way_out(monkeypatch):
    monkeypatch.setattr(clusters, "MOST_COSINE", 5)
    with pytest.raises(ValueError, match=r"6 images are too many.*or metric euclidean"):
        clusters.cluster(VECTORS, metric="cosine")
    clusters.cluster(VECTORS)
    monkeypatch.setattr(clusters, "MOST_IMAGES", 5)
    with pytest.raises(ValueError, match=r"at most 5; use only_folders$"):
        clusters.cluster(VECTORS)


def test_pairs_within_clusters(monkeypatch):
    pairs = clusters.pairs_within(np.array([0, 1, 0, -1, 1, 0, -1]))
    assert pairs.values.tolist() == [[0, 2], [0, 5], [1, 4], [2, 5]]
    assert len(clusters.pairs_within(np.array([-1, -1]))) == 0
    monkeypatch.setattr(clusters, "MOST_PAIRS", 3)
    with pytest.raises(ValueError, match="hold 4 pairs, the largest has 3 images"):
        clusters.pairs_within(np.array([0, 1, 0, -1, 1, 0, -1]))
