"""The rows that stars are cut from."""

import numpy as np
import pytest

from dedup_nb.groups import rows


@pytest.mark.parametrize(
    ("distances", "limits"),
    [
        (lambda rng, m: rng.integers(0, 5, m).astype(float), None),  # many ties
        (lambda rng, m: -rng.random(m).round(4), None),  # a similarity with its sign turned
        (lambda rng, m: rng.integers(0, 5, m).astype(float), lambda rng, m: np.full(m, np.inf)),
        (lambda rng, m: rng.random(m), lambda rng, m: np.where(rng.random(m) < 0.1, 3, np.inf)),
        (lambda rng, m: np.zeros(m), None),
    ],
)
@pytest.mark.parametrize("n", [2, 7, 60])
def test_a_row_has_the_nearest_first_and_the_best_keeper_first_among_equally_near(
    n, distances, limits
):
    rng = np.random.default_rng(n)
    i, j = np.triu_indices(n, 1)
    some = rng.random(len(i)) < 0.5
    some[0] = True
    i, j, ranks = i[some], j[some], rng.permutation(n)
    apart = distances(rng, len(i))
    ends_at = None if limits is None else limits(rng, len(i))

    made = rows.rows_of(i, j, apart, ranks, ends_at)

    until = [np.inf] * len(i) if ends_at is None else ends_at.tolist()
    both = [*zip(i, j, apart, until, strict=True), *zip(j, i, apart, until, strict=True)]
    both.sort(key=lambda pair: (pair[0], pair[2], ranks[pair[1]]))
    wanted = [[pair[at] for pair in both] for at in (1, 2, 3)]
    if np.isinf(until).all():
        wanted[2] = []  # no limits
    assert [column.tolist() for column in made] == wanted


@pytest.mark.parametrize("in_order", [True, False])
def test_pairs_are_ordered_by_distance_and_then_by_their_images(in_order):
    rng = np.random.default_rng(1)
    i, j = np.triu_indices(20, 1)
    if not in_order:
        i, j = rng.permutation(np.stack([i, j]), axis=1)
    apart = rng.integers(0, 4, len(i)).astype(float)

    order = rows.nearest_first(i, j, apart)

    assert order.tolist() == sorted(range(len(i)), key=lambda k: (apart[k], i[k], j[k]))


def test_there_may_be_no_pairs():
    none, ranks = np.zeros(0, np.int64), np.array([1, 0])

    made = rows.rows_of(none, none, np.zeros(0), ranks)

    assert [len(column) for column in made] == [0, 0, 0]
    assert rows.nearest_first(none, none, np.zeros(0)).tolist() == []
