"""Rows of neighbours -> who keeps whom: the loops of `stars`, compiled by numba.

A module of their own, imported when it is first used, since numba takes a quarter of a second.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def stars(  # type: ignore[no-untyped-def]
    order, starts, neighbours, distances, limits, refused, yields, threshold, keepers, to_keeper
):
    limited = len(limits) > 0
    deferred = np.zeros(len(order), np.bool_)
    some_yield = yields.any()
    for again in (False, True):
        for place in range(len(order)):
            best = order[place]
            if deferred[place] != again or (keepers[best] >= 0 and keepers[best] != best):
                continue
            if some_yield and not again:
                for at in range(starts[best], starts[best + 1]):
                    if distances[at] > threshold:
                        break
                    is_open = not limited or threshold < limits[at]
                    if yields[at] and is_open and keepers[neighbours[at]] < 0:
                        deferred[place] = True
                        break
                if deferred[place]:
                    continue
            for at in range(starts[best], starts[best + 1]):
                if distances[at] > threshold:
                    break
                member = neighbours[at]
                is_open = not limited or threshold < limits[at]
                if keepers[member] < 0 and is_open and not refused[at]:
                    keepers[member] = best
                    to_keeper[member] = distances[at]
                    keepers[best] = best
                    to_keeper[best] = 0.0


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def are_near(  # type: ignore[no-untyped-def]
    starts, neighbours, distances, limits, ranks, refused, threshold, members, keepers, near
):
    """Look each pair up in the row of its keeper, which is sorted by distance, then by rank.

    A keeper may have 100,000 neighbours, so the distance is taken from the row of the member.
    """
    for k in range(len(members)):
        member, keeper = members[k], keepers[k]
        for own in range(starts[member], starts[member + 1]):
            if distances[own] > threshold:
                break
            if neighbours[own] == keeper:
                distance, rank = distances[own], ranks[member]
                low, high = starts[keeper], starts[keeper + 1]
                while low < high:
                    middle = (low + high) // 2
                    other = distances[middle]
                    before = ranks[neighbours[middle]] < rank
                    if other < distance or (other == distance and before):
                        low = middle + 1
                    else:
                        high = middle
                if low < starts[keeper + 1] and neighbours[low] == member:
                    is_open = len(limits) == 0 or threshold < limits[low]
                    near[k] = is_open and not refused[low]
                break
