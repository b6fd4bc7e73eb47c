"""Groups, images and choices -> messages to the browser: small, plain, safe to display."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, SupportsFloat

from dedup_nb.compare.holding import words
from dedup_nb.groups.decisions import Decisions
from dedup_nb.groups.measures import MEASURES
from dedup_nb.library.tables import shown
from dedup_nb.report.units import with_unit
from dedup_nb.widgets.gallery.pictures import Keys

PAGE_MEMBERS = 24  # most members of one group in one answer
TEXT_CHARS = 8_000  # most characters shown of one fact or text

Group = Mapping[str, Any]
Member = Mapping[str, Any]
Message = dict[str, Any]


@dataclass(frozen=True)
class Changed:
    """Pairs that joined or left with the last move of a threshold, some of them to be shown."""

    joined: bool
    count: int
    pairs: Sequence[tuple[tuple[str, str], tuple[str, str], float]]  # (path, sha256) twice, value
    measure: str


class Messages:
    """Builds messages about groups.

    Parameters
    ----------
    keys : Keys
        The numbers of the images.
    decisions : Decisions
        Decisions about them.
    """

    def __init__(self, keys: Keys, decisions: Decisions) -> None:
        self.keys, self.decisions = keys, decisions

    def group(self, k: int, group: Group) -> Message:
        """Return a group with its first members."""
        digests = digests_of(group)
        return {
            "index": k,
            "id": shown(str(group["id"])),
            "title": shown(str(group["title"])),
            "size": len(group["members"]),
            "columns": int(group.get("columns") or 0),
            "answered": bool(digests) and self.decisions.answered(digests),
            "accepted": bool(digests) and self.decisions.reviewed(digests),
            "reviewed": self.is_reviewed(group),
            "waiting": self.waiting(group),
            "members": self.members(group, 0),
        }

    def members(self, group: Group, start: int) -> list[Message | None]:
        """Return a page of members of a group; None where a set has no image."""
        members = group["members"][start : start + PAGE_MEMBERS]
        return [self._member(member) if member else None for member in members]

    def _member(self, member: Member) -> Message:
        path, sha256 = member["path"], member["sha256"]
        folder, _, name = path.rpartition("/")
        value = number(member.get("value"))
        lacks = [_shown(text) for text in words.badges(member.get("lacks") or ())]
        return {
            "key": self.keys.key(path, sha256),
            "mark": self.decisions.mark_of(path, sha256),
            "role": member["role"],
            "name": shown(name),
            "folder": shown(folder),
            "value": "" if value is None else value_text(value, str(member.get("measure") or "")),
            "lacks": lacks,
            "badges": [
                text for text in map(_shown, member.get("badges") or ()) if text not in lacks
            ],
            **{name: number(member.get(name)) for name in ("width", "height", "bytes")},
            **{name: shown(str(member.get(name) or "")) for name in ("reason", "root", "stage")},
            "mtime": shown(str(member.get("mtime") or "")),
        }

    def is_reviewed(self, group: Group) -> bool:
        """Return whether the group was accepted or answered, or any of its images marked."""
        if not len(self.decisions):
            return False
        if any(self.decisions.mark_of(m["path"], m["sha256"]) for m in there(group)):
            return True
        digests = digests_of(group)
        queries = (self.decisions.reviewed, self.decisions.answered)
        return bool(digests) and any(query(digests) for query in queries)

    def waiting(self, group: Group) -> int:
        """Return how many images of a group wait for a person."""
        rows = [m for m in there(group) if m["role"] == "review"]
        if not rows or (len(self.decisions) and self.decisions.answered(digests_of(group) or {""})):
            return 0
        return sum(self.decisions.mark_of(m["path"], m["sha256"]) is None for m in rows)

    def marks(self, records: Sequence[Message]) -> dict[str, str | None]:
        """Return key -> mark of the images decided on, which may be in several groups."""
        images = [(one["path"], one["sha256"]) for one in records if one["what"] == "mark"]
        return {str(self.keys.key(*image)): self.decisions.mark_of(*image) for image in images}

    def changed(self, changed: Changed) -> Message:
        """Return the pairs that joined or left with the last move of a threshold."""
        pairs = [
            [
                self.keys.key(*a),
                self.keys.key(*b),
                value_text(value, changed.measure),
                *(shown(Path(path).name) for path, _ in (a, b)),
            ]
            for a, b, value in changed.pairs
        ]
        return {"joined": changed.joined, "count": changed.count, "pairs": pairs}


def value_text(value: float, measure: str) -> str:
    """Return a value with its unit: `4 bits`, `3 s`, `0.9312`."""
    if measure not in MEASURES:
        return f"{value:g}"
    return with_unit(value, measure) if MEASURES[measure].unit else f"{value:.4f}"


def number(value: SupportsFloat | None) -> float | None:
    """Return a plain number for JSON: NaN and None become None, whole numbers become int."""
    if value is None or not math.isfinite(float(value)):
        return None
    return int(float(value)) if float(value).is_integer() else float(value)


def digests_of(group: Group) -> set[str]:
    """Return the digests of a group; empty if an image has none, as it has no decisions then."""
    digests = {member["sha256"] for member in there(group)}
    return set() if "" in digests else digests


def there(group: Group) -> list[Member]:
    """Return the members of a group without the gaps where a set has no image."""
    return [member for member in group.get("members", ()) if member]


def fact(row: Mapping[str, Any]) -> Message:
    """Return a compared fact for the browser, shortened and safe to display."""
    cut = {name: None if row[name] is None else _short(row[name]) for name in ("a", "b")}
    diff = [[sign, _short(line)] for sign, line in row.get("diff", ())]
    both = {} if diff else cut
    return {"name": shown(str(row["name"])), "same": row["same"], "diff": diff, **both}


def _shown(text: object) -> str:
    return shown(str(text))


def _short(text: str) -> str:
    return shown(text if len(text) <= TEXT_CHARS else f"{text[:TEXT_CHARS]}… (cut)")
