"""The position of a group among those on display."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dedup_nb.report.sifting import Sifted

SEARCHED_GROUPS = 2_000  # most groups of a lazy sequence that are searched for an id

Group = Mapping[str, Any]


def locate(groups: Sequence[Group], group_id: str, near: int) -> int:
    """Return the position of the group with that id, else `near`; searches outward from `near`.

    Uses the sequence's own `locate(id)` if it has one. Otherwise a list is searched completely and
    a lazy sequence up to `SEARCHED_GROUPS` groups.
    """
    if hasattr(groups, "locate"):
        return min(max(int(groups.locate(group_id)), 0), len(groups) - 1)
    if isinstance(groups, Sifted) and hasattr(groups.groups, "locate"):
        at = groups.position(int(groups.groups.locate(group_id)))
        return near if at is None else at
    limit = len(groups) if isinstance(groups, list | tuple) else SEARCHED_GROUPS
    for _, k in zip(range(limit), outward(near, len(groups)), strict=False):
        if str(groups[k]["id"]) == group_id:
            return k
    return near


def outward(near: int, n: int) -> Iterator[int]:
    """Yield 0 to n - 1, nearest to `near` first."""
    yield near
    for step in range(1, n):
        if near + step < n:
            yield near + step
        if near - step >= 0:
            yield near - step
