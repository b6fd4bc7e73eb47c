"""A template with named parts, `{date}_{time}_{stage}` -> an anchored, bounded expression.

Where a name could be read in several ways, parts are filled from the left: `{series}` takes as
little as it can, all others as much as they can.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from dedup_nb.library.naming.parts import MARKS, PARTS, Part

LONGEST = 200  # characters of a template
MOST_FOLDERS = 3  # slashes in a template
PIECE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True)
class Template:
    """A compiled template.

    Attributes
    ----------
    text : str
        As it is written.
    parts : frozenset of str
        Names of its parts.
    pattern : re.Pattern
        Matches a whole stem, after as many folders as the template has.
    folders : int
        Number of folders that it names, 0 for a template of file names alone.
    head, tail : str
        Text that every name starts or ends with, in lower case: a quick check.
    """

    text: str
    parts: frozenset[str]
    pattern: re.Pattern[str]
    folders: int
    head: str
    tail: str

    def match(self, text: str) -> dict[str, str] | None:
        """Return the parts of a stem (with the folders before it), or None if it does not fit."""
        if self.head and text[: len(self.head)].lower() != self.head:
            return None
        if self.tail and text[-len(self.tail) :].lower() != self.tail:
            return None
        match = self.pattern.fullmatch(text)
        return {k: v for k, v in match.groupdict().items() if v is not None} if match else None


@lru_cache(maxsize=1024)
def of_user(text: str) -> Template:
    """Return a template of a profile.

    Raises
    ------
    ValueError
        If it cannot be used; the message names the part that is wrong.
    """
    if why := why_not(text):
        raise ValueError(why)
    return compiled(text, PARTS)


def of_preset(text: str) -> Template:
    """Return a template of a preset, which may also use `MARKS`."""
    return compiled(text, {**PARTS, **MARKS})


def compiled(text: str, parts: Mapping[str, Part]) -> Template:
    """Return a template that is known to be right."""
    expression, head, names = "", "", []
    pieces = PIECE.split(text)
    for k, piece in enumerate(pieces):
        if k % 2 == 0:
            expression += re.escape(piece)
            head = piece if k == 0 else head
        elif piece in PARTS:
            optional = "?" if piece == "copy" else ""
            expression += f"(?P<{piece}>{parts[piece].pattern}){optional}"
            names.append(piece)
        else:
            expression += _mark(parts[piece])
            names.append(piece)
    flags = re.ASCII | re.IGNORECASE if text.isascii() and not _is_foreign(names) else re.IGNORECASE
    pattern = re.compile(expression, flags)
    if "sequence" in pattern.groupindex and "sequence" not in names:
        names.append("sequence")
    return Template(
        text, frozenset(names), pattern, text.count("/"), head.lower(), pieces[-1].lower()
    )


def _mark(part: Part) -> str:
    return f"(?P<epoch>{part.pattern})" if part.name == "epoch" else part.pattern


def _is_foreign(names: list[str]) -> bool:
    return bool({"shot", "at", "scan"}.intersection(names))


def why_not(text: str) -> str:
    """Return what is wrong with a template of a profile, or ""."""
    if len(text) > LONGEST:
        return f"it has {len(text)} characters; write at most {LONGEST}"
    if text.count("/") > MOST_FOLDERS or text.startswith("/") or "//" in text or text[-1:] == "/":
        return f"its slashes do not separate a file name from at most {MOST_FOLDERS} folders"
    outside = PIECE.sub("", text)
    if "{" in outside or "}" in outside:
        return f"the brace in {_around(text)} has no partner; write a part as {{date}}"
    names = PIECE.findall(text)
    for name in names:
        if name not in PARTS:
            return f"{{{name}}} is not a part; {_nearest(name)}"
    for name in names:
        if names.count(name) > 1:
            return f"{{{name}}} stands in it twice; keep one"
    if "time" in names and "date" not in names:
        return "{time} alone is no point in time; add {date}"
    if not {"date", "stage", "series", "sequence"}.intersection(names):
        return "it reads nothing; add one of {date}, {stage}, {series}, {sequence}"
    return _touching(text)


def _touching(text: str) -> str:
    """Return which two parts of a template touch, so that nothing says where one ends."""
    pieces = PIECE.split(text)
    for k in range(1, len(pieces) - 2, 2):
        one, other = PARTS[pieces[k]], PARTS[pieces[k + 2]]
        apart = pieces[k + 1] or {one.name, other.name} == {"date", "time"} or other.name == "copy"
        if not apart and (one.kind == other.kind or "text" in (one.kind, other.kind)):
            both = f"{{{one.name}}}{{{other.name}}}"
            return f"nothing says where {{{one.name}}} ends in {both}; put a character between them"
    return ""


def _around(text: str) -> str:
    """Return the first brace without a partner with the characters after it."""
    left = PIECE.sub(lambda match: " " * len(match[0]), text)
    place = min(k for k in (left.find("{"), left.find("}")) if k >= 0)
    return text[place : place + 12]


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name.lower(), list(PARTS), n=1, cutoff=0.5)
    if close:
        return f"did you mean {{{close[0]}}}?"
    return f"choose one of {', '.join(f'{{{each}}}' for each in PARTS)}"
