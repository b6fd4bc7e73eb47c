"""The package as others get it: installed by itself, with nothing but what it declares."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import dedup_nb

PROJECT = Path(__file__).parent.parent
PACKAGE = Path(dedup_nb.__file__).parent
OPTIONAL = {"czkawka"}  # a peer that the demo compares with, where it is there

IMPORT_ALL = """
import importlib, pkgutil, dedup_nb
names = [m.name for m in pkgutil.walk_packages(dedup_nb.__path__, "dedup_nb.")]
for name in names:
    if name != "dedup_nb.__main__":
        importlib.import_module(name)
print(len(names))
"""


def imported():
    """Return the top-level packages that the package and its notebooks import."""
    names = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - {"dedup_nb"}


def normal(name):
    return name.lower().replace("_", "-")


def test_every_package_that_is_imported_is_declared():
    content = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    extras = content["project"]["optional-dependencies"]
    wanted = content["project"]["dependencies"] + [
        one for extra, several in extras.items() if extra != "dev" for one in several
    ]
    declared = {normal(re.split("[>;]", d)[0]) for d in wanted}
    owners = packages_distributions()
    missing = {
        name for name in imported() - OPTIONAL if not declared & set(map(normal, owners[name]))
    }
    assert missing == set()


@pytest.mark.slow
def test_an_empty_environment_gets_all_that_the_package_needs(tmp_path):
    python = tmp_path / "venv/bin/python"
    environment = os.environ | {"PIP_CONSTRAINT": str(PROJECT / "constraints.txt")}
    environment.pop("PYTHONPATH", None)

    def run(*command):
        done = subprocess.run(
            list(map(str, command)), cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(sys.executable, "-m", "venv", tmp_path / "venv")
    run(python, "-m", "pip", "install", "--quiet", PROJECT)
    assert int(run(python, "-c", IMPORT_ALL)) > 100
    command = tmp_path / "venv/bin/dedup-nb"
    (tmp_path / "work").mkdir()
    (tmp_path / "work/a.png").write_bytes(b"")
    run(command, "init", tmp_path / "work")
    assert (tmp_path / "params/work.yaml").is_file()
    assert "10_phash" in run(
        python, "-c", "from dedup_nb.session import notebooks; print(notebooks.notebook_names())"
    )
