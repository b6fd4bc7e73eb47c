"""Groups -> which are shown, and in what order. Numbers in, numbers out.

Filters and orders read flat arrays with the facts of all images, so that a hundred thousand
groups are filtered in one step without building any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

ORDERS = ("found", "doubt", "bytes", "size", "newest", "oldest")

EQUAL = ("role", "kind", "root", "stage")  # limits that name a value of an image
AMONG = ("lacks", "finder")  # and those that name one of several

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Sieve:
    """A filter and an order of groups; an empty value or None does not filter."""

    role: str = ""
    kind: str = ""  # how a picture was changed
    root: str = ""
    stage: str = ""
    lacks: str = ""  # a word that a keeper lacks of an image
    finder: str = ""  # one that finds an image near its keeper
    folder: str = ""  # or one below it
    name: str = ""  # part of a path, in whatever case
    least_mb: float | None = None  # freed, inclusive
    from_value: float | None = None  # of the weakest link, inclusive
    to_value: float | None = None
    unreviewed: bool = False
    order: str = "found"

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> Sieve:
        """Return the sieve that a browser requests; invalid values are ignored."""
        order = str(asked.get("order"))
        texts = (*EQUAL, *AMONG, "folder", "name")
        return cls(
            **{name: str(asked.get(name) or "") for name in texts},
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
    digests : ndarray of object
        sha256 of each image.
    columns : mapping of str to callable
        Makes further facts of each image when they are first needed, each an ndarray of object:
        `path`, `root`, `stage`, `role`, `kind`, `keeper` (path of its keeper), and tuples of words:
        `lacks`, `finder`.
    rises : bool
        Whether a larger measure means more alike.
    """

    starts: Indices
    staged: NDArray[np.bool_]
    sizes: Floats
    values: Floats
    times: Floats
    digests: NDArray[Any]
    columns: Mapping[str, Callable[[], NDArray[Any]]]
    rises: bool = False
    _holding: dict[str, list[int]] = field(default_factory=dict, repr=False)
    _made: dict[str, NDArray[Any]] = field(default_factory=dict, repr=False)

    def column(self, name: str) -> NDArray[Any]:
        """Return a fact of each image by name, shape (n_rows,)."""
        if name not in self._made:
            self._made[name] = self.columns[name]()
        return self._made[name]

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

    def having(self, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which groups have any of these images, given as a mask; shape (n_groups,)."""
        having = np.zeros(self.n, bool)
        having[self.group_of[rows]] = True
        return having

    def values_of(self, name: str) -> list[str]:
        """Return every value of a column, or every word of its tuples; sorted, without ``""``."""
        values = set(self.column(name).tolist())
        words = {word for value in values for word in value} if name in AMONG else values
        return sorted(words - {""})

    def folders(self) -> list[str]:
        """Return every folder that holds an image, sorted."""
        return sorted({path.rpartition("/")[0] for path in self.column("path").tolist()} - {""})

    def matching(self, name: str, value: str) -> NDArray[np.bool_]:
        """Return which images a limit of a sieve leaves, shape (n_rows,)."""
        if name in EQUAL:
            return np.asarray(self.column(name) == value, bool)
        column = self.column("path" if name in ("folder", "name") else name).tolist()
        if name in AMONG:
            return np.array([value in words for words in column], bool)
        if name == "folder":
            return np.array([path.startswith(f"{value.rstrip('/')}/") for path in column], bool)
        part = value.casefold()
        return np.array([part in path.casefold() for path in column], bool)

    def having_rows(self, groups: Indices) -> NDArray[np.bool_]:
        """Return which images belong to some groups, shape (n_rows,)."""
        chosen = np.zeros(self.n, bool)
        chosen[groups] = True
        rows: NDArray[np.bool_] = chosen[self.group_of]
        return rows

    def rows_of(self, k: int) -> slice:
        """Return the images of a group."""
        return slice(int(self.starts[k]), int(self.starts[k] + self.counts[k]))

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
        for name in (*EQUAL, *AMONG, "folder", "name"):
            if value := getattr(sieve, name):
                left &= self.having(self.matching(name, value))
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
        kept = group["members"][: int(group.get("columns") or 1)]
        rows += [
            _row(member, kept[at % len(kept)])
            for at, member in enumerate(group["members"])
            if member
        ]
    columns = list(zip(*rows, strict=True)) or [()] * (5 + len(COLUMNS))
    flags, sizes, values, times, digests, *further = columns
    return Facets(
        np.array(starts, np.int64),
        np.array(flags, bool),
        np.array(sizes, np.float64),
        np.array(values, np.float64),
        np.unique(np.array(times, object), return_inverse=True)[1].astype(np.float64),
        np.array(digests, object),
        {name: partial(objects, each) for name, each in zip(COLUMNS, further, strict=True)},
        rises=any(m.get("measure") in ("cosine", "matches", "inputs") for m in _first(groups)),
    )


def _first(groups: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return iter([m for m in groups[0]["members"] if m] if len(groups) else [])


COLUMNS = ("path", "root", "stage", "role", "kind", "keeper", *AMONG)


def _row(member: Mapping[str, Any], keeper: Mapping[str, Any] | None) -> tuple[Any, ...]:
    value = member.get("value")
    linked = member["role"] != "keeper" and value is not None
    return (
        member["role"] == "stage",
        float(member.get("bytes") or 0),
        float(value) if linked and value is not None else np.nan,
        str(member.get("mtime") or ""),
        member["sha256"],
        member["path"],
        *(str(member.get(name) or "") for name in ("root", "stage", "role", "kind")),
        "" if keeper is None else keeper["path"],
        tuple(member.get("lacks") or ()),
        tuple(member.get("finders") or ()),
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
