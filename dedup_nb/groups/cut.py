"""The groups at one threshold: who stays, who goes, who waits for review, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedup_nb.groups.roles import KEEPER, PROTECTED, REVIEW, STAGE, Indices, Roles


class Parts(Sequence[Indices]):
    """The members of each group, one after another: rows, and where each group begins."""

    def __init__(self, rows: Indices, starts: Indices) -> None:
        self.rows, self.starts = rows, starts
        self.ends = np.append(starts[1:], len(rows))

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            return [self[place] for place in range(*k.indices(len(self)))]
        return self.rows[self.starts[k] : self.ends[k]]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(np.array_equal(a, b) for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def of(cls, groups: Sequence[Sequence[int] | Indices]) -> Parts:
        """Return groups that are given one by one."""
        sizes = np.array([len(rows) for rows in groups], np.int64)
        every = np.concatenate([np.zeros(0, np.int64), *groups]).astype(np.int64)
        return cls(every, np.cumsum(sizes) - sizes)


@dataclass
class Cut:
    """The groups at one threshold: one entry an image in every array.

    Attributes
    ----------
    threshold : float
        Where the groups were cut, inclusive.
    sign : float
        1 where the measure is a distance, -1 where it is a similarity.
    keepers : ndarray of int64
        The image that stays for this one; itself for a keeper; -1 in no group.
    centres : ndarray of int64
        The keeper that names the group; -1 in no group.
    stars : ndarray of int64
        The keeper by rule alone, before a person's marks; it tells the groups apart.
    roles : ndarray of int8
        Positions in `ROLES`.
    values : ndarray of float64
        The measure to the keeper.
    reasons : dict of int -> str
        Why an image has its role, where that needs saying.
    by_person : ndarray of bool
        Which images have the role `stage` because a person said so.
    answered : set of int
        Stars that a person called no duplicates.
    urgency : ndarray of int64, optional
        Of each star; the most urgent groups come first.
    parts : Parts, optional
        The groups where they are not simply the stars.
    detail : Any
        What else the finder knows of this cut.
    """

    threshold: float
    sign: float
    keepers: Indices
    centres: Indices
    stars: Indices
    roles: Roles
    values: NDArray[np.float64]
    reasons: dict[int, str]
    sizes: NDArray[np.int64] = field(repr=False)
    by_person: NDArray[np.bool_] = field(repr=False)
    answered: set[int] = field(default_factory=set)
    urgency: NDArray[np.int64] | None = None
    parts: Parts | None = None
    detail: Any = None

    @property
    def self_value(self) -> float:
        """What the measure is of an image to itself."""
        return 0.0 if self.sign > 0 else 1.0

    @property
    def distance(self) -> float:
        """The threshold as a distance: smaller is nearer."""
        return self.sign * self.threshold

    def staged(self, *, by_rule: bool = False) -> Indices:
        """Return the images that would be staged, or only those that no person asked for."""
        staged = self.roles == STAGE
        return np.flatnonzero(staged & ~self.by_person if by_rule else staged)

    def hold(self, rows: Indices | Sequence[int], reason: str = "", role: int = REVIEW) -> None:
        """Hold images back: they get the role `review`, or another that leaves them in place."""
        self.roles[rows] = role
        self.by_person[rows] = False
        if reason:
            self.reasons |= dict.fromkeys(np.asarray(rows, np.int64).tolist(), reason)

    @cached_property
    def groups(self) -> Parts:
        """Members of each group, keeper first, then the nearest; groups by urgency and path."""
        return self.by_star if self.parts is None else self.parts

    @property
    def by_star(self) -> Parts:
        """The stars as groups, most urgent first; see `groups`."""
        inside = np.flatnonzero(self.stars >= 0)
        not_keeper = self.centres[inside] != inside
        stars = self.stars[inside]
        urgency = np.zeros(len(stars)) if self.urgency is None else self.urgency[stars]
        order = np.lexsort((inside, self.sign * self.values[inside], not_keeper, stars, -urgency))
        rows = inside[order]
        starts = np.flatnonzero(np.diff(self.stars[rows], prepend=-1))
        return Parts(rows, starts)

    @property
    def totals(self) -> dict[str, int]:
        """What staging this would do: `groups`, `images` that move, `bytes` of them."""
        staged = self.roles == STAGE
        kept = np.zeros(len(self.roles), bool)
        kept[self.centres[self.roles == KEEPER]] = True  # a set has several keepers and one centre
        return {
            "groups": int(np.count_nonzero(kept)),
            "images": int(np.count_nonzero(staged)),
            "bytes": int(self.sizes[staged].sum()),
            "review": int(np.count_nonzero(self.roles == REVIEW)),
            "protected": int(np.count_nonzero(self.roles == PROTECTED)),
        }
