"""A command of this program -> text that can be pasted into a shell, in any folder."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from shlex import quote

NAME = "dedup-nb"


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
    return " ".join([program(), *map(quote, texts)])


def program() -> str:
    """Return `dedup-nb`, or the quoted path of this one where a shell would not find it."""
    own = Path(sys.executable).parent / NAME
    found = shutil.which(NAME)
    if not own.exists() or (found and Path(found).parent == own.parent):
        return NAME
    return quote(str(own))
