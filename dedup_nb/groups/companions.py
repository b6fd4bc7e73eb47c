"""The works beside a member and its keeper -> which of them the keeper has no copy of."""

from __future__ import annotations

from typing import Protocol


class Companions(Protocol):
    """Compares what stands beside an image and its keeper; see `compare.companions`."""

    def works_lacking(self, member: int, keeper: int) -> list[str]:
        """Return the works beside a member that the keeper's bundle has no copy of, by name."""

    def is_work(self, k: int) -> bool:
        """Return whether an image is a work of its own, such as a raw file."""
