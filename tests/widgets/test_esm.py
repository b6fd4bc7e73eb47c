"""Modules joined into one."""

import re

import pytest

from dedup_nb.widgets.gallery import PARTS, Gallery, esm

TILE = """// One picture.

import { node } from "./dom.js";

const SIDE = 8;

export class Tile {
  // exports and imports nothing
}

export const tiles = () => [new Tile(node(SIDE))];
"""
DOM = """// Elements.

export function node(tag) {
  return document.createElement(tag);
}
"""
MAIN = """import {
  Tile,
  tiles,
} from "./tile.js";
import { node } from "./dom.js";

export default { render: () => tiles(node, Tile) };
"""


@pytest.fixture
def write(tmp_path):
    def write(**texts):
        for name, text in ({"dom": DOM, "tile": TILE, "main": MAIN} | texts).items():
            (tmp_path / f"{name}.js").write_text(text)
        return tmp_path / "main.js"

    return write


def test_parts_are_joined_each_after_those_that_it_imports(write):
    assert esm.joined(write()) == (
        "// -- dom.js\n// Elements.\n\n"
        "function node(tag) {\n  return document.createElement(tag);\n}\n\n"
        "// -- tile.js\n// One picture.\n\n\nconst SIDE = 8;\n\n"
        "class Tile {\n  // exports and imports nothing\n}\n\n"
        "const tiles = () => [new Tile(node(SIDE))];\n\n"
        "// -- main.js\nexport default { render: () => tiles(node, Tile) };\n"
    )


def test_a_name_that_two_parts_define_is_refused(write):
    entry = write(dom=DOM + "\nconst SIDE = 9;\n")
    with pytest.raises(ValueError, match=re.escape("SIDE is defined in both dom.js and tile.js")):
        esm.joined(entry)


@pytest.mark.parametrize("name", ["SIDE", "nothing"])  # one that is there, but not exported
def test_an_import_of_what_is_not_exported_is_refused(write, name):
    entry = write(main=f'import {{ {name} }} from "./tile.js";\n')
    with pytest.raises(ValueError, match=f"main.js imports {name}, which tile.js does not export"):
        esm.joined(entry)


def test_a_part_that_does_not_exist_is_named(write):
    with pytest.raises(ValueError, match=r"row\.js is imported but does not exist"):
        esm.joined(write(dom='import { Row } from "./row.js";\n'))


def test_parts_that_import_each_other_are_refused(write):
    entry = write(dom=DOM.replace("\n\n", '\n\nimport { Tile } from "./tile.js";\n', 1))
    with pytest.raises(ValueError, match=re.escape("main.js -> tile.js -> dom.js -> tile.js")):
        esm.joined(entry)


@pytest.mark.parametrize(
    "line",
    [
        'import * as dom from "./dom.js";',
        'import { node as made } from "./dom.js";',
        'import { node } from "https://cdn.example/dom.js";',
        'import "./dom.js";',
        "export { SIDE };",
        'export * from "./dom.js";',
        "export const { a, b } = SIZES;",
        "var old = 1;",
    ],
)
def test_other_forms_are_refused_with_their_line(write, line):
    with pytest.raises(ValueError, match="tile.js: unsupported form: " + re.escape(line)):
        esm.joined(write(tile=f"{TILE}\n{line}\n"))


def test_only_the_entry_exports_a_default(write):
    with pytest.raises(ValueError, match=r"dom\.js: only main\.js may export a default"):
        esm.joined(write(dom=DOM + "\nexport default node;\n"))


def test_every_part_of_the_gallery_is_loaded_and_says_first_what_it_holds():
    parts = esm.parts_of(PARTS / "main.js")
    assert {part.name for part in parts} == {path.name for path in PARTS.iterdir()}
    assert all(part.text.startswith("// ") for part in parts)
    assert Gallery._esm.count("export ") == 1
    assert Gallery._esm.endswith("export default { render };\n")
