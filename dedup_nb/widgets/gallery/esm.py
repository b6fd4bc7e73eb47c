"""A folder of JavaScript modules -> the text of one module, without a build step.

A widget in the browser is loaded from one text. Its parts are plain modules that name what they
need (`import { Tile } from "./tile.js";`), so that editors, linters and Node.js can read each one
alone; `joined` puts them one after another. These forms are known, each at the start of a line:

- `import { NAME, NAME } from "./PART.js";`, which may go over several lines
- `export` before `const`, `let`, `class`, `function` or `async function`
- `export default`, in the entry only
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

NAME = r"[A-Za-z_$][\w$]*"
IMPORT = re.compile(
    rf'^import \{{\s*({NAME}(?:,\s*{NAME})*),?\s*\}} from "\./([\w-]+\.js)";\n', re.M
)
DEFINED = re.compile(
    rf"^(export )?(?:const|let|class|function\*?|async function\*?) ({NAME})\b", re.M
)
EXPORT = re.compile(r"^export (?!default\b)", re.M)
DEFAULT = re.compile(r"^export default\b", re.M)
TOP_LEVEL = re.compile(r"^(?:import|export|const|let|var|class|function|async)\b.*", re.M)


@dataclass(frozen=True)
class Part:
    """One module: its text and what it imports, defines and exports."""

    name: str
    text: str
    imports: dict[str, tuple[str, ...]]
    defined: tuple[str, ...]
    exports: frozenset[str]

    @property
    def body(self) -> str:
        """The text without imports and without the word `export`."""
        return EXPORT.sub("", IMPORT.sub("", self.text)).strip("\n") + "\n"


def joined(entry: Path) -> str:
    """Return one module that holds a module and all that it imports.

    Each part comes after those that it imports, which come in the order of its imports; the entry
    is the last. So the order follows from the parts, and no list of them has to be kept.

    Parameters
    ----------
    entry : Path
        The module that exports the default; the parts lie in its folder.

    Raises
    ------
    ValueError
        If parts import each other in a circle, import what is not exported, define the same name
        twice or export in another form than those above.
    """
    parts = parts_of(entry)
    check_names(parts)
    for part in parts[:-1]:
        if DEFAULT.search(part.text):
            raise ValueError(f"{part.name}: only {entry.name} may export a default")
    return "\n".join(f"// -- {part.name}\n{part.body}" for part in parts)


def parts_of(entry: Path) -> list[Part]:
    """Return a module and all that it imports, each after those that it imports."""
    done: dict[str, Part] = {}

    def add(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise ValueError(f"parts import each other: {' -> '.join((*path, name))}")
        if name in done:
            return
        part = read_part(entry.parent / name)
        for other in part.imports:
            add(other, (*path, name))
        done[name] = part

    add(entry.name, ())
    return list(done.values())


def read_part(path: Path) -> Part:
    """Read one part; ValueError if it imports or exports in a form that is not known."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ValueError(f"{path.name} is imported, but there is no such part") from None
    imports: dict[str, tuple[str, ...]] = {}
    for names, other in IMPORT.findall(text):
        imports[other] = (*imports.get(other, ()), *re.findall(NAME, names))
    for line in TOP_LEVEL.findall(IMPORT.sub("", text)):
        if not DEFINED.match(line) and not DEFAULT.match(line):
            raise ValueError(f"{path.name}: this form cannot be joined: {line}")
    found = DEFINED.findall(text)
    exports = frozenset(name for exported, name in found if exported)
    return Part(path.name, text, imports, tuple(name for _, name in found), exports)


def check_names(parts: list[Part]) -> None:
    """ValueError if a name is defined twice, or imported and not exported."""
    exports = {part.name: part.exports for part in parts}
    owners: dict[str, str] = {}
    for part in parts:
        for name in part.defined:
            if name in owners:
                raise ValueError(f"{name} is defined in {owners[name]} and in {part.name}")
            owners[name] = part.name
        for other, names in part.imports.items():
            for name in names:
                if name not in exports[other]:
                    raise ValueError(f"{part.name} imports {name}, which {other} does not export")
