"""Groups -> which are shown, and in what order. Numbers in, numbers out.

Filters and orders read flat arrays with the facts of all images, so that a hundred thousand
groups are filtered in one step without building any of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

ORDERS = ("found", "doubt", "bytes", "size", "newest", "oldest")

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Sieve:
    """A filter and an order of groups; an empty value or None does not filter."""

    root: str = ""
    stage: str = ""
    lacks: str = ""  # a word that a keeper lacks of an image
    least_mb: float | None = None  # freed, inclusive
    from_value: float | None = None  # of the weakest link, inclusive
    to_value: float | None = None
    unreviewed: bool = False
    order: str = "found"

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> Sieve:
        """Return the sieve that a browser requests; invalid values are ignored."""
        order = str(asked.get("order"))
        return cls(
            root=str(asked.get("root") or ""),
            stage=str(asked.get("stage") or ""),
            lacks=str(asked.get("lacks") or ""),
            least_mb=_number(asked.get("least_mb")),
            from_value=_number(asked.get("from_value")),
            to_value=_number(asked.get("to_value")),
            unreviewed=bool(asked.get("unreviewed")),
            order=order if order in ORDERS else "found",
        )

    @property
    def idle(self) -> bool:
        """Whether it changes nothing."""
        return self == Sieve()


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if np.isfinite(value) else None


@dataclass
class Facets:
    """Facts about the images of all groups, one entry per image in every array.

    Attributes
    ----------
    starts : ndarray of int64
        Index of the first image of each group; its images are consecutive.
    staged : ndarray of bool
        Whether the image would move.
    values : ndarray of float64
        Measure to the keeper; NaN for keepers and where there is none.
    times : ndarray of float64
        When the image was last changed, in any unit.
    roots, stages, digests : ndarray of object
        Root, stage and sha256 of each image.
    lacks : ndarray of object
        What the keeper lacks of each image, a tuple of words.
    rises : bool
        Whether a larger measure means more alike.
    """

    starts: Indices
    staged: NDArray[np.bool_]
    sizes: Floats
    values: Floats
    times: Floats
    roots: NDArray[Any]
    stages: NDArray[Any]
    digests: NDArray[Any]
    lacks: NDArray[Any]
    rises: bool = False
    _holding: dict[str, list[int]] = field(default_factory=dict, repr=False)

    @property
    def n(self) -> int:
        """Number of groups."""
        return len(self.starts)

    @cached_property
    def counts(self) -> Indices:
        """Images of each group."""
        return np.diff(np.append(self.starts, len(self.staged)))

    @cached_property
    def group_of(self) -> Indices:
        """The group of each image."""
        return np.repeat(np.arange(self.n), self.counts)

    @cached_property
    def freed(self) -> Floats:
        """Bytes that each group frees."""
        return self._reduced(np.add, np.where(self.staged, self.sizes, 0.0))

    @cached_property
    def weakest(self) -> Floats:
        """The weakest link of each group; NaN if it has none."""
        return self._reduced(np.fmin if self.rises else np.fmax, self.values)

    @cached_property
    def newest(self) -> Floats:
        """When the newest image of each group was last changed."""
        return self._reduced(np.fmax, self.times)

    def _reduced(self, how: np.ufunc, values: Floats) -> Floats:
        made: Floats = how.reduceat(values, self.starts) if self.n else np.zeros(0)
        return made

    def having(self, column: NDArray[Any], value: str) -> NDArray[np.bool_]:
        """Return which groups have an image with that root or stage.

        Parameters
        ----------
        column : ndarray of str, shape (n_rows,)
            `roots` or `stages`.
        value : str
            The root or stage.

        Returns
        -------
        ndarray of bool, shape (n_groups,)
        """
        having = np.zeros(self.n, bool)
        having[self.group_of[column == value]] = True
        return having

    @cached_property
    def kinds_of_lack(self) -> list[str]:
        """Every word that a keeper lacks, sorted."""
        return sorted({word for words in set(self.lacks.tolist()) for word in words})

    def lacking(self, word: str) -> NDArray[np.bool_]:
        """Return which groups have an image of which the keeper lacks this, shape (n_groups,)."""
        rows = np.array([word in words for words in self.lacks.tolist()], bool)
        lacking = np.zeros(self.n, bool)
        lacking[self.group_of[rows]] = True
        return lacking

    def holding(self, digests: Collection[str]) -> list[int]:
        """Return the groups that contain any of these digests, in order."""
        if not self._holding and self.n:
            for digest, k in zip(self.digests.tolist(), self.group_of.tolist(), strict=True):
                self._holding.setdefault(digest, []).append(k)
        return sorted({k for digest in digests for k in self._holding.get(digest, ())})

    def sift(self, sieve: Sieve, reviewed: Collection[int] = ()) -> Indices:
        """Return the groups that pass a sieve, in its order.

        Parameters
        ----------
        sieve : Sieve
            Filter and order.
        reviewed : collection of int
            Groups that are left out if only unreviewed ones are wanted.
        """
        left = np.ones(self.n, bool)
        if sieve.root:
            left &= self.having(self.roots, sieve.root)
        if sieve.stage:
            left &= self.having(self.stages, sieve.stage)
        if sieve.lacks:
            left &= self.lacking(sieve.lacks)
        if sieve.least_mb is not None:
            left &= self.freed >= 1e6 * sieve.least_mb
        if sieve.from_value is not None:
            left &= self.weakest >= sieve.from_value
        if sieve.to_value is not None:
            left &= self.weakest <= sieve.to_value
        if sieve.unreviewed:
            left[list(reviewed)] = False
        order = np.argsort(self._keys(sieve.order), kind="stable")
        kept: Indices = order[left[order]]
        return kept

    def _keys(self, order: str) -> Floats:
        if order == "doubt":
            return np.nan_to_num(self.weakest if self.rises else -self.weakest, nan=-np.inf)
        if order == "bytes":
            return -self.freed
        if order == "size":
            return -self.counts.astype(np.float64)
        if order in ("newest", "oldest"):
            return -self.newest if order == "newest" else self.newest
        return np.arange(self.n, dtype=np.float64)


def facets_of(groups: Sequence[Mapping[str, Any]]) -> Facets:
    """Return the facets of groups: their own if they have any, else by building each group."""
    if hasattr(groups, "facets"):
        own: Facets = groups.facets
        return own
    starts: list[int] = []
    rows: list[tuple[Any, ...]] = []
    for group in groups:
        starts.append(len(rows))
        rows += [_row(member) for member in group["members"] if member]
    columns = list(zip(*rows, strict=True)) or [()] * 8
    flags, sizes, values, times, roots, stages, digests, lacks = columns
    return Facets(
        np.array(starts, np.int64),
        np.array(flags, bool),
        np.array(sizes, np.float64),
        np.array(values, np.float64),
        np.unique(np.array(times, object), return_inverse=True)[1].astype(np.float64),
        np.array(roots, object),
        np.array(stages, object),
        np.array(digests, object),
        objects(lacks),
        rises=any(m.get("measure") in ("cosine", "matches", "inputs") for m in _first(groups)),
    )


def _first(groups: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return iter([m for m in groups[0]["members"] if m] if len(groups) else [])


def _row(member: Mapping[str, Any]) -> tuple[Any, ...]:
    value = member.get("value")
    linked = member["role"] != "keeper" and value is not None
    return (
        member["role"] == "stage",
        float(member.get("bytes") or 0),
        float(value) if linked and value is not None else np.nan,
        str(member.get("mtime") or ""),
        str(member.get("root") or ""),
        str(member.get("stage") or ""),
        member["sha256"],
        tuple(member.get("lacks") or ()),
    )


def objects(values: Sequence[Any]) -> NDArray[Any]:
    """Return values as an array of objects, shape (n,), also if they are sequences."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


class Sifted(Sequence[Mapping[str, Any]]):
    """The groups that passed a sieve, built on demand."""

    def __init__(self, groups: Sequence[Mapping[str, Any]], places: Indices) -> None:
        self.groups, self.places = groups, places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            return [self.groups[int(place)] for place in self.places[k]]
        return self.groups[int(self.places[k])]

    def position(self, place: int) -> int | None:
        """Return the position of a group among those that passed, or None."""
        at = np.flatnonzero(self.places == place)
        return int(at[0]) if len(at) else None
