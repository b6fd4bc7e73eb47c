"""Sets: one line-up, one picture in every stage, and never by way of a third."""

import numpy as np
import pandas as pd
import pytest

from dedup_nb.finders import sets
from dedup_nb.finders.sets import DIFFERENT, REVIEW, SAME, Match
from dedup_nb.library import names

STAGES = ("stage1_generated", "stage2_upscaled", "stage3_enhanced")


def images(*paths, series=None, status=None):
    """A catalogue of names alone; series by the nearest-up rule, folder by folder."""
    rows = []
    for path in sorted(paths):
        folder, _, base = path.rpartition("/")
        name = names.parse(base)
        rows.append(
            {
                "path": path,
                "folder": folder,
                "stem": base.rpartition(".")[0],
                "series": "",
                "stage": name.stage,
                "level": np.nan if name.level is None else name.level,
                "stamp": name.stamp.isoformat() if name.stamp else "",
                "root": folder.partition("/")[0],
                "status": (status or {}).get(path, "ok"),
            }
        )
    table = pd.DataFrame(rows)
    for _, part in table.groupby("folder"):
        bases = [path.rpartition("/")[2] for path in part.path]
        for run in names.find_series(bases):
            first = names.parse(bases[run[0]]).stamp
            table.loc[part.index[run], "series"] = names.series_id(first)
    return table


def run(folder, minute, levels=(1, 2, 3)):
    """The paths of a run of stages, 20 s apart."""
    stages = {1: STAGES[0], 2: STAGES[1], 3: STAGES[2]}
    return [
        f"{folder}/20250705_10{minute:02}{20 * k:02}_{stages[level]}.png"
        for k, level in enumerate(levels)
    ]


def alike(a, b):
    return True


# ---------------------------------------------------------------- finding


def test_a_set_is_a_run_of_stages_in_one_folder_in_order():
    table = images(*run("a", 10), *run("b", 20, (1, 2)), "a/alone.png")
    first, second = sets.find(table)
    assert (first.name, first.series, first.stages) == (
        "a/20250705_101000",
        "20250705_101000",
        STAGES,
    )
    assert [table.path[row] for row in first.rows] == run("a", 10)
    assert (second.folder, second.stages, second.problem) == ("b", STAGES[:2], "")


def test_what_cannot_be_compared_as_a_set_says_why():
    (bad,) = sets.find(images(*run("a", 10), status={run("a", 10)[1]: "unreadable"}))
    assert bad.problem == f"{run('a', 10)[1]} could not be read"
    twice = images(*run("a", 10))
    twice = pd.concat([twice, twice], ignore_index=True)
    assert sets.find(twice)[0].problem == "two images of one stage have this series id"


FINAL = "finals/20250705_101055_stage3_enhanced.png"


@pytest.mark.parametrize(
    ("more", "near", "split"),
    [
        ([FINAL], alike, [FINAL]),
        ([FINAL], lambda a, b: False, []),  # another picture
        (["finals/20250705_100955_stage3_enhanced.png"], alike, []),  # made before
        (["finals/20250705_101055_stage2_upscaled.png"], alike, []),  # a stage that is there
        (["before/20250705_100955_stage0.png"], alike, ["before/20250705_100955_stage0.png"]),
        (["b/20250705_101010_stage1.5.png"], alike, ["b/20250705_101010_stage1.5.png"]),
        (["b/20250705_101030_stage1.5.png"], alike, []),  # after the stage that follows it
        ([FINAL, "later/20250705_101155_stage3_enhanced.png"], alike, [FINAL]),  # the first
        (run("c", 11), alike, []),  # whole sets of others
        ([*run("c", 11), f"copies/{run('c', 11)[2][2:]}"], alike, []),  # a copy of another's final
    ],
)
def test_a_run_that_goes_on_in_another_folder_is_found(more, near, split):
    table = images(*run("a", 10, (1, 2)), *more)
    found = sets.find(table)
    continued, _ = sets.split_runs(table, found, near)
    rows = continued.get([each.folder for each in found].index("a"), [])
    assert [table.path[row] for row in rows] == split


def test_a_run_with_each_stage_in_a_folder_of_its_own_is_found():
    paths = [f"{folder}/{path[2:]}" for folder, path in zip("xyz", run("a", 10), strict=True)]
    table = images(*paths, "w/20250705_120000_stage1_generated.png")
    continued, scattered = sets.split_runs(table, sets.find(table), alike)
    assert continued == {} and [table.path[row] for row in scattered[0]] == paths
    assert sets.split_runs(table, [], lambda a, b: False) == ({}, [])


def test_sets_are_near_when_one_stage_is_near_its_counterpart():
    table = images(*run("a", 10), *run("b", 20), *run("c", 30, (1, 2)))
    found = sets.find(table)
    a, b, c = (each.rows for each in found)
    i = np.array([a[0], a[1], a[2], b[0], a[0]])
    j = np.array([b[0], b[1], c[0], c[1], a[1]])  # other stages, or one set, do not count
    assert list(sets.near_sets(found, i, j)) == [(0, 1)]


def test_other_line_ups_and_one_series_id_are_never_compared():
    a, b, copy, short = sets.find(
        images(*run("a", 10), *run("b", 20), *run("c", 10), *run("d", 40, (1, 2)))
    )
    assert sets.why_apart(a, b) == ""
    assert sets.why_apart(a, copy) == "of one series id"
    assert sets.why_apart(b, short) == "of another line-up"


# ---------------------------------------------------------------- judging


def match(cosines=(0.99, 0.98), areas=(0.0, 0.01), tones=(0.5, 1.0), **more):
    return Match(0, 1, cosines, areas, tones, **more)


@pytest.mark.parametrize(
    ("made", "verdict", "why"),
    [
        (match(), SAME, ""),  # at both bounds
        (match(cosines=(0.9799, 0.99)), DIFFERENT, "one: cosine 0.9799 is below 0.98"),
        (match(areas=(0.0, 0.011)), DIFFERENT, "two: 1.1% of the picture differs"),
        (match(areas=(0.0, np.nan)), REVIEW, "not compared tile by tile"),
        (match(problem="x has no picture"), REVIEW, "x has no picture"),
        (match(tones=(0.0, 9.0)), REVIEW, "two: tone or colours differ by 9 of 255 levels"),
        (match(told="differs", told_why="two: prompt"), REVIEW, "companions or PNG text differ: two: prompt"),
        (match(told="inconclusive", told_why="one: y"), REVIEW, "inconclusive: one: y"),
        (match(told="same"), SAME, ""),
        # a difference weighs more than a doubt
        (match(areas=(0.2, 0.0), told="differs", told_why="z"), DIFFERENT, "one: 20.0% of the picture differs"),
    ],
)  # fmt: skip
def test_every_stage_must_be_within_both_bounds(made, verdict, why):
    assert sets.judge(made, ("one", "two"), 0.98, 0.01) == (verdict, why)


def test_the_weakest_stage_is_the_one_that_differs_most():
    assert match(cosines=(0.9, 0.99), areas=(0.0, 0.03)).weakest == 1
    assert match(cosines=(0.9, 0.99), areas=(0.0, 0.0)).weakest == 0
    assert match(areas=(np.nan, np.nan)).weakest == 1 and np.isnan(match(areas=(np.nan,)).area)


# ---------------------------------------------------------------- which is kept


@pytest.mark.parametrize(
    ("order", "edges", "joined"),
    [
        ([0, 1, 2], [(0, 1), (0, 2), (1, 2)], {1: 0, 2: 0}),  # three the same keep one
        ([0, 1, 2], [(0, 1), (1, 2)], {1: 0}),  # no chain: 2 was never compared with 0
        ([1, 0, 2], [(0, 1), (1, 2)], {0: 1, 2: 1}),
        ([2, 1, 0], [(0, 1), (1, 2)], {1: 2}),
        ([0, 1], [], {}),
        ([0, 1, 2, 3], [(0, 3), (1, 2), (2, 3)], {3: 0, 2: 1}),
    ],
)
def test_a_set_joins_only_a_kept_set_that_it_was_compared_with(order, edges, joined):
    assert sets.stars(order, edges) == joined


def test_sets_that_are_kept_already_may_be_joined_and_join_nobody():
    assert sets.stars([0, 1, 2], [(0, 1), (1, 2)], taken=[1]) == {0: 1, 2: 1}
