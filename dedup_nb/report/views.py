"""A cut -> its groups for galleries and sheets, built on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dedup_nb import groups
from dedup_nb.compare.holding import words
from dedup_nb.library.quantities import size_text
from dedup_nb.report import sifting
from dedup_nb.report.pages import GROUPS_WITH_PICTURES
from dedup_nb.report.units import with_unit


class Views(Sequence[dict[str, Any]]):
    """The groups of one cut as dicts for galleries and sheets, built on demand."""

    def __init__(self, candidates: groups.Candidates, cut: groups.Cut, table: pd.DataFrame) -> None:
        self.candidates, self.cut = candidates, cut
        self.companions = table["companions"].to_numpy()
        self._groups = cut.groups

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            return [self[place] for place in range(*k.indices(len(self)))]
        rows = self._groups[k].tolist()
        members = [self._member(row) for row in rows]
        if members[0]["reason"] == groups.BEST:
            members[0]["reason"] = self.candidates.images.why_kept(rows)
        columns = self.candidates.columns(self.cut, rows)
        return {
            "id": self._id(rows),
            "title": self._title(rows, members),
            "members": members,
            **({"columns": columns} if columns else {}),
        }

    @cached_property
    def table(self) -> pd.DataFrame:
        """The rows of `groups.csv` at this cut."""
        return self.candidates.table(self.cut)

    @cached_property
    def facets(self) -> sifting.Facets:
        """Facts about all groups, for filters and orders."""
        cut, images = self.cut, self.candidates.images.table
        rows = self._groups.rows
        roles = cut.roles[rows]
        return sifting.Facets(
            self._groups.starts,
            roles == groups.STAGE,
            cut.freed[rows].astype(np.float64),
            np.where(roles == groups.KEEPER, np.nan, cut.values[rows]),
            images["mtime_ns"].to_numpy(np.float64)[rows],
            images["sha256"].to_numpy(object)[rows],
            self._columns(rows),
            rises=self.candidates.sign < 0,
        )

    def _columns(self, rows: NDArray[np.int64]) -> dict[str, Callable[[], NDArray[Any]]]:
        """Return what makes the further facts of images; see `sifting.Facets`."""
        made, cut, images = self.candidates, self.cut, self.candidates.images.table

        def of_each(value: Callable[[int], Any]) -> NDArray[Any]:
            return sifting.objects([value(k) for k in rows.tolist()])

        def kind(k: int) -> str:
            judged = made.judgement(cut, k)
            return judged.kind if judged else ""

        keepers = cut.keepers[rows]
        paths = images["path"].to_numpy(object)
        return {
            "path": lambda: paths[rows],
            "keeper": lambda: np.where(keepers < 0, "", paths[keepers]),
            "root": lambda: images["root"].to_numpy(object)[rows],
            "stage": lambda: images["stage"].to_numpy(object)[rows],
            "role": lambda: np.array(groups.ROLES, object)[cut.roles[rows]],
            "kind": lambda: of_each(kind),
            "lacks": lambda: sifting.objects(made.all_lacks(cut, rows)),
            "finder": lambda: of_each(lambda k: made.finders(cut, k)),
        }

    def locate(self, group_id: str) -> int:
        """Return the position of a group by id, or where it would be."""
        star = self.candidates.images.row_of_id.get(group_id, 0)
        at = np.flatnonzero(self._stars == star)
        return int(at[0]) if len(at) else int(np.searchsorted(self._stars, star))

    @cached_property
    def _stars(self) -> NDArray[np.int64]:
        return self.cut.stars[self._groups.rows[self._groups.starts]]

    @cached_property
    def _freed(self) -> NDArray[np.int64]:
        return self.cut.freed

    def _id(self, rows: Sequence[int]) -> str:
        star = int(self.cut.stars[rows[0]])
        return groups.identifier("g", self.candidates.images.paths[star])

    def _title(self, rows: Sequence[int], members: Sequence[Mapping[str, Any]]) -> str:
        staged = self._freed[list(rows)][[m["role"] == "stage" for m in members]]
        values = [m["value"] for m in members if m["role"] != "keeper" and m["value"] == m["value"]]
        weakest = max(values, key=lambda v: self.candidates.sign * v) if values else None
        parts = []
        if description := self.candidates.describe(self.cut, rows):
            parts.append(description)
        elif weakest is not None:
            parts.append(f"weakest link {with_unit(weakest, self.candidates.measure)}")
        if len(staged):
            parts.append(f"frees {size_text(int(staged.sum()))}")
        return "; ".join(parts)

    def _member(self, row: int) -> dict[str, Any]:
        record = self.candidates.images.record(row)
        lacks = self.candidates.lacks(self.cut, row)
        role = groups.ROLES[self.cut.roles[row]] or "review"
        return {
            **record,
            "path": self.candidates.images.paths[row],
            "role": role,
            "value": float(self.cut.values[row]),
            "measure": self.candidates.measure,
            "reason": self.candidates.reason(self.cut, row),
            "lacks": lacks,
            "badges": self._badges(row, record, lacks),
        }

    def _badges(self, row: int, record: Mapping[str, Any], lacks: Sequence[str]) -> list[str]:
        images, keeper = self.candidates.images, int(self.cut.keepers[row])
        frees = self.cut.roles[row] == groups.STAGE and record["bytes"]
        badges = []
        if record["stage"]:
            badges.append(record["stage"].partition("_")[0])  # stage1.5 of stage1.5_face_swapped
        if record["root"] != ".":
            badges.append(record["root"])
        if images.cropped[row]:
            badges.append("Cropped")
        if images.protected[row]:
            badges.append("protected")
        if images.doubts[row]:
            badges.append("hash not trusted")
        badges += words.badges(lacks)
        judgement = self.candidates.judgement(self.cut, row)
        if keeper != row and images.digests[keeper] == images.digests[row]:
            badges.append("exact copy")
        elif judgement and judgement.kind and judgement.kind not in badges:
            badges.append(judgement.kind)
        if frees and not self._freed[row]:
            badges.append("hard link: frees nothing")
        if self.companions[row]:
            count = int(self.companions[row])
            badges.append(f"+{count} file{'' if count == 1 else 's'}")
        return badges


class Foremost(Sequence[dict[str, Any]]):
    """The most important groups first, as many as a report shows with pictures."""

    def __init__(self, views: Views) -> None:
        self.views = views
        cut = views.cut
        parts = views._groups
        freed = np.add.reduceat(cut.freed[parts.rows], parts.starts) if len(parts) else np.zeros(0)
        urgent = cut.urgency if cut.urgency is not None else np.zeros(len(cut.stars))
        waiting = urgent[views._stars]
        order = np.lexsort((-freed, -waiting)).tolist()
        self.places = order[:GROUPS_WITH_PICTURES]
        left = len(order) - len(self.places)
        more = f" {left:,} smaller groups are listed only in groups.csv." if left else ""
        first = views.candidates.first if waiting.any() else "free most"
        self.order = f"The groups that {first} come first.{more}"

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            return [self.views[place] for place in self.places[k]]
        return self.views[self.places[k]]
