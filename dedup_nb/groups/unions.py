"""Pairs in order -> connected components, and the pairs that joined two of them (union-find).

Compiled by numba; a component is named by its smallest member.
"""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def unite(n, firsts, seconds):  # type: ignore[no-untyped-def]
    """Join n items by pairs, in order.

    Parameters
    ----------
    n : int
    firsts, seconds : ndarray of int64, shape (n_pairs,)

    Returns
    -------
    names : ndarray of int64, shape (n,)
        The smallest item of each item's component.
    needed : ndarray of bool, shape (n_pairs,)
        Which pairs joined two components.
    """
    parents, needed = np.arange(n), np.zeros(len(firsts), np.bool_)
    for at in range(len(firsts)):
        a, b = _root(parents, firsts[at]), _root(parents, seconds[at])
        if a != b:
            parents[max(a, b)] = min(a, b)
            needed[at] = True
    for x in range(n):
        parents[x] = _root(parents, x)
    return parents, needed


@numba.njit(cache=True)  # type: ignore[untyped-decorator]
def _root(parents, x):  # type: ignore[no-untyped-def]
    while parents[x] != x:
        parents[x] = parents[parents[x]]  # halve the path as we climb
        x = parents[x]
    return x
