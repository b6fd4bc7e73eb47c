"""The folders inside a library that are ours; none of them is ever scanned."""

from __future__ import annotations

from pathlib import Path

REVIEW_DUPES = "_review_dupes"  # images staged for review
DELETE_REVIEW = "delete_review"  # whole sets staged for review
CLUSTERS = "_clusters"  # the grouper's folders; nothing in them is ever approved
STAGING = (REVIEW_DUPES, DELETE_REVIEW, CLUSTERS)
PRIVATE = ".dedup_nb"  # journals, reserve, lock
OURS = frozenset({*STAGING, PRIVATE})


def refuse_inside(
    folder: Path, library: Path, what: str, remedy: str = "choose another place"
) -> None:
    """Refuse to write into the library.

    Raises
    ------
    ValueError
        If `folder` lies inside the library.
    """
    if folder.resolve().is_relative_to(library.resolve()):
        raise ValueError(
            f"{what} {folder} lies inside the library {library}, in which nothing is written; "
            f"{remedy}"
        )
