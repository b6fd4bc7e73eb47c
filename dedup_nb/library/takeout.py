"""File names of other programs -> the names of the images that they belong to.

Google Takeout puts the number of a copy elsewhere and cuts long names; darktable numbers its
versions; Apple marks the changes of originals.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from dedup_nb.library.formats import IMAGE_SUFFIXES, RAW_SUFFIXES, stem, suffix

CUT = 46  # characters that Google keeps of a name before `.json`
FILMS = frozenset(".3gp .avi .m4v .mkv .mov .mp .mp4 .mpg .webm .wmv".split())

# IMG_1.jpg(1).json and IMG_1.jpg.supplemental-metadata(1).json, the word cut anywhere
_NUMBERED = re.compile(r"(.+?)(\.[^.()]+)(\.[a-z-]{0,21})?\((\d+)\)\.json", re.DOTALL)
_NUMBER = re.compile(r"(.*)\((\d+)\)(\.[^.]*)?", re.DOTALL)
_VERSION = re.compile(r"(.+)_\d\d(\.[^.]+)\.xmp", re.DOTALL)  # IMG_1_01.NEF.xmp of darktable
_ADJUSTED = re.compile(r"(.*IMG_)O(\d+)\.aae", re.DOTALL | re.IGNORECASE)  # IMG_O0001.AAE of Apple
# What Google adds to the name of an edited copy, in the language of the account.
EDITED = (
    "edited effects smile mix pano animation collage bearbeitet modifié modificato editado editada "
    "bewerkt redigerad redigeret redigert edytowane upraveno muokattu editat düzenlendi "
    "szerkesztve отредактировано 编辑 編集済み 수정됨"
).split()
_EDITED = re.compile(rf"(.+?)-(?:ha )?(?:{'|'.join(EDITED)})(\(\d+\))?", re.DOTALL)


class Claim(NamedTuple):
    """What an image must be called for a file to belong to it."""

    what: str  # "name": its whole name; "stem": its stem; "cut": see `cut_names`
    text: str


def claims(name: str) -> tuple[list[Claim], bool]:
    """Return what an image must be called for a file to belong to it, the best first.

    Returns
    -------
    list of Claim
        Only forms of other programs, not the plain rules of `bundles`.
    bool
        Whether these come before the plain rules and replace them: the number in the name is that
        of another image.
    """
    ending = suffix(name)
    if ending == ".json":
        return _json(name)
    if ending == ".xmp" and (match := _VERSION.fullmatch(name)):
        return [Claim("name", "".join(match.groups()))], False
    if ending == ".aae" and (match := _ADJUSTED.fullmatch(name)):
        return [Claim("stem", "".join(match.groups()))], False
    return [], False


def _json(name: str) -> tuple[list[Claim], bool]:
    made = []
    numbered = _NUMBERED.fullmatch(name)
    of_number = numbered is not None and _is_media(numbered[2]) and _is_cut_word(numbered[3])
    if numbered and of_number:
        base, ending, _, copy = numbered.groups()
        made.append(Claim("name", f"{base}({copy}){ending}"))
    told, number = stem(name), ""
    if match := _NUMBER.fullmatch(told):
        told, number = match[1], match[2]
    if len(told) == CUT:
        made.append(Claim("cut", f"{told}|{number}"))
    return made, of_number


def _is_cut_word(word: str | None) -> bool:
    """Return whether this is `.supplemental-metadata`, cut anywhere, or nothing."""
    return ".supplemental-metadata".startswith(word or "")


def _is_media(ending: str) -> bool:
    low = ending.lower()
    return low in IMAGE_SUFFIXES or low in RAW_SUFFIXES or low in FILMS


def cut_names(image_name: str) -> list[str]:
    """Return the texts of `cut` claims that fit an image with a long name; usually none."""
    if len(image_name) <= CUT:
        return []
    if match := _NUMBER.fullmatch(image_name):
        return [f"{(match[1] + (match[3] or ''))[:CUT]}|{match[2]}"]
    return [f"{image_name[:CUT]}|"]


def original(name: str) -> str:
    """Return the name of the image that an edited copy was made of, or "".

    Examples
    --------
    >>> original("IMG_1-edited.jpg"), original("IMG_1-bearbeitet(1).jpg"), original("IMG_1.jpg")
    ('IMG_1.jpg', 'IMG_1(1).jpg', '')
    """
    match = _EDITED.fullmatch(stem(name))
    if match is None:
        return ""
    return f"{match[1]}{match[2] or ''}{name[len(stem(name)) :]}"


# ---------------------------------------------------------------- what a JSON says

ZONE_S = 900  # time zones differ by quarters of an hour
MOST_ZONE_S = 14 * 3600
SLACK_S = 2  # seconds between two clocks that count as the same time
NEAR_DEGREES = 0.001  # about 100 m


@dataclass(frozen=True)
class Told:
    """What the JSON of a Google export says of its picture.

    Attributes
    ----------
    time : datetime, optional
        Time of capture in UTC, without a zone.
    place : (float, float), optional
        Latitude and longitude in degrees.
    words : tuple of str
        What else it holds: `caption`, `people`, `rating`, `comments`.
    """

    time: datetime | None = None
    place: tuple[float, float] | None = None
    words: tuple[str, ...] = ()

    @property
    def kinds(self) -> set[str]:
        """The kinds of words that it holds about its picture; see `words.KINDS`."""
        known = {"time": self.time, "place": self.place}
        return {*self.words, *(kind for kind, value in known.items() if value)} - {"comments"}

    def agrees(self, stamp: datetime | None, place: tuple[float, float] | None) -> bool:
        """Return whether a picture that says this time and place holds all that the JSON says.

        The time of a picture is local, so it may differ by a time zone.
        """
        if self.time is not None:
            if stamp is None:
                return False
            apart = abs((stamp - self.time).total_seconds())
            off = min(apart % ZONE_S, ZONE_S - apart % ZONE_S)
            if apart > MOST_ZONE_S + SLACK_S or off > SLACK_S:
                return False
        if self.place is None:
            return True
        return place is not None and all(
            abs(mine - yours) <= NEAR_DEGREES for mine, yours in zip(self.place, place, strict=True)
        )


def read(data: bytes) -> Told | None:
    """Read the JSON of a Google export; None if it is another JSON or cannot be read."""
    try:
        content = json.loads(data)
        if not isinstance(content, dict) or "photoTakenTime" not in content:
            return None
        time = datetime(1970, 1, 1) + timedelta(seconds=int(content["photoTakenTime"]["timestamp"]))
        places = [content.get(key) for key in ("geoData", "geoDataExif")]
        pairs = [(float(p["latitude"]), float(p["longitude"])) for p in places if p]
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    words = tuple(
        word
        for word, keys in (
            ("caption", ("description",)),
            ("people", ("people",)),
            ("rating", ("favorited",)),
            ("comments", ("sharedAlbumComments", "enrichments")),
        )
        if any(content.get(key) for key in keys)
    )
    return Told(time, next((pair for pair in pairs if pair != (0.0, 0.0)), None), words)
