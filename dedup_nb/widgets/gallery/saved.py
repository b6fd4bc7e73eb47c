"""Filters that a person saved by name <-> one small file beside the decisions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dedup_nb.library import files
from dedup_nb.library.tables import shown

VERSION = 1
MOST_CHARS = 60  # of a name

Asked = dict[str, Any]  # an order and a filter; see `Filter.asked`


class SavedFilters:
    """Filters by name, in a file or in memory.

    Parameters
    ----------
    path : Path or None
        The file, made when first needed; None keeps them in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._kept: dict[str, Asked] = {}

    def listed(self) -> dict[str, Asked]:
        """Return all filters, by name.

        Raises
        ------
        ValueError
            If the file cannot be read.
        """
        if self.path is not None and self.path.exists():
            kept = files.read_object(self.path)
            filters = kept.get("filters")
            if kept.get("version") != VERSION or not isinstance(filters, dict):
                raise ValueError(f"{self.path} does not hold filters; move it away")
            self._kept = {name: each for name, each in filters.items() if isinstance(each, dict)}
        return dict(sorted(self._kept.items()))

    def save(self, name: str, asked: Mapping[str, Any]) -> str:
        """Keep a filter under a name, in place of the one that had it; return the name.

        Raises
        ------
        ValueError, OSError
            If the name is empty, or the file cannot be read or written.
        """
        name = " ".join(shown(name).split())[:MOST_CHARS]
        if not name:
            raise ValueError("a filter is saved under a name; type one")
        self._put(self.listed() | {name: dict(asked)})
        return name

    def delete(self, name: str) -> None:
        """Forget a filter; raises as `save`."""
        kept = self.listed()
        kept.pop(name, None)
        self._put(kept)

    def _put(self, kept: dict[str, Asked]) -> None:
        self._kept = kept
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({"version": VERSION, "filters": kept}, indent=2)
            files.replace_text(self.path, text + "\n")
