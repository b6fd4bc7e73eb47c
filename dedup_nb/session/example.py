"""The registries -> the choices that params/example.yaml names; `make example` writes them.

A comment `# one of ...` behind a parameter lists its words, and a line `# Words of PARAMETER:`
is followed by each word with its help. Everything else in the file is written by hand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from dedup_nb.groups.keepers import KEEPER_WORDS
from dedup_nb.library.naming.presets import PRESETS
from dedup_nb.session.allowed import ALLOWED, Words

ONE_OF = re.compile(r"^(?P<head>[ #]*(?P<name>\w+):.*# one of )(?P<words>[^;]*)(?P<tail>;.*)?$")
WORDS_OF = re.compile(r"^# Words of (\w+):$")
HELP = {
    "keeper_order": {word.name: word.help for word in KEEPER_WORDS.values()},
    "names": {preset.name: preset.help for preset in PRESETS.values()},
}


def refreshed(text: str) -> str:
    """Return the text of an example profile with the choices of today."""
    return "".join(f"{line}\n" for line in _lines(text.splitlines()))


def _lines(lines: list[str]) -> Iterator[str]:
    inside = False
    for line in lines:
        if inside and line.startswith("#   "):
            continue
        inside = False
        if match := ONE_OF.match(line):
            allowed = ALLOWED[match["name"]]
            words = ", ".join(map(str, allowed.words)) if isinstance(allowed, Words) else ""
            yield f"{match['head']}{words}{match['tail'] or ''}"
            continue
        yield line
        if match := WORDS_OF.match(line):
            inside = True
            width = max(map(len, HELP[match[1]]))
            yield from (f"#   {name:{width}}  {help}" for name, help in HELP[match[1]].items())


if __name__ == "__main__":
    *flags, name = sys.argv[1:]
    path = Path(name)
    text = path.read_text(encoding="utf-8")
    if "--check" not in flags:
        path.write_text(refreshed(text), encoding="utf-8")
    elif refreshed(text) != text:
        sys.exit(f"{path} does not name the choices of today; run make example")
