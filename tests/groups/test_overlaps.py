"""Plans of several finders, added up without counting twice."""

import pytest

from dedup_nb.groups.overlaps import Move, united


def plan(*moves):
    return [Move(*move.split(" ")) for move in moves]  # bundle, file, keeper


@pytest.mark.parametrize(
    ("plans", "added"),
    [
        ([], []),
        ([plan("a a k")], [[0]]),
        ([plan("a a k", "b b k"), plan("b b k", "c c k")], [[0, 1], [1]]),  # b is found twice
        ([plan("a a b"), plan("b b a")], [[0], []]),  # each lets go what the other keeps
        ([plan("a a b"), plan("b b c")], [[0], []]),  # b stays, since a went for it
        ([plan("b b c"), plan("a a b")], [[0], []]),  # b went, so it keeps nothing
        ([plan("s a k", "s b k"), plan("a a k")], [[0, 1], []]),  # one of a set
        ([plan("a a k"), plan("s a k", "s b l")], [[0], []]),  # the rest of a set stays
        ([plan("a a b"), plan("s b k", "s c k")], [[0], []]),  # a set moves whole or not at all
        ([plan("s b k", "a a k", "s c k")], [[0, 2, 1]]),  # a bundle need not be in one place
        ([plan("a a ", "b b ")], [[0, 1]]),  # without keepers
    ],
)
def test_a_file_goes_once_and_what_something_relies_on_stays(plans, added):
    assert united(plans).added == added


def test_what_an_earlier_plan_forbids_is_listed():
    assert united([plan("a a b"), plan("s b k", "s c k")]).contradicted == [[], [0, 1]]
