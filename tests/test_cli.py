"""The command: thin, quick to start, clear when the input is wrong."""

import csv
import io
import subprocess
import sys
import time

import imagehash
import pytest
from drawn import make_library, tree
from PIL import Image

from dedup_nb import cli
from dedup_nb.session import execute, notebooks


def run(*arguments):
    command = [sys.executable, "-m", "dedup_nb", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_hash_prints_a_csv_of_the_images_and_touches_nothing(tmp_path):
    library = make_library(tmp_path / "lib")
    before = tree(library)
    done = run("hash", library, "--no-cache")
    rows = {row["path"]: row["phash"] for row in csv.DictReader(io.StringIO(done.stdout))}
    assert rows["mojo1/plain.png"] == str(imagehash.phash(Image.open(library / "mojo1/plain.png")))
    assert rows["mojo1/broken.png"] == "" and "1 could not be read" in done.stderr
    assert (done.returncode, tree(library)) == (0, before)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["hash", "/nowhere"], "/nowhere is not a folder"),
        (["run", "/nowhere.yaml"], "profile /nowhere.yaml does not exist"),
        (["lab", "/nowhere.yaml"], "profile /nowhere.yaml does not exist"),
        (["stage", "/nowhere.csv", "--library", "/tmp"], "/nowhere.csv"),
        (["run"], "PROFILE"),
        (["run", "x.yaml", "--nonsense"], "unrecognized arguments: --nonsense"),
        (["nonsense"], "invalid choice"),
    ],
)
def test_wrong_input_exits_2_and_names_it(arguments, complaint, capfd):
    try:
        status = cli.main(arguments)
    except SystemExit as stopped:  # argparse's own way
        status = stopped.code
    assert status == 2
    assert complaint in capfd.readouterr().err


def test_staging_commands_load_nothing_heavy():
    heavy = "numpy pandas PIL scipy numba matplotlib IPython ipywidgets torch".split()
    code = f"import sys; from dedup_nb import cli; cli.main(['status', '--library', '/tmp']); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_names_every_command():
    shown = run("--help").stdout
    for command in ("run", "lab", "demo", "hash", "stage", "recover", "restore", "status"):
        assert f"\n    {command} " in shown


def test_lab_passes_its_own_options_on(monkeypatch, tmp_path):

    seen = []
    monkeypatch.setattr(execute.os, "execv", lambda program, command: seen.append(command))
    assert cli.main(["lab", "--no-browser", "--port=9999"]) == 0
    assert {"--no-browser", "--port=9999"} <= set(seen[0])
    assert f"--ServerApp.root_dir={notebooks.notebooks_folder()}" in seen[0]


def test_the_command_says_its_version_at_once():
    started = time.monotonic()
    assert run("--version").stdout.startswith("dedup_nb ")
    assert time.monotonic() - started < 10  # a hang, not a race
