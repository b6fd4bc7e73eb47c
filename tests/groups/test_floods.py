"""Floods of copies and crowds of near images: few pairs, the same groups."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from dedup_nb.finders import crowds, index, phash
from dedup_nb.groups import floods
from dedup_nb.groups.floods import Twins
from dedup_nb.groups.pairs import bound_of
from dedup_nb.groups.stars import Stars


def hashes_of(words) -> np.ndarray:
    return np.asarray(words, np.uint64).view(np.uint8).reshape(len(words), -1)


def twins_of(words, ranks) -> Twins:
    digests = np.array([f"{int(word) + 1:064x}" for word in words], object)
    return Twins(digests, np.zeros(len(words), np.int64), lambda: np.asarray(ranks))


def cut(n: int, pairs: pd.DataFrame, ranks, threshold: float, sign: float = 1.0):
    ends = pairs["i"].to_numpy(np.int64), pairs["j"].to_numpy(np.int64)
    stars = Stars(n, *ends, sign * pairs.iloc[:, 2].to_numpy(float), np.asarray(ranks))
    keepers, distances = stars.cut(sign * threshold)
    return keepers.tolist(), np.nan_to_num(distances, nan=-9).tolist()


@pytest.mark.parametrize("seed", range(12))
def test_thinned_copies_make_the_same_groups_as_all_their_pairs(monkeypatch, seed: int) -> None:
    monkeypatch.setattr(floods, "FLOOD", 3)
    chance = np.random.default_rng(seed)
    base = chance.integers(0, 2**63, 4)
    near = [int(b) ^ int(chance.integers(0, 2**9)) for b in base for _ in range(6)]
    words = [near[k] for k in chance.choice(len(near), 160, p=np.r_[0.4, np.full(23, 0.6 / 23)])]
    ranks = chance.permutation(len(words))
    rows = np.arange(len(words))
    whole, _ = phash.near_pairs(hashes_of(words), 10, rows=rows)
    thin, bound = phash.near_pairs(hashes_of(words), 10, rows=rows, twins=twins_of(words, ranks))

    assert bound == 10 and len(thin) < len(whole) and bound_of(thin) is None
    assert len(thin.merge(whole)) == len(thin) and list(thin.dtypes) == list(whole.dtypes)
    for threshold in range(11):
        assert cut(160, thin, ranks, threshold) == cut(160, whole, ranks, threshold)


def test_libraries_without_floods_keep_all_their_pairs() -> None:
    words = [7] * 64 + [8] * 3
    twins = twins_of(words, range(67))
    whole, _ = phash.near_pairs(hashes_of(words), 10)

    kept, _ = phash.near_pairs(hashes_of(words), 10, rows=np.arange(67), twins=twins)

    pd.testing.assert_frame_equal(kept, whole, check_dtype=False)


def test_copies_of_every_kind_keep_one_that_can_be_their_keeper(monkeypatch) -> None:
    monkeypatch.setattr(floods, "FLOOD", 3)
    kinds = np.array([0] * 10 + [1] * 10)  # such as two roots
    digests = np.array(["a" * 64] * 20, object)
    twins = Twins(digests, kinds, lambda: np.arange(20))

    pairs, _ = phash.near_pairs(hashes_of([5] * 20), 4, rows=np.arange(20), twins=twins)

    across = pairs[(kinds[pairs["i"]] == 0) & (kinds[pairs["j"]] == 1)]
    assert set(across["i"]) | set(across["j"]) == set(range(20))


def test_a_hundred_thousand_copies_cost_seconds() -> None:
    words = [5] * 100_000 + [2**k for k in range(40)]
    ranks = np.arange(len(words))[::-1]
    began = time.monotonic()

    pairs, bound = phash.near_pairs(
        hashes_of(words), 16, rows=np.arange(len(words)), twins=twins_of(words, ranks)
    )
    keepers, _ = cut(len(words), pairs, ranks, 8)
    ends = pairs["i"].to_numpy(np.int64), pairs["j"].to_numpy(np.int64)
    stars = Stars(len(words), *ends, pairs["hamming_bits"].to_numpy(float), ranks)
    members = np.arange(len(words) - 1)
    assert stars.may_propose(members, np.full(len(members), len(words) - 1), 8).all()

    assert bound == 16 and len(pairs) < 5_000_000 and time.monotonic() - began < 60
    assert set(keepers) == {len(words) - 1}  # all lie within 8 bits of the best


@pytest.mark.parametrize(("most", "n_files"), [(50, 30), (70, 400), (1_000, 400)])
def test_a_reported_group_is_connected_by_few_pairs(most: int, n_files: int) -> None:
    chance = np.random.default_rng(n_files)
    words = np.r_[
        np.zeros(300, int), np.ones(90, int), chance.integers(2, 2 + n_files, 60)
    ].tolist()
    rows = np.sort(chance.choice(1_000, len(words), replace=False))
    every = np.full(1_000, -1)
    every[rows] = words
    ranks = chance.permutation(1_000)

    ends, complete = twins_of(every.tolist(), ranks).of_group(chance.permutation(rows), most)

    whole = [[a, b] for k, a in enumerate(rows) for b in rows[k + 1 :]]
    assert complete == (most >= 70)
    assert (len(ends) == len(whole)) == (most == 1_000)
    tables = [pd.DataFrame(part, columns=["i", "j"]).assign(bits=0) for part in (ends, whole)]
    thin, full = (cut(1_000, table, ranks, 0) for table in tables)
    assert thin == full


# ---------------------------------------------------------------- crowds


@pytest.fixture
def small_crowds(monkeypatch) -> None:
    monkeypatch.setattr(phash, "CROWD", 20)
    monkeypatch.setattr(index, "CROWD", 20)
    monkeypatch.setattr(crowds, "LEADERS", 3)


def test_a_crowd_does_not_hide_other_pairs(small_crowds) -> None:
    others = [0xFFFF_0000_0000_0000 ^ (2**k - 1) ^ (0x9 << (4 * k)) for k in range(6)]
    words = others + [0x1234_5678 + k for k in range(60)]
    whole, _ = phash.near_pairs(hashes_of(words), 16)

    pairs, bound = phash.near_pairs(hashes_of(words), 16, max_pairs=600)

    told = bound_of(pairs)
    assert bound == 16 and (told["asked"], told["used"]) == (16, 16)
    assert "60 images are near so many others" in told["reason"] and "max_pairs" in told["reason"]
    free = lambda table: table[(table["i"] < 6) | (table["j"] < 6)]  # noqa: E731
    pd.testing.assert_frame_equal(
        free(pairs).reset_index(drop=True), free(whole).reset_index(drop=True)
    )
    inside = pairs[pairs["i"] >= 6]
    assert set(inside["i"]) | set(inside["j"]) == set(range(6, 66))  # each has its leaders
    assert len(inside) <= 3 * 60 and len(inside.merge(whole)) == len(inside)


def test_a_crowd_of_turned_pictures_keeps_its_smallest_distances(small_crowds) -> None:
    chance = np.random.default_rng(1)
    turns = chance.integers(0, 2**12, (60, 8)).astype(np.uint64)
    hashes = turns.view(np.uint8).reshape(60, 8, 8)
    whole, _ = phash.near_pairs(hashes, 16)

    pairs, _ = phash.near_pairs(hashes, 16, max_pairs=600)

    assert 0 < len(pairs) < len(whole) and len(pairs.merge(whole)) == len(pairs)


def test_without_a_crowd_the_bound_is_tightened_and_told() -> None:
    words = [2**k - 1 for k in range(40)]

    pairs, bound = phash.near_pairs(hashes_of(words), 16, max_pairs=100)

    told = bound_of(pairs)
    assert (told["asked"], told["used"]) == (16, bound) and bound < 16
    assert "more than max_pairs 100" in told["reason"] and "raise max_pairs" in told["reason"]


def test_a_crowd_of_embeddings_does_not_hide_other_pairs(small_crowds) -> None:
    chance = np.random.default_rng(2)
    some = chance.normal(size=(6, 24))
    centre = chance.normal(size=24)
    vectors = np.concatenate(
        [
            some,
            some + 0.1 * chance.normal(size=(6, 24)),
            centre + 0.1 * chance.normal(size=(60, 24)),
        ]
    )
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    whole, _ = index.near_pairs(vectors, 0.8)

    pairs, bound = index.near_pairs(vectors, 0.8, max_pairs=300)

    assert bound == 0.8 and "60 images are near so many others" in bound_of(pairs)["reason"]
    assert len(pairs[pairs["j"] < 12]) == len(whole[whole["j"] < 12]) == 6
    inside = pairs[pairs["i"] >= 12]
    assert len(inside) <= 3 * 60 and len(pairs.merge(whole)) == len(pairs)
