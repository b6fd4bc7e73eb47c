"""What a picture may lack of another, in words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Lack:
    """Something that one of two pictures has and the other has not.

    Attributes
    ----------
    name : str
        As in `groups.csv`.
    help : str
        What it means.
    reason : str
        Completes "waits for your review: ...".
    """

    name: str
    help: str
    reason: str


_LACKS = (
    Lack("detail", "finer detail after aligning both", "the keeper has less detail"),
    Lack("coding", "values before a coarser compression", "the keeper was compressed more"),
    Lack("depth", "more levels or colours", "the keeper has fewer levels or colours"),
    Lack("colour", "colour; the other is grey", "the keeper has no colour"),
    Lack("transparency", "transparency that shows", "the keeper lacks its transparency"),
    Lack(
        "original",
        "the lossy file; the other was saved from it without loss",
        "the keeper was only saved from it again, in a lossless format",
    ),
    Lack("covered", "what a mark or a missing part covers", "a part of the keeper is covered"),
)
_BOTH = (
    Lack("tone", "brightness or colour was changed", "brightness or colour was changed in one"),
    Lack("part", "a part has another colour", "a part of it has another colour"),
    Lack("marks", "different numbers, dates or signs", "they bear different marks"),
    Lack("noise", "noise was added or removed", "noise was added to one or removed from the other"),
    Lack("sharpness", "one was sharpened or softened", "one was sharpened or softened"),
    Lack(
        "enlarged",
        "more pixels without more detail",
        "one is enlarged: it has more pixels but no more detail",
    ),
    Lack("unknown", "could not be compared", "their detail could not be compared"),
)

LACKS = {lack.name: lack for lack in (*_LACKS, *_BOTH)}
BOTH = frozenset(lack.name for lack in _BOTH)
