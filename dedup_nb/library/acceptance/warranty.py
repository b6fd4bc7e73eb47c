"""An acceptance sample with its answers <-> `warranty.json`, and what it says about a plan.

What a reader of the file may believe are the sample, the answers and the number of images; every
other number in it is for people, and is computed again by whoever relies on it.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dedup_nb.library import files
from dedup_nb.library.acceptance import bounds
from dedup_nb.library.acceptance.bounds import CONFIDENCE
from dedup_nb.library.acceptance.drawing import Going, place
from dedup_nb.library.tables import short

NAME = "warranty.json"
VERSION = 1
RIGHT, WRONG, UNSURE = "y", "n", "?"
ANSWERS = (RIGHT, WRONG, UNSURE)
MOST_BYTES = 2**26
MOST_IMAGES = 2**31
SHA256 = re.compile(r"[0-9a-f]{64}")

LIMITS = (
    "These are the answers of one person, about one library, on the days named. They tell nothing "
    "of differences that nobody can see in two pictures side by side, of what lies beside them, "
    "and of other plans."
)


@dataclass(frozen=True)
class Answered:
    """One image of a sample with the answer: `y` may go, `n` is wrong, `?` counts as wrong."""

    going: Going
    answer: str
    when: str = ""  # UTC

    @property
    def wrong(self) -> bool:
        """Whether it counts as wrong."""
        return self.answer != RIGHT


@dataclass(frozen=True)
class Warranty:
    """The answered part of an acceptance sample, from its beginning without gaps.

    Attributes
    ----------
    manifest : str
        SHA-256 of the manifest that it belongs to.
    images : int
        Images that the plan removes.
    asked : int
        Those of them whose content differs from what is kept; the sample is drawn from these.
    sample : tuple of Answered
        The first images in the order of the manifest.
    when : str
        UTC.
    """

    manifest: str
    images: int
    asked: int
    sample: tuple[Answered, ...]
    when: str = ""

    @property
    def wrong(self) -> int:
        """How many of the answers count as wrong."""
        return sum(each.wrong for each in self.sample)

    @property
    def unsure(self) -> int:
        """How many of these are `?`."""
        return sum(each.answer == UNSURE for each in self.sample)

    @property
    def bound(self) -> int:
        """How many images of the plan are wrong at most, with 95 % confidence."""
        return bounds.most_wrong(self.asked, len(self.sample), self.wrong)

    @property
    def share(self) -> float:
        """The bound as a share of all images, 0 to 1."""
        return self.bound / self.images if self.images else 0.0

    def says(self) -> str:
        """Return the warranty as a sentence."""
        images = f"{self.images:,} image{'s' if self.images != 1 else ''}"
        goes = "goes" if self.images == 1 else "go"
        if not self.images:
            return "No image goes."
        if not self.asked:
            return f"{images} {goes}; each is byte for byte what is kept, so there is no doubt."
        unsure = f" ({self.unsure:,} of them ?)" if self.unsure else ""
        equal = self.images - self.asked
        rest = f"; {equal:,} more are byte for byte what is kept" if equal else ""
        return (
            f"{images} {goes}; with {100 * CONFIDENCE:.0f} % confidence at most {self.bound:,} "
            f"({percent(self.share)}) of them are wrong; of {len(self.sample):,} drawn by chance "
            f"you called {self.wrong:,} wrong{unsure}{rest}."
        )

    def as_json(self) -> dict[str, Any]:
        """Return the content of the file."""
        return {
            "version": VERSION,
            "manifest": self.manifest,
            "when": self.when,
            "says": self.says(),
            "limits": LIMITS,
            "bound": self.bound,
            "share": round(self.share, 6),
            "confidence": CONFIDENCE,
            "answers": len(self.sample),
            "wrong": self.wrong,
            "unsure": self.unsure,
            "images": self.images,
            "asked": self.asked,
            "sample": [
                {**each.going._asdict(), "answer": each.answer, "when": each.when}
                for each in self.sample
            ],
        }


def percent(share: float) -> str:
    """Return a share as people read it: `0.99 %`, `12.5 %`."""
    value = 100 * share
    return f"{value:.{2 if value < 10 else 1}f} %"


def of_json(value: object) -> Warranty:
    """Return a warranty from the content of a file or a journal.

    Raises
    ------
    ValueError
        What is wrong with it, in a few words.
    """
    if not isinstance(value, Mapping):
        raise ValueError("it is not an object")
    if value.get("version") != VERSION:
        raise ValueError(
            f"its version is {_told(value.get('version'))}, but this tool reads {VERSION}"
        )
    manifest, sample = value.get("manifest"), value.get("sample")
    if not isinstance(manifest, str) or not SHA256.fullmatch(manifest):
        raise ValueError("it names no manifest")
    images, asked = _number(value, "images"), _number(value, "asked")
    if not isinstance(sample, list) or not len(sample) <= asked <= images:
        raise ValueError("its numbers do not fit its sample")
    made = tuple(_answered(each) for each in sample)
    _check_order(manifest, made)
    return Warranty(manifest, images, asked, made, _text(value, "when"))


def _answered(value: object) -> Answered:
    if not isinstance(value, Mapping):
        raise ValueError("an image of its sample is not an object")
    texts = [_text(value, name) for name in Going._fields]
    going = Going(*texts)
    if not SHA256.fullmatch(going.sha256) or not SHA256.fullmatch(going.keeper_sha256):
        raise ValueError("an image of its sample has no digest")
    answer = value.get("answer")
    if not isinstance(answer, str) or answer not in ANSWERS:
        raise ValueError(f"an answer is {_told(answer)}, not y, n or ?")
    return Answered(going, answer, _text(value, "when"))


def _check_order(manifest: str, sample: Sequence[Answered]) -> None:
    """Refuse a sample that lies in another order, or names an image twice."""
    places = [(place(manifest, each.going.path), each.going.path) for each in sample]
    if any(after <= before for before, after in itertools.pairwise(places)):
        raise ValueError("its sample was not drawn in the order of its manifest")


def _told(value: object) -> str:
    """Return a value for a message; what contains others, perhaps without end, by its type."""
    plain = isinstance(value, str | int | float | None)
    return short(repr(value)) if plain else f"a {type(value).__name__}"


def _number(value: Mapping[str, Any], name: str) -> int:
    number = value.get(name)
    if type(number) is not int or not 0 <= number <= MOST_IMAGES:
        raise ValueError(f"{name} is not a number of images")
    return number


def _text(value: Mapping[str, Any], name: str) -> str:
    text = value.get(name, "")
    if not isinstance(text, str):
        raise ValueError(f"{name} is not text")
    return text


def read(path: Path) -> Warranty:
    """Read `warranty.json`.

    Raises
    ------
    ValueError
        If it is missing, damaged, or not a warranty; one sentence names the file.
    """
    content = files.read_object(path, MOST_BYTES)
    try:
        return of_json(content)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def write(path: Path, warranty: Warranty) -> None:
    """Write `warranty.json` whole or not at all, replacing an earlier one."""
    files.replace_text(path, json.dumps(warranty.as_json(), indent=1) + "\n")


def fits(warranty: Warranty, manifest: str, order: Sequence[Going], images: int) -> None:
    """Compare a warranty with the manifest that it is said to belong to.

    Parameters
    ----------
    manifest : str
        SHA-256 of the manifest.
    order : sequence of Going
        Its images in the order in which they are drawn; see `drawing.in_order`.
    images : int
        All images that it removes.

    Raises
    ------
    ValueError
        If the manifest changed since, or the sample is not the beginning of its order.
    """
    if warranty.manifest != manifest:
        raise ValueError("it is void: the manifest has changed since it was made")
    drawn = [each.going for each in warranty.sample]
    if (warranty.images, warranty.asked) != (images, len(order)) or drawn != order[: len(drawn)]:
        raise ValueError("it is void: its sample is not the one that this manifest draws")
