"""Your marks and answers -> roles, applied before any rule holds images back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dedup_nb.groups.cut import Cut
from dedup_nb.groups.images import Images
from dedup_nb.groups.roles import KEEPER, NONE, PROTECTED, STAGE
from dedup_nb.groups.stars import Grouping

# Applies marks and answers to the roles of a cut; see `obey`.
Obey = Callable[[Cut, Images, Grouping], None]

KEPT = "kept by a person"
LAST = "marked for staging, but one of the group must stay"


def obey(cut: Cut, images: Images, grouping: Grouping) -> None:
    """Apply answers, then marks, provided that each staged image keeps a direct neighbour."""
    obey_answers(cut, images)
    marked = {int(cut.stars[k]) for k in images.marked if cut.stars[k] >= 0} - cut.answered
    for centre in sorted(marked):
        members = np.flatnonzero(cut.stars == centre).tolist()
        _obey_group(cut, images, grouping, centre, members)


def obey_answers(cut: Cut, images: Images) -> None:
    """Propose nothing in a group that you marked as not duplicates."""
    for centre in {int(cut.stars[k]) for k in images.mentioned if cut.stars[k] >= 0}:
        members = np.flatnonzero(cut.stars == centre)
        digests = {images.digests[k] for k in members.tolist()}
        if any(digests <= answer for answer in images.answers):
            cut.answered.add(centre)
            cut.roles[members] = NONE


def _obey_group(
    cut: Cut, images: Images, grouping: Grouping, centre: int, members: list[int]
) -> None:
    marks, ranks = images.marks, images.ranks
    kept = [k for k in members if marks[k] != "stage" and _stays(cut, images, k)]
    if not kept:
        unmarked = [k for k in members if marks[k] != "stage"] or [centre]
        kept = [min(unmarked, key=lambda k: ranks[k])]
    main = centre if centre in kept else min(kept, key=lambda k: ranks[k])
    for k in members:
        cut.centres[k] = main
        if k in kept:
            _keep(cut, images, grouping, k, main)
            continue
        near = [c for c in kept if _near(cut, grouping, k, c) is not None]
        if not near:
            cut.keepers[k], cut.values[k] = main, np.nan
            cut.hold([k], "not a direct neighbour of an image that is kept")
            continue
        mine = main if main in near else min(near, key=lambda c: ranks[c])
        cut.keepers[k], cut.values[k] = mine, _near(cut, grouping, k, mine)
        if marks[k] == "stage":
            cut.roles[k], cut.by_person[k] = STAGE, True
            cut.reasons[k] = "staged by a person"


def _stays(cut: Cut, images: Images, k: int) -> bool:
    protected = bool(images.protected[k]) and cut.roles[k] == STAGE
    return images.marks[k] == "keep" or protected or bool(cut.roles[k] == KEEPER)


def _keep(cut: Cut, images: Images, grouping: Grouping, k: int, main: int) -> None:
    near = cut.self_value if k == main else _near(cut, grouping, k, main)
    cut.keepers[k], cut.values[k] = main, np.nan if near is None else near
    cut.roles[k] = KEEPER if k == main else PROTECTED
    if images.marks[k] == "keep":
        cut.reasons[k] = KEPT
    elif images.marks[k] == "stage":
        cut.reasons[k] = LAST


def _near(cut: Cut, grouping: Grouping, a: int, b: int) -> float | None:
    distance = grouping.between(a, b, cut.distance)
    return None if distance is None else cut.sign * distance
