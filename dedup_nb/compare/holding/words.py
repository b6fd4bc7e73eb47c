"""What a picture may lack of another, in words."""

from __future__ import annotations

from collections.abc import Sequence
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
    label : str
        For badges, if `keeper lacks <name>` would not be true: both have it, each its own.
    """

    name: str
    help: str
    reason: str
    label: str = ""


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
    Lack(
        "tone",
        "brightness or colour was changed",
        "brightness or colour was changed in one",
        "tone changed",
    ),
    Lack("part", "a part has another colour", "a part of it has another colour", "part recoloured"),
    Lack(
        "marks", "different numbers, dates or signs", "they bear different marks", "different marks"
    ),
    Lack(
        "noise",
        "noise was added or removed",
        "noise was added to one or removed from the other",
        "noise differs",
    ),
    Lack(
        "sharpness",
        "one was sharpened or softened",
        "one was sharpened or softened",
        "sharpness differs",
    ),
    Lack(
        "enlarged",
        "more pixels without more detail",
        "one is enlarged: it has more pixels but no more detail",
        "enlarged",
    ),
    Lack(
        "stretched",
        "other proportions of width and height",
        "one was stretched or squeezed, and nobody can tell which",
        "stretched",
    ),
    Lack(
        "contained",
        "one shows the other inside itself: a screenshot, a collage, a page",
        "one shows the other inside a larger picture",
        "contained",
    ),
    Lack("unknown", "could not be compared", "their detail could not be compared", "not compared"),
)

LACKS = {lack.name: lack for lack in (*_LACKS, *_BOTH)}
BOTH = frozenset(lack.name for lack in _BOTH)


def shown(word: str) -> str:
    """Return one word of `lacks` for tables: `lacks prompt`, `tone changed`."""
    return LACKS[word].label if word in BOTH else f"lacks {word}"


def badges(lacks: Sequence[str]) -> list[str]:
    """Return short texts for what a keeper lacks: `keeper lacks prompt, .xmp`, `tone changed`."""
    named = [word for word in lacks if word not in BOTH]
    own = [LACKS[word].label for word in lacks if word in BOTH]
    return [*([f"keeper lacks {', '.join(named)}"] if named else []), *own]
