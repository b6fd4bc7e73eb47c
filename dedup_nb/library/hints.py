"""A command of this program -> text that can be pasted into a shell, in any folder."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from shlex import quote

NAME = "dedup-nb"
PLAIN = frozenset(range(32, 127)) - set(b"'\\")  # bytes that need no escape inside `$''`


def command(*words: str | Path) -> str:
    """Return a command line that can be pasted into a shell.

    Parameters
    ----------
    words : str or Path
        The words after `dedup-nb`; a `Path` is made absolute, and each is quoted where needed.

    Returns
    -------
    str
        `dedup-nb restore --library '/home/me/my pictures'`. Where a shell would not find
        `dedup-nb`, or would find another one, the path of this one comes first.
    """
    texts = [str(word.absolute()) if isinstance(word, Path) else word for word in words]
    return " ".join([program(), *map(quoted, texts)])


def quoted(text: str) -> str:
    """Return a word for a shell; what cannot be seen or copied is escaped, as in `$'a\\xffb'`."""
    if text.isprintable():
        return quote(text)
    try:
        data = os.fsencode(text)
    except UnicodeEncodeError:  # half a character, as a damaged file can hold
        data = text.encode("utf-8", "replace")
    plain = (chr(b) if b in PLAIN else f"\\x{b:02x}" for b in data)
    return f"$'{''.join(plain)}'"


def program() -> str:
    """Return `dedup-nb`, or the quoted path of this one where a shell would not find it."""
    own = Path(sys.executable).parent / NAME
    found = shutil.which(NAME)
    if not own.exists() or (found and Path(found).parent == own.parent):
        return NAME
    return quote(str(own))
