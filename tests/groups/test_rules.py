"""Rules that hold images back, and the twin promise that every cut and every plan is checked for."""

import dataclasses

import numpy as np
import pytest
from test_groups import images, pairs, plain, roles

from dedup_nb import groups
from dedup_nb.groups import promise, rules

TRIO = pairs((0, 1, 3), (0, 2, 3))


def three(**more):
    return groups.Candidates(plain("abc"), TRIO, **more)


def test_the_standard_rules_are_a_list_with_a_name_and_a_sentence_each():
    names = [rule.name for rule in rules.standard()]
    assert names == [
        "protect", "works_apart", "doubt", "cropped", "bundle", "places", "keep_all", "bursts", "holds", "works", "one_name", "sets",
    ]  # fmt: skip
    assert all(rule.help and rule.help[0].islower() for rule in rules.standard())


class Beside:
    """Films: a.jpg and b.jpg have the same one, c.jpg another; d.nef is raw."""

    def works_lacking(self, member, keeper):
        return [] if {member, keeper} <= {0, 1} else ["c.mov"]

    def is_work(self, k):
        return k == 3


def test_an_image_whose_files_cannot_move_waits_even_if_it_is_marked():
    held = ("b.jpg", {"blocked": "b beside it is a folder"})
    table = images(("a.jpg", {"blocked": ""}), held, ("c.jpg", {"blocked": ""}))
    made = groups.Candidates(table, TRIO, marks=[None, "stage", None])
    cut = made.cut(8)
    assert [groups.ROLES[role] for role in cut.roles] == ["keeper", "review", "stage"]
    assert cut.reasons[1] == "its files cannot move: b beside it is a folder"


@pytest.mark.parametrize("marks", [[None, None, None], [None, "stage", "stage"]])
def test_a_work_moves_only_if_the_keeper_has_a_copy(marks):
    table = images(*[(f"{name}.jpg", {"works": ".mov"}) for name in "abc"])
    made = groups.Candidates(table, TRIO, marks=marks, companions=Beside())
    cut = made.cut(8)
    assert [groups.ROLES[role] for role in cut.roles] == ["keeper", "stage", "review"]
    assert cut.reasons[2] == "the keeper has no copy of its c.mov"


def test_without_a_look_at_its_files_no_image_with_a_work_moves():
    works = {"a": "", "b": ".mov", "c": ""}
    table = images(*[(f"{name}.jpg", {"works": kinds}) for name, kinds in works.items()])
    cut = groups.Candidates(table, TRIO).cut(8)
    assert [groups.ROLES[role] for role in cut.roles] == ["keeper", "review", "stage"]


@pytest.mark.parametrize(("beside", "role"), [(Beside(), "stage"), (None, "review")])
def test_a_raw_file_goes_with_the_picture_of_its_name_if_its_copy_stays(beside, role):
    table = images(
        ("a.jpg", {}), ("b.jpg", {"stem": "b"}), ("c.jpg", {}),
        ("b.nef", {"stem": "b", "status": "unreadable", "format": "RAW"}),
    )  # fmt: skip
    cut = groups.Candidates(table, TRIO, companions=beside).cut(8)
    assert groups.ROLES[cut.roles[1]] == role


def test_a_rule_that_a_finder_appends_holds_images_back_with_its_reason():
    made = three()

    def hold_b(cut, every):
        cut.hold([every.paths.index("b.jpg")], "b waits")
        return cut

    made.rules.append(groups.Rule("no_b", "b is never staged", hold_b))
    assert roles(made, 8) == {
        "a.jpg": ("keeper", "a.jpg"),
        "b.jpg": ("review", "a.jpg"),
        "c.jpg": ("stage", "a.jpg"),
    }
    table = made.table(made.cut(8))
    assert dict(zip(table.path, table.reason, strict=True))["b.jpg"] == "b waits"


@pytest.mark.parametrize("after", [groups.STAGE])
@pytest.mark.parametrize("before", [groups.KEEPER, groups.REVIEW, groups.PROTECTED, groups.NONE])
def test_a_rule_can_never_make_a_role_less_careful(before, after):
    made = three()

    def set_to(role):
        def apply(cut, every):
            cut.roles[1] = role
            return cut

        return groups.Rule(f"role_{role}", "", apply)

    made.rules = [set_to(before), set_to(after)]
    with pytest.raises(rules.LooseRule, match=r"the rule role_2 would stage b\.jpg"):
        made.cut(8)


def test_what_one_rule_holds_back_may_make_another_hold_back_more():
    table = images(("a.png", {}), ("b.jpg", {}), ("b.png", {}), ("c.jpg", {}), ("c.png", {}))
    made = groups.Candidates(table, pairs((0, 1, 1), (0, 2, 1), (0, 3, 1), (0, 4, 1)))

    def hold_first(cut, every):  # after `one_name`, which has to look again
        cut.hold([1], "waits")
        return cut

    made.rules.append(groups.Rule("first", "", hold_first))
    found = {path: role for path, (role, _) in roles(made, 8).items()}
    assert found["b.jpg"] == found["b.png"] == "review"
    assert found["c.jpg"] == found["c.png"] == "stage"


def test_a_cropped_image_is_not_staged_for_a_raw_one_that_a_person_keeps():
    table = images(("a.png", {"cropped": True}), ("b.png", {"cropped": True}), ("c.png", {}))
    marks = [None, None, "keep"]
    every = pairs((0, 1, 1), (0, 2, 1), (1, 2, 1))
    assert roles(groups.Candidates(table, every), 8)["b.png"] == ("stage", "a.png")
    kept = groups.Candidates(table, every, marks=["stage", *marks[1:]])
    assert roles(kept, 8) == {
        "c.png": ("keeper", "c.png"),
        "a.png": ("stage", "c.png"),  # a person said so
        "b.png": ("review", "c.png"),  # and nothing of this one
    }


# ---------------------------------------------------------------- the twin promise


class Wrong:
    """A grouping that gives an image a keeper, whatever the pairs say."""

    def __init__(self, stars, keepers):
        self.stars, self.keepers = stars, np.array(keepers, np.int64)
        self.components, self.between = stars.components, stars.between
        self.may_propose = stars.may_propose

    def assign(self, threshold):
        distances = np.where(self.keepers < 0, np.nan, 0.0)
        return groups.Assignment(self.keepers.copy(), distances)


@pytest.mark.parametrize(
    ("keepers", "why"),
    [
        ([0, 0, 1], "its keeper does not stay"),  # a chain: b goes, and c goes for b
        ([0, 2, 2], "not a direct neighbour"),  # b and c are no pair
        ([1, 1, -1], "nothing wrong"),
    ],
)
def test_a_cut_that_breaks_the_promise_is_never_handed_out(keepers, why):
    made = three()
    made.grouping = Wrong(made.grouping, keepers)
    if why == "nothing wrong":
        assert roles(made, 8)["a.jpg"] == ("stage", "b.jpg")
        return
    with pytest.raises(promise.BrokenPromise, match=why):
        made.cut(8)


def test_a_pair_beyond_the_threshold_or_refused_is_no_twin():
    made = three()
    ends = np.array([1, 2]), np.array([0, 0])
    assert made.grouping.may_propose(*ends, 3).tolist() == [True, True]
    assert made.grouping.may_propose(*ends, 2).tolist() == [False, False]
    made.grouping.stars.refuse(np.array([1]), np.array([0]))
    assert made.grouping.may_propose(*ends, 3).tolist() == [False, True]


def test_what_a_person_stages_needs_a_direct_neighbour_too():
    made = three(marks=[None, "stage", None])
    cut = made.cut(8)
    assert cut.by_person.tolist() == [False, True, False]
    broken = dataclasses.replace(cut, keepers=np.array([0, 2, 0]), roles=cut.roles.copy())
    broken.roles[2] = groups.KEEPER
    with pytest.raises(promise.BrokenPromise, match=r"b\.jpg"):
        promise.check(broken, made.images, made.grouping)


@pytest.mark.parametrize(
    "change", [{"keeper": "c.jpg"}, {"path": "a.jpg"}, {"keeper": ""}], ids=lambda c: str(c)
)
def test_a_plan_stages_only_what_its_cut_does_for_the_same_keeper(change):
    made = three()
    cut = made.cut(8)
    plan = made.plan(cut, made.table(cut))
    promise.check_plan(plan, cut, made.images)
    wrong = plan[plan["role"] == "stage"].head(1).assign(**change)
    with pytest.raises(promise.BrokenPromise):
        promise.check_plan(wrong, cut, made.images)


def test_only_clusters_are_planned_without_a_keeper():
    made = three()
    cut = made.cut(8)
    plan = made.table(cut).assign(keeper="", role="stage")
    promise.check_plan(plan, cut, made.images, needs_keeper=False)
    with pytest.raises(promise.BrokenPromise):
        promise.check_plan(plan, cut, made.images)


@pytest.mark.parametrize("seed", range(20))
def test_random_pairs_marks_and_doubts_never_break_the_promise(seed):
    rng = np.random.default_rng(seed)
    n = 14
    rows = [
        (
            f"{k % 9}.{'png' if k < 9 else 'jpg'}",
            {"doubt": "flat" if rng.random() < 0.1 else "", "protected": rng.random() < 0.1},
        )
        for k in range(n)
    ]
    near = [
        (i, j, int(rng.integers(0, 12)))
        for i in range(n)
        for j in range(i + 1, n)
        if rng.random() < 0.3
    ]
    marks = rng.choice(np.array([None, None, None, "keep", "stage"], object), n).tolist()
    table = images(*rows).sort_values("path", ignore_index=True)
    made = groups.Candidates(table, pairs(*near), marks=marks)
    for threshold in range(12):
        cut = made.cut(threshold)  # checks itself
        promise.check_plan(made.plan(cut, made.table(cut)), cut, made.images)


def test_the_promise_is_checked_after_everything_a_finder_adds():
    class Meddling(groups.Candidates):
        def urgency(self, cut):
            cut.roles[0] = groups.REVIEW  # the keeper of all others

    made = Meddling(plain("abc"), TRIO)
    with pytest.raises(promise.BrokenPromise, match="its keeper does not stay"):
        made.cut(8)


# ---------------------------------------------------------------- whole sets


def twins(*more, columns=None):
    """Two series of three stages, x and y, and further images."""
    rows = [
        (
            f"{side}{k}.jpg",
            {"series": side, "stage": f"stage{k}", "level": float(k), "stem": f"{side}{k}"},
        )
        for side in "xy"
        for k in (1, 2, 3)
    ]
    return images(*rows, *more)


def roles_of(table, near, **more):
    cut = groups.Candidates(table, pairs(*near), **more).cut(8)
    return [groups.ROLES[role] for role in cut.roles], cut


def test_two_sets_that_are_paired_in_every_stage_go_in_one_direction():
    found, _ = roles_of(twins(), [(0, 3, 1), (1, 4, 1), (2, 5, 1)])
    assert found == ["keeper"] * 3 + ["stage"] * 3


def test_a_set_of_which_one_stage_has_no_pair_stays():
    found, cut = roles_of(twins(), [(0, 3, 1), (1, 4, 1)])
    assert found == ["keeper", "keeper", "", "review", "review", ""]
    assert cut.reasons[3] == "only 2 of 3 stages of its set are paired with x"


def test_stages_are_never_taken_from_both_sets():
    table = twins()
    table.loc[4, "width"] = 999  # y2 is kept for x2, x1 and x3 for the others
    found, cut = roles_of(table, [(0, 3, 1), (1, 4, 1), (2, 5, 1)])
    assert sorted(set(found)) == ["keeper", "review"]
    assert cut.reasons[1] == "its set is the better one, but the other cannot go for it"


def test_a_stage_that_another_rule_holds_back_keeps_its_whole_set():
    table = twins()
    table.loc[3, "cropped"] = True
    found, _ = roles_of(table, [(0, 3, 1), (1, 4, 1), (2, 5, 1)])
    assert found == ["keeper"] * 3 + ["review"] * 3


def test_a_persons_marks_are_not_bound_by_sets():
    marks = [None, None, None, "stage", None, None]
    found, _ = roles_of(twins(), [(0, 3, 1)], marks=marks)
    assert found[3] == "stage"


def test_sets_of_another_line_up_are_not_bound():
    table = twins().drop(index=5).reset_index(drop=True)
    found, _ = roles_of(table, [(0, 3, 1), (1, 4, 1)])
    assert found == ["keeper", "keeper", "", "stage", "stage"]


def test_a_copy_goes_for_the_stage_that_it_copies_however_large_it_is():
    stage = {"series": "", "stage": "stage2", "level": 2.0, "bytes": 9_999, "width": 999}
    table = twins(("20250705_215218_stage2-copy18.tiff", stage))
    found, _ = roles_of(table, [(1, 6, 1)])
    assert (found[1], found[6]) == ("keeper", "stage")


def test_an_image_in_a_preferred_place_waits_if_its_keeper_holds_more():
    table = images(
        ("a.jpg", {"root": "best", "holds": ()}),
        ("b.jpg", {"root": "x", "holds": (".yaml",)}),
        ("c.jpg", {"root": "x", "holds": (".yaml",)}),
    )
    found, cut = roles_of(table, [(0, 1, 1), (0, 2, 1), (1, 2, 1)], prefer=["best", "x"])
    assert found == ["review", "keeper", "stage"]
    assert cut.reasons[0] == "in a preferred place, but its keeper holds more"


def test_two_equal_series_go_in_one_direction_though_each_stage_prefers_another():
    names = [(f"{day}/{day}_1000{k}_stage{k + 1}.png", day, k) for day in "ab" for k in range(3)]
    heavier = {("a", 0), ("a", 2), ("b", 1)}
    table = images(
        *[
            (
                path,
                {
                    "series": day,
                    "stage": f"stage{k + 1}",
                    "level": k + 1.0,
                    "bytes": 900 + ((day, k) in heavier),
                },
            )
            for path, day, k in names
        ]
    )
    made = groups.Candidates(table, pairs((0, 3, 1), (1, 4, 2), (2, 5, 3)))
    found = {path: role for path, (role, _) in roles(made, 8).items()}
    assert [found[path] for path, *_ in names] == ["keeper"] * 3 + ["stage"] * 3
    cut = made.cut(8)
    plan = made.plan(cut, made.table(cut)).set_index("path")
    assert {plan.loc[path, "bundle"] for path, day, _ in names if day == "b"} == {"b/b"}
    partly = {role for role, _ in roles(made, 2).values()}  # not every stage is paired here
    assert partly == {"keeper", "review"}


def test_a_series_that_cannot_go_for_the_better_one_waits_as_a_whole():
    table = images(
        *[
            (
                f"{day}/{day}_stage{k}.png",
                {"series": day, "stage": f"stage{k}", "level": k, "holds": holds},
            )
            for day, held in (("a", [("x",), ("x",), ()]), ("b", [(), (), ("y",)]))
            for k, holds in enumerate(held)
        ]
    )
    made = groups.Candidates(table, pairs((0, 3, 1), (1, 4, 1), (2, 5, 1)))
    assert {role for role, _ in roles(made, 8).values()} == {"keeper", "review"}


RAW_AND_RENDERED = [
    ("a.jpg", {"format": "JPEG"}),
    ("b.nef", {"format": "RAW", "sha256": "1" * 64}),
    ("c.nef", {"format": "RAW", "sha256": "1" * 64}),
    ("d.nef", {"format": "RAW"}),
    ("e.psd", {"format": "PSD"}),
]


@pytest.mark.parametrize(
    ("near", "expected"),
    [
        ([(0, 1, 3)], {"a.jpg": "keeper", "b.nef": "protected"}),  # however much the raw file holds
        ([(1, 2, 0)], {"b.nef": "keeper", "c.nef": "stage"}),  # a copy of itself
        ([(1, 3, 0)], {}),  # two raw files
        ([(0, 4, 0)], {"a.jpg": "stage", "e.psd": "keeper"}),  # it holds the picture, and layers
        ([(1, 4, 0)], {"b.nef": "protected", "e.psd": "keeper"}),
    ],
)
def test_a_raw_or_layered_file_goes_only_for_a_copy_of_itself(near, expected):
    rows = [
        (name, {"holds": ("x",) * (k > 0), **more})
        for k, (name, more) in enumerate(RAW_AND_RENDERED)
    ]
    made = groups.Candidates(images(*rows), pairs(*near))
    table = made.table(made.cut(8))
    assert dict(zip(table.path, table.role, strict=True)) == expected


def test_a_mark_stages_no_raw_file_for_a_picture():
    made = groups.Candidates(
        images(*RAW_AND_RENDERED), pairs((0, 1, 3)), marks=[None, "stage", None, None, None]
    )
    assert not len(made.cut(8).staged())
