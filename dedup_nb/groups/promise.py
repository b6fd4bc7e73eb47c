"""A cut or a plan -> an error if it would break the twin promise; checked before each is used.

The twin promise: a staged image is a direct neighbour, within the threshold, of a keeper that
stays.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from dedup_nb.groups.cut import Cut
from dedup_nb.groups.images import Images
from dedup_nb.groups.roles import KEEPER, PROTECTED, Indices
from dedup_nb.groups.stars import Grouping


class BrokenPromise(RuntimeError):
    """A plan would stage an image without a twin that stays; a program error."""


def check(cut: Cut, images: Images, grouping: Grouping) -> None:
    """Refuse a cut in which a staged image has no direct neighbour that stays.

    Raises
    ------
    BrokenPromise
        Names the first such image.
    """
    staged = cut.staged()
    keepers = cut.keepers[staged]
    stays = (keepers >= 0) & np.isin(cut.roles[keepers], (KEEPER, PROTECTED))
    _refuse(staged[~stays], images, "its keeper does not stay")
    by_person = cut.by_person[staged]
    near = np.ones(len(staged), np.bool_)
    by_rule = ~by_person
    near[by_rule] = grouping.may_propose(staged[by_rule], keepers[by_rule], cut.distance)
    for place in np.flatnonzero(by_person).tolist():
        ends = int(staged[place]), int(keepers[place])
        near[place] = grouping.between(*ends, cut.distance) is not None
    _refuse(staged[~near], images, "it is not a direct neighbour of its keeper")


def check_plan(plan: pd.DataFrame, cut: Cut, images: Images, *, needs_keeper: bool = True) -> None:
    """Refuse a plan that stages anything other than its cut does, with the same keepers.

    Parameters
    ----------
    plan : DataFrame
        Columns `path, role, keeper`; see `manifest.rows`.
    needs_keeper : bool
        False for `_clusters/`, which can never be approved: its rows have no keeper.

    Raises
    ------
    BrokenPromise
        Names the first such image.
    """
    planned = plan[plan["role"] == "stage"]
    if not needs_keeper:
        planned = planned[planned["keeper"] != ""]
    staged = cut.staged().tolist()
    allowed = {images.paths[k]: images.paths[int(cut.keepers[k])] for k in staged}
    for path, keeper in zip(planned["path"], planned["keeper"], strict=True):
        if allowed.get(path) != keeper:
            raise _broken(path, f"it is not staged for {keeper} at this threshold")


def _refuse(broken: Indices, images: Images, why: str) -> None:
    if len(broken):
        raise _broken(images.paths[int(broken[0])], why)


def _broken(path: str, why: str) -> BrokenPromise:
    return BrokenPromise(
        f"the plan would stage {path}, but {why}; nothing was written; please report this"
    )
