"""Sifting: which groups are shown, in what order, without making any."""

import numpy as np
import pytest

from dedup_nb.report.sifting import Facets, Sieve, Sifted, facets_of


def member(root, stage, n_bytes, value, role="stage", time="1", digest="d"):
    return {
        "role": role, "root": root, "stage": stage, "bytes": n_bytes, "value": value, "mtime": time, "sha256": digest,
        "measure": "hamming_bits", "path": f"{root}/Day/{digest}.png", "lacks": ["prompt"] * (value == 8),
        "kind": "cropped" * (value == 1), "finders": ["10_phash"] * (value == 2),
    }  # fmt: skip


GROUPS = [
    {"id": "a", "members": [member("x", "s1", 9, 0, "keeper", "3", "k"), member("x", "s1", 2e6, 3)]},
    {"id": "b", "members": [member("x", "s3", 9, 0, "keeper"), member("y", "s3", 9, 8, "review", "9", "m")]},
    {"id": "c", "members": [member("y", "s1", 9, 0, "keeper"), None, member("y", "", 5e6, 1), member("y", "", 1e6, 2, time="2")]},
]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({}, "abc"),
        ({"root": "y"}, "bc"),
        ({"stage": "s1"}, "ac"),
        ({"root": "y", "stage": "s1"}, "c"),
        ({"root": "z"}, ""),
        ({"role": "review"}, "b"),
        ({"kind": "cropped"}, "c"),
        ({"lacks": "prompt"}, "b"),
        ({"finder": "10_phash"}, "c"),
        ({"folder": "y"}, "bc"),  # or below it
        ({"folder": "y/"}, "bc"),
        ({"folder": "y/Da"}, ""),
        ({"name": "DAY/k"}, "a"),
        ({"role": "review", "root": "y", "name": "m.PNG"}, "b"),
        ({"least_mb": 2}, "ac"),  # exactly so many count
        ({"least_mb": 2.5}, "c"),
        ({"from_value": 3}, "ab"),
        ({"to_value": 3}, "ac"),
        ({"unreviewed": True}, "ac"),
        ({"order": "doubt"}, "bac"),
        ({"order": "bytes"}, "cab"),
        ({"order": "size"}, "cab"),
        ({"order": "newest"}, "bac"),
        ({"order": "oldest"}, "cab"),
        (
            {"order": "sharpest", "from_value": "3", "to_value": float("nan"), "least_mb": True},
            "abc",
        ),
    ],
)
def test_a_sieve_leaves_groups_in_its_order(asked, left):
    places = facets_of(GROUPS).sift(Sieve.of(asked), reviewed={1})
    assert "".join(group["id"] for group in Sifted(GROUPS, places)) == left


def test_a_similarity_is_the_more_doubtful_the_smaller_it_is():
    groups = [
        {"id": name, "members": [member("x", "", 1, 1, "keeper") | {"measure": "cosine"}, member("x", "", 1, value)]}
        for name, value in (("a", 0.9), ("b", 0.8), ("c", 0.95))
    ]  # fmt: skip
    facets = facets_of(groups)
    assert facets.sift(Sieve(order="doubt")).tolist() == [1, 0, 2]
    assert facets.sift(Sieve(from_value=0.9)).tolist() == [0, 2]


def test_groups_are_found_by_the_contents_they_hold():
    assert facets_of(GROUPS).holding({"k", "m", "gone"}) == [0, 1]


def test_no_groups_and_a_hundred_thousand_are_sifted_alike():
    assert facets_of([]).sift(Sieve(order="bytes", root="x")).tolist() == []
    n = 100_000
    rng = np.random.default_rng(1)
    starts = np.arange(0, 3 * n, 3)
    texts = np.array(["x", "y", ""], object)[rng.integers(0, 3, 3 * n)]
    numbers = rng.random(3 * n)
    columns = {"root": lambda: texts}
    facets = Facets(starts, numbers > 0.5, numbers, numbers, numbers, texts, columns)
    left = facets.sift(Sieve(root="x", least_mb=1e-6, order="bytes"))
    freed = facets.freed[left]
    assert 0 < len(left) < n and (np.diff(freed) <= 0).all() and freed.min() >= 1


def test_a_group_is_where_the_sieve_put_it():
    sifted = Sifted(GROUPS, np.array([2, 0]))
    assert [sifted.position(place) for place in range(3)] == [1, None, 0]
    assert [group["id"] for group in sifted[:2]] == ["c", "a"] and len(sifted) == 2
