"""The names of our own folders inside a library; none of them is ever scanned."""

from __future__ import annotations

import os
from pathlib import Path

REVIEW_DUPES = "_review_dupes"  # images staged for review
DELETE_REVIEW = "delete_review"  # whole sets staged for review
CLUSTERS = "_clusters"  # folders of clusters; nothing in them can be approved
STAGING = (REVIEW_DUPES, DELETE_REVIEW, CLUSTERS)
PRIVATE = ".dedup_nb"  # journals, reserve, lock
OURS = frozenset({*STAGING, PRIVATE})

NOT_FOLLOWED = (
    "root {root} is not a folder inside {library}: {link} is a symbolic link, which is never "
    "followed; correct roots"
)


def link_on_the_way(library: Path, folder: str) -> str:
    """Return the first symbolic link on the way from the library to a folder in it, or ""."""
    way = ""
    for part in Path(folder).parts:
        way = os.path.join(way, part)
        if os.path.islink(library / way):  # noqa: PTH114  # Path.is_symlink raises for long paths
            return way
    return ""


def refuse_inside(
    folder: Path, library: Path, what: str, remedy: str = "choose another place"
) -> None:
    """Refuse a folder inside the library.

    Raises
    ------
    ValueError
        If `folder` lies inside the library.
    """
    if folder.resolve().is_relative_to(library.resolve()):
        raise ValueError(
            f"{what} {folder} lies inside the library {library}, which is never written to; "
            f"{remedy}"
        )
