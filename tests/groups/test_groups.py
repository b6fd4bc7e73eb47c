"""Groups: stars, keepers, roles and what a person said."""

import numpy as np
import pandas as pd
import pytest

from dedup_nb import groups
from dedup_nb.groups.clusters import ClusterCandidates


def images(*rows, **common):
    """A table of images from short rows: (path, overrides)."""
    made = []
    for path, over in rows:
        folder, _, name = path.rpartition("/")
        made.append(
            {
                "path": path, "sha256": f"sha-{path}", "root": folder.split("/")[0] or ".", "stage": "",
                "level": np.nan, "series": "", "folder": folder, "stem": name.rpartition(".")[0],
                "width": 100, "height": 100, "bytes": 1000, "mtime_ns": 0, "protected": False,
                "cropped": False, "doubt": "", **common, **over,
            }
        )  # fmt: skip
    return pd.DataFrame(made)


def plain(letters):
    return images(*[(f"{letter}.jpg", {}) for letter in letters])


def pairs(*triples, measure="hamming_bits"):
    return pd.DataFrame(list(triples), columns=["i", "j", measure])


def roles(candidates, threshold):
    table = candidates.table(candidates.cut(threshold))
    return {row.path: (row.role, row.keeper) for row in table.itertuples()}


def test_a_chain_is_cut_into_stars_so_that_each_member_is_near_its_keeper():
    chain = pairs((0, 1, 3), (1, 2, 3), (2, 3, 3), (3, 4, 3))
    assert roles(groups.Candidates(plain("abcde"), chain), 8) == {
        "a.jpg": ("keeper", "a.jpg"),
        "b.jpg": ("stage", "a.jpg"),
        "c.jpg": ("keeper", "c.jpg"),
        "d.jpg": ("stage", "c.jpg"),
    }  # e is left alone: d, its only neighbour, is no keeper


def test_the_threshold_is_inclusive_for_distances_and_similarities():
    near = groups.Candidates(plain("ab"), pairs((0, 1, 4)))
    assert [len(near.cut(t).groups) for t in (3, 4)] == [0, 1]
    alike = groups.Candidates(plain("ab"), pairs((0, 1, 0.92), measure="cosine"), similarity=True)
    assert [len(alike.cut(t).groups) for t in (0.9201, 0.92)] == [0, 1]
    assert alike.table(alike.cut(0.92)).value.tolist() == [1.0, 0.92]


@pytest.mark.parametrize(
    ("order", "overrides", "kept"),
    [
        (["pixels"], [{}, {"width": 200}, {}], "b.jpg"),
        (["bytes"], [{}, {}, {"bytes": 2000}], "c.jpg"),
        (["newest"], [{}, {"mtime_ns": 5}, {}], "b.jpg"),
        (["oldest"], [{"mtime_ns": 9}, {"mtime_ns": 5}, {"mtime_ns": 7}], "b.jpg"),
        (["prefer"], [{"root": "x"}, {"root": "y"}, {"root": "x"}], "b.jpg"),
        (["stage", "pixels"], [{"width": 900}, {}, {"level": 3.0}], "c.jpg"),
        (["largest"], [{"bytes": 9999}, {"height": 101}, {}], "b.jpg"),
        ([], [{}, {}, {}], "a.jpg"),  # a tie goes by path, never by chance
    ],
)
def test_the_keeper_follows_keeper_order(order, overrides, kept):
    table = images(*zip(["a.jpg", "b.jpg", "c.jpg"], overrides, strict=True))
    everyone = pairs((0, 1, 1), (0, 2, 1), (1, 2, 1))
    candidates = groups.Candidates(
        table, everyone, keeper_order=order, prefer=["y", "x"], same_stage_only=False
    )
    assert {keeper for _, keeper in roles(candidates, 8).values()} == {kept}


def test_an_unknown_keeper_word_is_named():
    with pytest.raises(ValueError, match="keeper_order has the unknown word sharpest"):
        groups.keeper_rank(plain("a"), ["sharpest"])


def test_protected_images_are_kept_first_and_never_staged():
    table = images(
        ("a.jpg", {"width": 900}), ("b.jpg", {"protected": True}), ("c.jpg", {"protected": True})
    )
    candidates = groups.Candidates(table, pairs((0, 1, 1), (0, 2, 1), (1, 2, 1)))
    assert roles(candidates, 8) == {
        "b.jpg": ("keeper", "b.jpg"),
        "a.jpg": ("stage", "b.jpg"),
        "c.jpg": ("protected", "b.jpg"),
    }


@pytest.mark.parametrize(
    ("first", "second", "role", "reason"),
    [
        ({}, {"doubt": "hash not trusted"}, "review", "hash not trusted"),
        (
            {"doubt": "hash not trusted"},
            {"doubt": "hash not trusted"},
            "review",
            "hash not trusted",
        ),
        ({"width": 900}, {"cropped": True}, "review", "cropped, its keeper is not"),
        ({"cropped": True, "width": 900}, {"cropped": True}, "stage", "2 bits apart"),
        ({"cropped": True, "width": 900}, {}, "stage", "2 bits apart"),
    ],
)
def test_what_a_rule_must_not_decide_goes_to_review(first, second, role, reason):
    table = images(("a.jpg", first), ("b.jpg", second))
    candidates = groups.Candidates(table, pairs((0, 1, 2)))
    row = candidates.table(candidates.cut(8)).set_index("path").loc["b.jpg"]
    assert (row.role, row.reason) == (role, reason)


def test_a_doubted_image_never_becomes_the_keeper_of_a_trusted_one():
    table = images(
        ("a.jpg", {"doubt": "hash not trusted", "width": 900}), ("b.jpg", {}), ("c.jpg", {})
    )
    candidates = groups.Candidates(table, pairs((0, 1, 0), (0, 2, 0), (1, 2, 0)))
    assert roles(candidates, 8) == {
        "b.jpg": ("keeper", "b.jpg"),
        "a.jpg": ("review", "b.jpg"),
        "c.jpg": ("stage", "b.jpg"),
    }


def test_pairs_inside_a_series_stand_apart_and_are_never_proposed():
    table = images(
        ("m/a.png", {"series": "s1"}), ("m/b.png", {"series": "s1"}), ("n/c.png", {"series": "s1"})
    )
    candidates = groups.Candidates(table, pairs((0, 1, 0), (0, 2, 0)), same_stage_only=False)
    assert candidates.set_apart["inside one series"] == 1
    assert candidates.series_pairs.to_numpy().tolist() == [[0, 1, 0]]
    assert roles(candidates, 8) == {  # a copy in another folder is no member of the series
        "m/a.png": ("keeper", "m/a.png"),
        "n/c.png": ("stage", "m/a.png"),
    }


def test_stages_and_roots_limit_the_pairs():
    table = images(
        ("m/a.png", {"level": 1.0}),
        ("m/b.png", {"level": 2.0}),
        ("n/c.png", {}),
        ("m/d.png", {"level": 1.0}),
    )
    everyone = pairs((0, 1, 0), (0, 2, 0), (0, 3, 0))
    assert set(roles(groups.Candidates(table, everyone), 8)) == {"m/a.png", "n/c.png", "m/d.png"}
    across = groups.Candidates(table, everyone, cross_root_only=True)
    assert set(roles(across, 8)) == {"m/a.png", "n/c.png"}
    assert across.set_apart["inside one root"] == 1


def test_an_image_without_a_stage_joins_no_group_while_it_is_near_two_stages():
    table = images(
        ("a.png", {"level": 1.0}), ("b.png", {"level": 2.0}), ("print.png", {"width": 77})
    )
    near_both = pairs((0, 2, 2), (1, 2, 5), (0, 1, 3))
    candidates = groups.Candidates(table, near_both, keeper_order=["path"])
    assert roles(candidates, 4) == {"a.png": ("keeper", "a.png"), "print.png": ("stage", "a.png")}
    assert roles(candidates, 5) == {}  # now it may be either


def test_the_size_or_an_exact_copy_tells_the_stage_of_an_image_without_one():
    near_both = pairs((0, 2, 2), (1, 2, 2))
    by_size = images(
        ("a.png", {"level": 1.0}),
        ("b.png", {"level": 2.0, "width": 200}),
        ("print.png", {"width": 200}),
    )
    assert set(roles(groups.Candidates(by_size, near_both), 8)) == {"b.png", "print.png"}
    by_copy = images(
        ("a.png", {"level": 1.0}), ("b.png", {"level": 2.0}), ("print.png", {"sha256": "sha-b.png"})
    )
    assert set(roles(groups.Candidates(by_copy, near_both), 8)) == {"b.png", "print.png"}


def test_two_images_of_one_name_move_together_or_not_at_all():
    table = images(("a.jpg", {"width": 900}), ("b.jpg", {}), ("b.png", {}))
    half = groups.Candidates(table, pairs((0, 1, 1)))
    assert roles(half, 8)["b.jpg"] == ("review", "a.jpg")
    whole = groups.Candidates(table, pairs((0, 1, 1), (0, 2, 1)))
    assert roles(whole, 8)["b.jpg"] == roles(whole, 8)["b.png"] == ("stage", "a.jpg")
    assert len(groups.Candidates(table, pairs((1, 2, 0))).cut(8).groups) == 0  # they are one bundle


EVERYONE = ((0, 1, 1), (0, 2, 1), (1, 2, 1))


@pytest.mark.parametrize(
    ("marks", "triples", "expected"),
    [
        ([None, "keep", None], EVERYONE, "a:keeper:a b:protected:a c:stage:a"),
        (["stage", None, None], EVERYONE, "b:keeper:b a:stage:b c:stage:b"),
        (["stage", None, "keep"], EVERYONE, "c:keeper:c a:stage:c b:stage:c"),
        (["stage", "stage", "stage"], EVERYONE, "a:keeper:a b:stage:a c:stage:a"),  # one must stay
        (
            ["stage", "keep", None],
            EVERYONE[:2],
            "b:keeper:b a:stage:b c:review:b",
        ),  # c is near a alone
        (["keep", "keep", "keep"], EVERYONE, "a:keeper:a b:protected:a c:protected:a"),
    ],
)
def test_a_person_decides_as_long_as_a_twin_stays(marks, triples, expected):
    candidates = groups.Candidates(plain("abc"), pairs(*triples), marks=marks)
    found = roles(candidates, 8)
    wanted = [part.split(":") for part in expected.split()]
    assert found == {f"{p}.jpg": (role, f"{keeper}.jpg") for p, role, keeper in wanted}


def test_a_person_may_stage_what_a_rule_may_not():
    table = images(
        ("a.jpg", {}), ("b.jpg", {"doubt": "hash not trusted"}), ("c.jpg", {"protected": True})
    )
    triples = pairs((0, 1, 1), (0, 2, 1), (1, 2, 1))
    candidates = groups.Candidates(table, triples, marks=["keep", "stage", "stage"])
    assert {p: role for p, (role, _) in roles(candidates, 8).items()} == {
        "a.jpg": "keeper", "b.jpg": "stage", "c.jpg": "stage",
    }  # fmt: skip


def test_a_group_that_a_person_answered_is_asked_again_only_with_a_new_member():
    no = [frozenset({"sha-a.jpg", "sha-b.jpg"})]
    answered = groups.Candidates(plain("abc"), pairs((0, 1, 1)), answers=no)
    assert roles(answered, 8) == {}
    assert answered.cut(8).totals["images"] == 0
    joined = groups.Candidates(plain("abc"), pairs((0, 1, 1), (0, 2, 1)), answers=no)
    assert set(roles(joined, 8)) == {"a.jpg", "b.jpg", "c.jpg"}


def test_totals_count_what_would_move():
    table = images(
        ("a.jpg", {}), ("b.jpg", {"bytes": 70}), ("c.jpg", {"bytes": 5, "doubt": "flat"})
    )
    cut = groups.Candidates(table, pairs((0, 1, 1), (0, 2, 1)), keeper_order=["path"]).cut(8)
    assert cut.totals == {"groups": 1, "images": 1, "bytes": 70, "review": 1, "protected": 0}


def test_no_pairs_make_no_groups():
    candidates = groups.Candidates(plain("ab"), pairs())
    assert candidates.cut(8).groups == []
    assert list(candidates.table(candidates.cut(8)).columns[:-2]) == groups.NAMES


def test_every_staged_image_is_directly_near_a_keeper_that_stays():
    rng = np.random.default_rng(5)
    n = 120
    i, j = np.triu_indices(n, 1)
    near = rng.random(len(i)) < 0.03
    triples = pd.DataFrame(
        {"i": i[near], "j": j[near], "hamming_bits": rng.integers(0, 17, near.sum())}
    )
    marks = rng.choice(
        np.array([None, "keep", "stage"], dtype=object), n, p=[0.8, 0.1, 0.1]
    ).tolist()
    table = images(*[(f"{k:03d}.jpg", {}) for k in range(n)])
    distance = {(a, b): d for a, b, d in triples.to_numpy().tolist()}
    candidates = groups.Candidates(table, triples, marks=marks)
    for threshold in range(17):
        cut = candidates.cut(threshold)
        for k in np.flatnonzero(cut.roles == groups.STAGE):
            keeper = int(cut.keepers[k])
            assert cut.roles[keeper] in (groups.KEEPER, groups.PROTECTED)
            assert distance[min(k, keeper), max(k, keeper)] <= threshold


def clustered(n, labels, confirmed, **rules):
    """Clusters of images on a line, of which some pairs are confirmed."""

    table = images(*[(f"{k:02}.jpg", {}) for k in range(n)])
    none = pairs(measure="gap_s").astype({"i": int, "j": int})
    apart = lambda a, b: np.abs(a - b).astype(float)  # noqa: E731
    made = ClusterCandidates(
        table, none, lambda threshold: np.array(labels), apart,
        lambda threshold, labels: stars.cut(threshold)[0], **rules,
    )  # fmt: skip
    stars = made.stars_of(confirmed)
    return made


def test_a_cluster_waits_for_a_person_but_for_what_is_confirmed():
    made = clustered(5, [0, 0, 0, 0, -1], pairs((1, 2, 3)))
    assert roles(made, 8) == {
        "01.jpg": ("keeper", "01.jpg"), "02.jpg": ("stage", "01.jpg"),
        "00.jpg": ("review", "01.jpg"), "03.jpg": ("review", "01.jpg"),
    }  # fmt: skip
    assert set(made.table(made.cut(8)).component_id) == {groups.identifier("c", "00.jpg")}
    assert [role for role, _ in roles(made, 2).values()] == ["keeper", "review", "review", "review"]


def showing(*ends):
    """Tells that the first of each two images shows the second one inside itself."""

    def containers(members, keepers):
        pairs = zip(members.tolist(), keepers.tolist(), strict=True)
        inside = {**dict.fromkeys(ends, "member"), **{e[::-1]: "keeper" for e in ends}}
        return [inside.get(pair, "") for pair in pairs]

    return containers


def test_a_screenshot_is_never_the_best_of_a_cluster_that_has_what_it_shows():
    made = clustered(3, [0, 0, 0], pairs((0, 2, 99)), containers=showing((0, 1)))
    assert roles(made, 8) == {
        "01.jpg": ("keeper", "01.jpg"),
        "00.jpg": ("review", "01.jpg"),
        "02.jpg": ("review", "01.jpg"),
    }


def test_what_a_screenshot_shows_stands_apart_from_the_copies_of_the_screenshot():
    made = clustered(5, [0, 0, 0, 0, -1], pairs((0, 1, 3)), containers=showing((0, 2)))
    assert roles(made, 8) == {
        "00.jpg": ("keeper", "00.jpg"),
        "01.jpg": ("stage", "00.jpg"),
        "02.jpg": ("keeper", "02.jpg"),
        "03.jpg": ("review", "02.jpg"),
    }
    alone = clustered(3, [0, 0, 0], pairs((0, 1, 3)), containers=showing((0, 2)))
    assert sorted(roles(alone, 8)) == ["00.jpg", "01.jpg"]


def test_clusters_that_leave_most_to_a_person_come_first():
    made = clustered(6, [0, 0, 2, 2, 2, -1], pairs((0, 1, 0)))
    assert [rows.tolist() for rows in made.cut(8).groups] == [[2, 3, 4], [0, 1]]


def test_every_image_staged_from_a_cluster_leaves_a_member_that_stays():
    rng = np.random.default_rng(5)
    for _ in range(200):
        n = 12
        first = np.sort(rng.integers(0, 4, n))
        labels = np.searchsorted(first, first)
        labels = np.where(np.bincount(labels, minlength=n)[labels] > 1, labels, -1)
        near = [(i, j, int(rng.integers(0, 12))) for i in range(n) for j in range(i + 1, n)
                if labels[i] == labels[j] >= 0 and rng.random() < 0.3]  # fmt: skip
        marks = rng.choice(np.array([None, None, "keep", "stage"], object), n).tolist()
        confirmed = pairs(*near).astype({"i": int, "j": int})
        made = clustered(n, labels, confirmed, marks=marks)
        cut = made.cut(6)
        for k in np.flatnonzero(cut.roles == groups.STAGE).tolist():
            keeper = int(cut.keepers[k])
            assert cut.roles[keeper] in (groups.KEEPER, groups.PROTECTED)
            assert labels[keeper] == labels[k] >= 0
            assert marks[k] == "stage" or (min(k, keeper), max(k, keeper)) in {
                (i, j) for i, j, bits in near if bits <= 6
            }


def test_what_was_excluded_is_shown_as_a_sentence():
    one_series = images(("a.png", {"series": "s"}), ("b.png", {"series": "s"}), ("c.png", {}))
    made = groups.Candidates(one_series, pairs((0, 1, 3), (0, 2, 3)))
    why, count = next((why, n) for why, n in made.set_apart.items() if n)
    assert repr(made.set_apart) == f"Excluded and never proposed: {count} pair {why}."
    assert repr(groups.Candidates(plain("ab"), pairs()).set_apart) == "No pairs were excluded."
