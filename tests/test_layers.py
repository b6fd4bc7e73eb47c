"""The house: who may import whom, so that each room can be read, tested and replaced alone."""

import ast
from pathlib import Path

import dedup_nb

PACKAGE = Path(dedup_nb.__file__).parent

# what each room may import of the package; a room that is not named here fails the test
BASE = {"formats", "tables", "names", "bundles"}
ROOMS = {
    "formats": set(),
    "tables": set(),
    "names": set(),
    "bundles": {"formats"},
    "store": set(),
    "images": {"formats", "tables"},
    "decoders": {"images"},
    "measures": {"decoders", "images", "store"},
    "catalogue": BASE,
    "phash": {"measures"},
    "time_window": set(),
    "clip": {"images"},
    "embeddings": {"clip", "images", "measures"},
    "vectors": {"clip", "decoders", "embeddings", "images", "measures", "store"},
    "index": set(),
    "cells": {"index", "store"},
    "sidecars": set(),
    "sets": {"names"},
    "unions": set(),
    "spanning": {"unions"},
    "clusters": {"spanning"},
    "features": set(),
    "framing": set(),
    "verify": {"features", "framing"},
    "czkawka": set(),
    "groups": {"unions"},
    "decisions": {"tables"},
    "gallery": {"decisions", "sifting", "tables", "texts"},
    "sifting": set(),
    "texts": {"images"},
    "manifest": BASE,
    "report": {"images", "tables"},
    "parameters": set(),
}
JOINERS = {
    "runs",
    "shelf",
    "views",
    "workbench",
    "bursts",
    "checks",
    "claims",
    "likeness",
    "upkeep",
    "pruning",
    "setgroups",
    "grouping",
    "flagging",
    "merging",
    "reviewing",
    "tuning",
    "moving",
    "tour",
    "cli",
    "__main__",
    "__init__",
}
HEAVY = {"numpy", "pandas", "PIL", "scipy", "numba", "torch", "matplotlib", "IPython"}


def imports(path):
    """Return (rooms of the package, other top-level packages) that a module imports."""
    rooms, others = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = node.module.split(".")
            if parts[0] == "dedup_nb":
                rooms |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
            else:
                others.add(parts[0])
        elif isinstance(node, ast.Import):
            others |= {alias.name.split(".")[0] for alias in node.names}
    return rooms - {"__version__"}, others


def test_rooms_import_only_what_they_may():
    found = {name: imports(PACKAGE / f"{name}.py")[0] for name in ROOMS}
    assert {name: rooms - ROOMS[name] for name, rooms in found.items() if rooms - ROOMS[name]} == {}


def test_every_module_has_its_place():
    modules = {path.stem for path in PACKAGE.glob("*.py")}
    assert modules - set(ROOMS) - JOINERS == set()


def test_staging_knows_no_pixels_and_starts_fast():
    for path in (PACKAGE / "staging").glob("*.py"):
        rooms, others = imports(path)
        assert rooms <= {"staging", *BASE}, path.name
        assert not others & HEAVY, path.name


def test_numbers_know_no_files():
    rooms = ("groups", "time_window", "index", "sifting", "features", "framing", "verify")
    rooms += ("sets", "spanning", "clusters")
    for module in rooms:
        assert not imports(PACKAGE / f"{module}.py")[1] & {"os", "pathlib", "shutil", "io", "PIL"}


def test_user_files_are_never_moved_by_calls_that_overwrite():
    forbidden = {("shutil", "move"), ("os", "rename"), ("os", "replace"), ("shutil", "rmtree")}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in forbidden, f"{path.name}:{node.lineno}"
