"""A folder of JavaScript modules -> the text of one module, without a build step.

A widget is loaded from a single text. Its parts are plain modules with imports
(`import { Tile } from "./tile.js";`), so that editors, linters and Node.js can read each part on
its own; `joined` concatenates them. These forms are supported, each at the start of a line:

- `import { NAME, NAME } from "./PART.js";`, which may span several lines; a widget in another
  folder takes parts of the gallery from "../../gallery/parts/PART.js"
- `export` before `const`, `let`, `class`, `function` or `async function`
- `export default`, in the entry only
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

NAME = r"[A-Za-z_$][\w$]*"
IMPORT = re.compile(
    rf"^import \{{\s*({NAME}(?:,\s*{NAME})*),?\s*\}} "
    r'from "(?:\./|(\.\./\.\./gallery/parts/))([\w-]+\.js)";\n',
    re.M,
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
    folders: dict[str, Path]
    defined: tuple[str, ...]
    exports: frozenset[str]

    @property
    def body(self) -> str:
        """The text without imports and the word `export`."""
        return EXPORT.sub("", IMPORT.sub("", self.text)).strip("\n") + "\n"


def joined(entry: Path) -> str:
    """Return one module that contains a module and everything it imports.

    Each part follows the parts it imports, in the order of its imports; the entry comes last. The
    order follows from the parts, so no list of them is needed.

    Parameters
    ----------
    entry : Path
        The module with the default export; the parts are in its folder.

    Raises
    ------
    ValueError
        If imports are circular, a name is imported but not exported, a name is defined twice, or
        an unsupported form is used.
    """
    parts = parts_of(entry)
    check_names(parts)
    for part in parts[:-1]:
        if DEFAULT.search(part.text):
            raise ValueError(f"{part.name}: only {entry.name} may export a default")
    return "\n".join(f"// -- {part.name}\n{part.body}" for part in parts)


def parts_of(entry: Path) -> list[Part]:
    """Return a module and everything it imports, each part after the parts it imports."""
    done: dict[str, Part] = {}

    def add(name: str, folder: Path, path: tuple[str, ...]) -> None:
        if name in path:
            raise ValueError(f"parts import each other: {' -> '.join((*path, name))}")
        if name in done:
            return
        part = read_part(folder / name)
        for other in part.imports:
            add(other, part.folders[other], (*path, name))
        done[name] = part

    add(entry.name, entry.parent, ())
    return list(done.values())


def read_part(path: Path) -> Part:
    """Read one part; raise ValueError if it uses an unsupported import or export."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ValueError(f"{path.name} is imported but does not exist") from None
    imports: dict[str, tuple[str, ...]] = {}
    folders: dict[str, Path] = {}
    for names, elsewhere, other in IMPORT.findall(text):
        imports[other] = (*imports.get(other, ()), *re.findall(NAME, names))
        folders[other] = path.parent / elsewhere
    for line in TOP_LEVEL.findall(IMPORT.sub("", text)):
        if not DEFINED.match(line) and not DEFAULT.match(line):
            raise ValueError(f"{path.name}: unsupported form: {line}")
    definitions = DEFINED.findall(text)
    exports = frozenset(name for exported, name in definitions if exported)
    return Part(path.name, text, imports, folders, tuple(name for _, name in definitions), exports)


def check_names(parts: list[Part]) -> None:
    """Raise ValueError if a name is defined twice, or imported but not exported."""
    exports = {part.name: part.exports for part in parts}
    owners: dict[str, str] = {}
    for part in parts:
        for name in part.defined:
            if name in owners:
                raise ValueError(f"{name} is defined in both {owners[name]} and {part.name}")
            owners[name] = part.name
        for other, names in part.imports.items():
            for name in names:
                if name not in exports[other]:
                    raise ValueError(f"{part.name} imports {name}, which {other} does not export")
