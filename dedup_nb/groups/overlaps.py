"""Plans of several finders -> what goes if all of them are carried out, each file once."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple


class Move(NamedTuple):
    """One file that a plan would move."""

    bundle: Hashable
    src: str
    keeper: str


class United(NamedTuple):
    """What each plan adds to those before it.

    Attributes
    ----------
    added : list of list of int
        Positions of the moves of each plan that no earlier plan makes.
    contradicted : list of list of int
        Positions of the moves of each plan that cannot be made after the earlier ones.
    """

    added: list[list[int]]
    contradicted: list[list[int]]


def united(plans: Sequence[Sequence[Move]]) -> United:
    """Return what each plan adds if the plans are staged one after the other.

    As in staging, a bundle moves whole or not at all, also if an earlier plan moved a part of it; a
    file on which something that went relies stays; and nothing goes whose keeper went.

    Parameters
    ----------
    plans : sequence of sequence of Move
        The plans, in order.
    """
    gone: set[str] = set()
    relied_on: set[str] = set()
    made = United([], [])
    for plan in plans:
        added: list[int] = []
        contradicted: list[int] = []
        for places in _bundles(plan):
            left = [k for k in places if plan[k].src not in gone]
            sources = {plan[k].src for k in left}
            keepers = {plan[k].keeper for k in left if plan[k].keeper}
            is_part = 0 < len(left) < len(places)
            if is_part or sources & relied_on or sources & keepers or keepers & gone:
                contradicted += left
                continue
            added += left
            gone |= sources
            relied_on |= keepers
        made.added.append(added)
        made.contradicted.append(contradicted)
    return made


def _bundles(plan: Sequence[Move]) -> list[list[int]]:
    """Return the positions of the moves of each bundle, by the first of them."""
    bundles: dict[Hashable, list[int]] = {}
    for k, move in enumerate(plan):
        bundles.setdefault(move.bundle, []).append(k)
    return list(bundles.values())
