"""The groups on display: one of them by position or by id, also as it was before a choice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dedup_nb.report.sifting import Sifted
from dedup_nb.widgets.gallery.messages import Group, Message
from dedup_nb.widgets.gallery.places import locate

KEPT_GROUPS = 512  # built
KEPT_CUTS = 64


class Display:
    """The groups that a filter leaves of all.

    Attributes
    ----------
    all, groups : Sequence of dict
        All groups of the cut, and those on display.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        self.all = self.groups = groups
        self._built: OrderedDict[int, Group] = OrderedDict()
        self._earlier: dict[int, Sequence[Group]] = {}  # by version, replaced by a choice

    def __len__(self) -> int:
        return len(self.groups)

    def replace(self, groups: Sequence[Group], version: int, by_choice: bool) -> None:
        """Show other groups; those replaced `by_choice` can still be asked for by their version."""
        if by_choice:
            self._earlier[version] = self.groups
        else:
            self._earlier.clear()
        self.groups = groups
        self._built.clear()

    def forget(self, oldest: int) -> None:
        """Forget the cuts before a version."""
        self._earlier = {v: cut for v, cut in self._earlier.items() if v >= oldest}

    def knows(self, version: int) -> bool:
        """Return whether the groups of an earlier version can be asked for."""
        return version in self._earlier

    def __getitem__(self, k: int) -> Group:
        if k not in self._built:
            self._built[k] = self.groups[k]
        self._built.move_to_end(k)
        while len(self._built) > KEPT_GROUPS:
            self._built.popitem(last=False)
        return self._built[k]

    def at(self, k: int, version: int, now: int) -> Group:
        """Return the group that was on screen, even if an earlier choice has moved it since.

        Raises
        ------
        ValueError
            If that cut is no longer known.
        """
        if version == now and 0 <= k < len(self):
            return self[k]
        if 0 <= k < len(self._earlier.get(version, ())):
            return self._earlier[version][k]
        raise ValueError("the groups have changed; look at the group again")

    def id(self, k: int) -> str:
        """Return the id of a group; empty if there is none at that position."""
        return str(self[k]["id"]) if 0 <= k < len(self) else ""

    def where(self, record: Message, near: int) -> int | None:
        """Return the position of the group decided on, or None if it is not on display."""
        if not record or not len(self):
            return None
        k = locate(self.groups, record["group"], min(max(near, 0), len(self) - 1))
        return k if self.id(k) == record["group"] else None

    def position(self, place: int) -> int | None:
        """Return the position of a group of all on display, or None."""
        return self.groups.position(place) if isinstance(self.groups, Sifted) else place

    @property
    def places(self) -> NDArray[np.int64]:
        """Positions among all of the groups on display, shape (n,)."""
        return self.groups.places if isinstance(self.groups, Sifted) else np.arange(len(self))


def find(groups: Sequence[Group], group_id: str, near: int) -> int:
    """Return the position of a group, or of the one that took its place; 0 if there is none."""
    return locate(groups, group_id, min(near, len(groups) - 1)) if len(groups) else 0
