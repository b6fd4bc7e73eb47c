"""A report without groups says what to try, and what it says is true of what was read."""

from types import SimpleNamespace

import pytest

from dedup_nb import groups
from dedup_nb.steps.set_pruning import setgroups
from dedup_nb.steps.time_window import bursts

CUT = SimpleNamespace(threshold=5)


@pytest.mark.parametrize(
    ("source", "clocks", "says"),
    [
        ("name", ["", ""], "`stamp_source: auto`, which also reads the time of exposure"),
        ("exif", ["", ""], "`stamp_source: auto`, which reads the time in file names first"),
        ("auto", ["", ""], "neither in its file name nor in its EXIF data"),
        ("auto", ["local", ""], "within 5 s of each other. Try a larger `seconds`"),
    ],
)
def test_a_time_window_without_clusters_says_what_to_try(source, clocks, says):
    made = SimpleNamespace(stamps=SimpleNamespace(source=source, clocks=clocks))
    assert says in bursts.Bursts.empty(made, CUT)


@pytest.mark.parametrize(
    ("sets", "says"), [([], "No sets: a set is"), ([1, 2], "None of the 2 sets")]
)
def test_set_pruning_without_duplicates_says_what_to_try(sets, says):
    assert setgroups.Sets.empty(SimpleNamespace(sets=sets), CUT).startswith(says)


@pytest.mark.parametrize(
    ("sign", "says"), [(1.0, "a larger threshold"), (-1.0, "a smaller threshold")]
)
def test_a_finder_without_groups_says_which_way_to_go(sign, says):
    assert says in groups.Candidates.empty(SimpleNamespace(sign=sign), CUT)
