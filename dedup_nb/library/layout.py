"""The names of our own folders inside a library; none of them is ever scanned."""

from __future__ import annotations

from pathlib import Path

REVIEW_DUPES = "_review_dupes"  # images staged for review
DELETE_REVIEW = "delete_review"  # whole sets staged for review
CLUSTERS = "_clusters"  # folders of clusters; nothing in them can be approved
STAGING = (REVIEW_DUPES, DELETE_REVIEW, CLUSTERS)
PRIVATE = ".dedup_nb"  # journals, reserve, lock
OURS = frozenset({*STAGING, PRIVATE})


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
