"""A threshold -> the groups: which images stay, are staged or wait for review, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedup_nb.groups.links import Links
from dedup_nb.groups.roles import KEEPER, PROTECTED, REVIEW, STAGE, Indices, Roles


class Parts(Sequence[Indices]):
    """The members of all groups in one array of rows, and the start of each group."""

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
        """Return the parts of a list of groups."""
        sizes = np.array([len(rows) for rows in groups], np.int64)
        every = np.concatenate([np.zeros(0, np.int64), *groups]).astype(np.int64)
        return cls(every, np.cumsum(sizes) - sizes)


@dataclass
class Cut:
    """The groups at one threshold; each array has one entry for each image.

    Attributes
    ----------
    threshold : float
        Threshold of the cut, inclusive.
    sign : float
        1 if the measure is a distance, -1 if it is a similarity.
    keepers : ndarray of int64
        Row of the image kept for this one; its own row for a keeper; -1 outside groups.
    centres : ndarray of int64
        Row of the keeper that names the group; -1 outside groups.
    stars : ndarray of int64
        Row of the keeper by the rules, before your marks; identifies the group.
    roles : ndarray of int8
        Positions in `ROLES`.
    values : ndarray of float64
        The measure to the keeper.
    reasons : dict of int -> str
        Why an image has its role, if it needs a reason.
    by_person : ndarray of bool
        Which images have the role `stage` because you marked them.
    answered : set of int
        Stars that you marked as not duplicates.
    urgency : ndarray of int64, optional
        Urgency of each star; the most urgent groups come first.
    parts : Parts, optional
        The groups, if they are not the stars.
    detail : Any
        Further information of the finder on this cut.
    links : Links, optional
        Which images are hard links.
    self_value : float
        The measure of an image to itself.
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
    links: Links | None = field(default=None, repr=False)
    self_value: float = 0.0

    @property
    def distance(self) -> float:
        """The threshold as a distance: smaller is nearer."""
        return self.sign * self.threshold

    def staged(self, *, by_rule: bool = False) -> Indices:
        """Return the images that would be staged, or only those that you did not mark."""
        staged = self.roles == STAGE
        return np.flatnonzero(staged & ~self.by_person if by_rule else staged)

    def hold(self, rows: Indices | Sequence[int], reason: str = "", role: int = REVIEW) -> None:
        """Hold images back: give them the role `review`, or another that leaves them in place."""
        self.roles[rows] = role
        self.by_person[rows] = False
        if reason:
            self.reasons |= dict.fromkeys(np.asarray(rows, np.int64).tolist(), reason)

    @cached_property
    def groups(self) -> Parts:
        """Members of each group, keeper first, then by distance; groups by urgency and path."""
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
    def freed(self) -> NDArray[np.int64]:
        """Bytes that staging each image frees in the end; 0 for a hard link of what stays.

        Returns
        -------
        ndarray of int64, shape (n,)
        """
        staged = self.roles == STAGE
        freed = np.where(staged, self.sizes, 0)
        return freed if self.links is None else self.links.freed(freed, staged)

    @property
    def totals(self) -> dict[str, int]:
        """Totals of staging this cut: `groups`, `images` that move, and `bytes` that are freed."""
        staged = self.roles == STAGE
        kept = np.zeros(len(self.roles), bool)
        kept[self.centres[self.roles == KEEPER]] = True  # a set has several keepers but one centre
        return {
            "groups": int(np.count_nonzero(kept)),
            "images": int(np.count_nonzero(staged)),
            "bytes": int(self.freed.sum()),
            "review": int(np.count_nonzero(self.roles == REVIEW)),
            "protected": int(np.count_nonzero(self.roles == PROTECTED)),
        }
