"""Calls that overwrite or copy silently are never used on anybody's files."""

import ast
from pathlib import Path

import dedup_nb

FORBIDDEN = {("shutil", "move"), ("os", "rename"), ("os", "replace"), ("shutil", "rmtree")}


def test_user_files_are_never_moved_by_calls_that_overwrite():
    for path in Path(dedup_nb.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in FORBIDDEN, f"{path.name}:{node.lineno}"
