"""What a keeper lacks: who is kept, who waits, and what the tables say."""

import numpy as np
import pytest
from test_groups import images, pairs, roles

from dedup_nb import groups
from dedup_nb.groups.holdings import Holdings

PAIR = pairs((0, 1, 3))


def two(a, b, **more):
    table = images(("a.jpg", {"holds": a}), ("b.jpg", {"holds": b}))
    return groups.Candidates(table, PAIR, **more)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ((), (), {"a.jpg": "keeper", "b.jpg": "stage"}),
        (("time",), ("time",), {"a.jpg": "keeper", "b.jpg": "stage"}),
        (("time", "place"), ("time",), {"a.jpg": "keeper", "b.jpg": "stage"}),
        (("time",), ("time", "place"), {"a.jpg": "stage", "b.jpg": "keeper"}),
        (("prompt",), ("caption",), {"a.jpg": "keeper", "b.jpg": "review"}),
        (("time", ".json"), ("time",), {"a.jpg": "keeper", "b.jpg": "stage"}),
        (("time",), (".json", "time"), {"a.jpg": "stage", "b.jpg": "keeper"}),  # no relief here
    ],
)
def test_the_image_that_holds_everything_is_kept(a, b, expected):
    assert {path: role for path, (role, _) in roles(two(a, b), 8).items()} == expected


@pytest.mark.parametrize("order", [["pixels"], ["newest"], ["prefer", "path"], []])
def test_whatever_the_order_says_nothing_is_staged_for_an_image_that_lacks_something(order):
    table = images(
        ("a.jpg", {"holds": ("film",), "root": "x"}),
        ("b.jpg", {"holds": (), "width": 999, "mtime_ns": 9, "root": "y"}),
    )
    made = groups.Candidates(table, PAIR, keeper_order=order, prefer=["y"])
    assert roles(made, 8)["a.jpg"][0] != "stage"


def test_a_preferred_image_is_not_staged_for_a_copy_that_holds_more():
    table = images(
        ("a.jpg", {"holds": ("film",), "root": "x"}), ("b.jpg", {"holds": (), "root": "y"})
    )
    made = groups.Candidates(table, PAIR, prefer=["y"])
    assert roles(made, 8) == {"b.jpg": ("keeper", "b.jpg"), "a.jpg": ("review", "b.jpg")}


def test_a_preferred_image_that_lacks_something_waits_beside_the_copy_that_a_third_prefers():
    table = images(
        ("x/a.jpg", {"holds": ("film",), "root": "x"}),
        ("x/b.jpg", {"holds": ("film",), "root": "x"}),
        ("y/c.jpg", {"holds": (), "root": "y"}),
    )
    every = pairs((0, 1, 1), (0, 2, 1), (1, 2, 1))
    made = groups.Candidates(table, every, prefer=["y"])
    listed = made.table(made.cut(8)).set_index("path")
    assert listed["role"].to_dict() == {
        "x/a.jpg": "keeper",
        "x/b.jpg": "stage",
        "y/c.jpg": "review",
    }
    assert listed.loc["y/c.jpg", "reason"] == "in a preferred place, but its keeper holds more"


def test_without_checks_no_larger_image_goes_for_a_smaller_one_that_holds_more():
    table = images(("a.jpg", {"width": 500, "holds": ()}), ("b.jpg", {"holds": ("prompt",)}))
    made = groups.Candidates(table, PAIR, keeper_order=["pixels"])
    assert roles(made, 8) == {"a.jpg": ("keeper", "a.jpg"), "b.jpg": ("review", "a.jpg")}


def test_only_the_member_of_which_the_keeper_lacks_something_waits():
    table = images(
        ("a.jpg", {"holds": ("time", "place")}),
        ("b.jpg", {"holds": ("prompt",)}),
        ("c.jpg", {"holds": ("time",)}),
    )
    made = groups.Candidates(table, pairs((0, 1, 3), (0, 2, 3)))
    listed = made.table(made.cut(8)).set_index("path")
    assert listed["role"].to_dict() == {"a.jpg": "keeper", "b.jpg": "review", "c.jpg": "stage"}
    assert listed["lacks"].to_dict() == {"a.jpg": "", "b.jpg": "prompt", "c.jpg": ""}
    assert listed.loc["b.jpg", "reason"] == "the keeper lacks: prompt"


def test_companions_may_hold_what_the_file_lacks():
    def relief(member, keeper, lacking):
        return tuple(word for word in lacking if word != "prompt")

    made = two(("prompt",), ("seed", "time"), relief=relief)
    assert roles(made, 8) == {"b.jpg": ("keeper", "b.jpg"), "a.jpg": ("stage", "b.jpg")}


def test_relief_is_asked_once_for_a_pair_that_seems_to_lack_something_and_for_no_other():
    asked = []

    def relief(member, keeper, lacking):
        asked.append((member, keeper, lacking))
        return lacking

    made = two(("a", "b"), ("c",), relief=relief)
    for threshold in (8, 4, 8):
        made.cut(threshold)
    assert asked == [(1, 0, ("c",)), (0, 1, ("a", "b"))]


def test_the_root_that_comes_first_only_breaks_ties_after_what_an_image_holds():
    table = images(("x/a.jpg", {"holds": ()}), ("y/b.jpg", {"holds": ("time",)}))
    made = groups.Candidates(table, PAIR, roots=["x", "y"])
    assert roles(made, 8)["y/b.jpg"] == ("keeper", "y/b.jpg")
    equal = groups.Candidates(table.drop(columns="holds"), PAIR, roots=["y", "x"])
    assert roles(equal, 8)["y/b.jpg"] == ("keeper", "y/b.jpg")


def test_pixels_and_words_are_both_listed_as_lacks():
    class Checks:
        def refused(self, members, keepers):
            return np.ones(len(members), bool)

        def judgement(self, member, keeper):
            return groups.Judgement(False, "re-encoded", 1.0, "less detail", ("detail",))

        def pictures(self, members, keepers):
            return ["same"] * len(members)

    made = two(("time",), ("prompt",), checks=Checks())
    listed = made.table(made.cut(8)).set_index("path")
    assert listed.loc["b.jpg", "lacks"] == "detail;prompt"


def test_more_words_than_bits_of_a_number_are_compared():
    many = tuple(f"w{k:03}" for k in range(200))
    holdings = Holdings([many, many[:-1], many[1:], ()])
    members, keepers = np.array([0, 1, 2, 1, 3]), np.array([1, 0, 1, 2, 0])
    assert holdings.lacking(members, keepers).tolist() == [True, False, True, True, False]
    assert holdings.lacks(2, 1) == ("w199",)


def test_the_gallery_can_show_only_groups_in_which_a_keeper_lacks_something():
    from dedup_nb.report.sifting import Sieve
    from dedup_nb.report.views import Views

    table = images(*[(f"{k}.jpg", {"holds": ("film",) if k in (1, 2) else ()}) for k in range(4)])
    table["companions"] = 0
    table.at[0, "holds"] = ("prompt", "time")
    made = groups.Candidates(table, pairs((0, 1, 3), (2, 3, 3)))
    views = Views(made, made.cut(8), table)
    assert views.facets.values_of("lacks") == ["film"]
    assert views.facets.sift(Sieve(lacks="film")).tolist() == [0]
    assert views[0]["members"][1]["lacks"] == ("film",)
    assert "keeper lacks film" in views[0]["members"][1]["badges"]


def test_a_phones_picture_is_kept_over_its_google_export_whose_json_repeats_it():
    table = images(
        ("a.jpg", {"holds": (".json", "place", "time"), "bytes": 900}),
        ("b.jpg", {"holds": ("place", "time"), "bytes": 1_000}),
    )
    made = groups.Candidates(table, PAIR, relief=lambda member, keeper, lacking: ())
    assert roles(made, 8) == {"a.jpg": ("stage", "b.jpg"), "b.jpg": ("keeper", "b.jpg")}


def test_badges_say_what_the_keeper_lacks_and_what_differs_in_both():
    from dedup_nb.compare.holding import words

    lacks = ("detail", "marks", "prompt", "tone")
    assert words.badges(lacks) == ["keeper lacks detail, prompt", "different marks", "tone changed"]
    assert words.badges(()) == []
