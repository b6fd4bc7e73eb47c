"""What a second look at two pictures tells: a copy, or why it is none, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

COPY, MOVED, EDITED, CONTAINED = "", "moved", "edited", "contained"
KINDS = (COPY, MOVED, EDITED, CONTAINED)
SIDES = ("", "a", "b")
MOST_BOXES = 8
MOST_SCORE = 1e9

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Look:
    """What a second look at two pictures tells that a first one called the same.

    Attributes
    ----------
    kind : str
        Empty for a copy; `moved`: something in the picture moved, as between frames of a burst;
        `edited`: a small part differs; `contained`: one shows the other inside itself.
    whole : str
        `a` or `b`: the picture that shows the other inside itself; empty for other kinds.
    where : tuple of (left, top, right, bottom)
        The areas that differ, largest first, at most `MOST_BOXES`; shares, 0 to 1, of picture `a`
        upright.
    score : float
        How far the pair is from a copy; above 1 it is none.
    area : float
        Share of the area that differs, 0 to 1.
    """

    kind: str = COPY
    whole: str = ""
    where: tuple[Box, ...] = ()
    score: float = 0.0
    area: float = 0.0

    @property
    def reason(self) -> str:
        """Why neither picture may be staged for the other; "" for a copy."""
        if self.kind == MOVED:
            return "moved: something in the picture moved, like frames of a burst"
        if self.kind == EDITED:
            return f"edited: {_percent(self.area)} of the area differs (outlined in compare)"
        if self.kind == CONTAINED:
            return "contained: one shows the other inside a larger picture"
        return ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self) | {"where": [list(box) for box in self.where]}

    @classmethod
    def from_dict(cls, data: Any) -> Look:
        """Return what `as_dict` gave.

        Raises
        ------
        ValueError
            If it is something else.
        """
        if not isinstance(data, Mapping) or set(data) != set(asdict(cls())):
            raise ValueError("not what a second look gives")
        where, kind, whole = data["where"], data["kind"], data["whole"]
        right = isinstance(kind, str) and kind in KINDS
        right &= isinstance(whole, str) and whole in SIDES and bool(whole) == (kind == CONTAINED)
        right &= isinstance(where, list | tuple) and len(where) <= MOST_BOXES
        if not (right and all(_is_box(box) for box in where)):
            raise ValueError("not what a second look gives")
        if not (_is_share(data["score"], MOST_SCORE) and _is_share(data["area"])):
            raise ValueError("a second look with impossible numbers")
        boxes = tuple((b[0], b[1], b[2], b[3]) for b in where)
        return cls(kind, whole, boxes, data["score"], data["area"])


def _percent(share: float) -> str:
    return "less than 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"


def _is_share(value: Any, most: float = 1.0) -> bool:
    return type(value) in (int, float) and 0 <= value <= most


def _is_box(box: Any) -> bool:
    if not isinstance(box, list | tuple) or len(box) != 4 or not all(map(_is_share, box)):
        return False
    return bool(box[0] <= box[2] and box[1] <= box[3])
