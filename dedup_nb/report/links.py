"""Files of a library -> links that a browser can follow from any page, wherever it lies."""

from __future__ import annotations

import os
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote


@dataclass(frozen=True)
class Links:
    """Links to the files of one library.

    Attributes
    ----------
    library : Path, optional
        Folder that the paths are relative to; without it, nothing is linked.
    known : container of str
        Paths of the files that may be linked in tables.
    """

    library: Path | None = None
    known: Container[str] = field(default_factory=frozenset)

    def of(self, path: str) -> str:
        """Return the address of a file of the library; empty if nothing is linked.

        The address is absolute, so that it still works from a page that was copied elsewhere.
        Whatever bytes a name consists of are escaped.
        """
        if self.library is None:
            return ""
        place = os.path.join(self.library.absolute(), path)
        try:
            return f"file://{quote(os.fsencode(place))}"
        except UnicodeEncodeError:  # half a character, as a damaged file can hold
            return ""

    def of_cell(self, cell: object) -> str:
        """Return the address of the file that a cell of a table names; empty if it names none."""
        return self.of(cell) if isinstance(cell, str) and cell in self.known else ""


NO_LINKS = Links()
