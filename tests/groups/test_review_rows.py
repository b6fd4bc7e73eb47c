"""What a person is asked to look at: pairs that may be one picture, and nothing else."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from test_groups import images, pairs, plain, roles

from dedup_nb import groups
from dedup_nb.groups.checks import DIFFERENT, DOUBTFUL, SAME


class Looks:
    """Checks that accept every pair of one picture, and count the comparisons."""

    def __init__(self, pictures=(), *, edited=(), able=True):
        self.different = {frozenset(pair): how for pair, how in dict(pictures).items()}
        self.edited = {frozenset(pair) for pair in edited}
        self.able, self.compared = able, set()

    def _picture(self, pair):
        return self.different.get(pair, SAME)

    def _know(self, members, keepers):
        ends = [frozenset(each) for each in zip(members.tolist(), keepers.tolist(), strict=True)]
        if self.able:
            self.compared |= set(ends)
        return ends

    def refused(self, members, keepers):
        self._know(members, keepers)
        judged = [self.judgement(m, k) for m, k in zip(members, keepers, strict=True)]
        return np.array([one is not None and not one.accepted for one in judged], bool)

    def pictures(self, members, keepers):
        ends = self._know(members, keepers)
        return [self._picture(pair) if pair in self.compared else None for pair in ends]

    def judgement(self, member, keeper):
        pair = frozenset((int(member), int(keeper)))
        if pair not in self.compared:
            return None
        accepted = self._picture(pair) == SAME and pair not in self.edited
        return groups.Judgement(accepted, "", 1.0, "" if accepted else "no copy")


def every(names):
    return pairs(*((i, j, 1) for i, j in combinations(range(len(names)), 2)))


def grouped(names, checks, made=None):
    made = groups.Candidates(plain(names), every(names), keeper_order=["path"], checks=checks)
    return {path[0]: (role, keeper[0]) for path, (role, keeper) in roles(made, 8).items()}, made


def test_an_edited_copy_keeps_its_partner_though_both_were_near_a_better_other_picture():
    other = {(0, 1): DIFFERENT, (0, 2): DIFFERENT}
    rows, made = grouped("abc", Looks(other, edited=[(1, 2)]))
    assert rows == {"b": ("keeper", "b"), "c": ("review", "b")}
    assert made.left_out(made.cut(8)) == 2


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (DIFFERENT, {}),
        (DOUBTFUL, {"a": ("keeper", "a"), "b": ("review", "a")}),
        (SAME, {"a": ("keeper", "a"), "b": ("review", "a")}),  # it has an edit
    ],
)
def test_only_what_may_be_one_picture_waits_for_review(how, expected):
    assert grouped("ab", Looks({(0, 1): how}, edited=[(0, 1)]))[0] == expected


def test_an_image_waits_beside_the_picture_that_it_shows_rather_than_a_better_doubtful_one():
    checks = Looks({(0, 1): DIFFERENT, (0, 2): DOUBTFUL}, edited=[(1, 2)])
    assert grouped("abc", checks)[0] == {"b": ("keeper", "b"), "c": ("review", "b")}


def test_what_the_keeper_lacks_is_no_reason_to_review_two_different_pictures():
    table = images(("a.jpg", {"holds": ("time",)}), ("b.jpg", {"holds": ("prompt",)}))
    shown = [
        roles(groups.Candidates(table, pairs((0, 1, 1)), checks=Looks({(0, 1): how})), 8)
        for how in (DIFFERENT, SAME)
    ]
    assert [len(rows) for rows in shown] == [0, 2]


def test_what_was_not_compared_yet_stays_until_it_is():
    table = images(("a.jpg", {"holds": ("time",)}), ("b.jpg", {"holds": ("prompt",)}))
    checks = Looks({(0, 1): DIFFERENT}, able=False)
    made = groups.Candidates(table, pairs((0, 1, 1)), checks=checks)
    before = roles(made, 8)
    checks.able = True
    assert before["b.jpg"] == ("review", "a.jpg")
    assert roles(made, 8) == {}


def test_without_checks_every_refused_pair_waits():
    table = images(("a.jpg", {"holds": ("time",)}), ("b.jpg", {"holds": ("prompt",)}))
    made = groups.Candidates(table, pairs((0, 1, 1)))
    assert roles(made, 8)["b.jpg"] == ("review", "a.jpg")
    assert made.left_out(made.cut(8)) == 0


def test_pairs_that_were_accepted_are_not_asked_for_again_by_a_later_cut(monkeypatch):
    checks, asked = Looks(edited=[(0, 2)]), set()
    rows, made = grouped("abc", checks)
    judgement = checks.judgement
    monkeypatch.setattr(
        checks, "judgement", lambda m, k: asked.add((int(m), int(k))) or judgement(m, k)
    )
    again = made.cut(8)
    assert again.totals["images"] == 1 and again.totals["review"] == 1
    assert rows == {"a": ("keeper", "a"), "b": ("stage", "a"), "c": ("review", "a")}
    assert (1, 0) not in asked


def test_what_was_not_compared_at_one_cut_is_staged_at_a_later_one():
    checks = Looks(able=False)
    rows, made = grouped("ab", checks)
    checks.able = True
    assert rows["b"] == ("review", "a") and roles(made, 8)["b.jpg"] == ("stage", "a.jpg")


def test_a_crowd_of_copies_costs_one_comparison_each_and_no_second_one():
    names, checks = [chr(ord("a") + k) for k in range(26)], Looks()
    _, made = grouped(names, checks)
    first = len(checks.compared)
    checks.able = False
    assert made.cut(8).totals["images"] == 25
    assert first == 25  # of 325 pairs


def test_copies_of_two_pictures_that_were_all_proposed_are_not_compared_within_each():
    names = [chr(ord("a") + k) for k in range(20)]  # the first ten show one picture
    apart = {(i, j): DIFFERENT for i in range(10) for j in range(10, 20)}
    checks = Looks(apart)
    _, made = grouped(names, checks)
    assert made.cut(8).totals["images"] == 18
    assert len(checks.compared) == 9 + 9 + 10  # of 190: two crowds, and one keeper with the other


@pytest.mark.parametrize("seed", range(20))
def test_where_a_slider_was_before_changes_no_group_for_review(seed):
    rng = np.random.default_rng(seed)
    some = [pair for pair in combinations(range(12), 2) if rng.random() < 0.4]
    table = pd.DataFrame(some, columns=["i", "j"])
    table["hamming_bits"] = rng.integers(0, 12, len(some))
    how = dict(zip(some, rng.choice([SAME, SAME, DOUBTFUL, DIFFERENT], len(some)), strict=True))
    edited = [pair for pair in some if rng.random() < 0.4]

    def made():
        checks = Looks(how, edited=edited)
        names = [f"{k:02}.jpg" for k in range(12)]
        return groups.Candidates(
            plain([name[:-4] for name in names]), table, keeper_order=["path"], checks=checks
        )

    moved = made()
    for threshold in (12, 3, 7, 12, 5):
        cut, fresh = moved.cut(threshold), made().cut(threshold)
        assert cut.keepers.tolist() == fresh.keepers.tolist()
        assert cut.roles.tolist() == fresh.roles.tolist()
