"""The command: thin, quick to start, clear when the input is wrong."""

import csv
import io
import re
import subprocess
import sys
import time

import imagehash
import pytest
from drawn import make_library, photo, save, tree, write
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
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").touch()
    more = ["--no-browser", "--port=9999", "--config=mine.py", "--ServerApp.ip=0.0.0.0"]
    assert cli.main(["lab", *more]) == 0
    assert {*more[:2], f"--config={tmp_path / 'mine.py'}", more[3]} <= set(seen[0])
    assert f"--ServerApp.root_dir={notebooks.notebooks_folder()}" in seen[0]


def test_the_command_says_its_version_at_once():
    started = time.monotonic()
    assert run("--version").stdout.startswith("dedup_nb ")
    assert time.monotonic() - started < 10  # a hang, not a race


# ---------------------------------------------------------------- arguments and names from outside


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["runs", "--out", "n" * 300], "File name too long|not a folder"),
        (["runs", "--out", "file"], "file is not a folder"),
        (["runs", "--out", ".", "--keep", "-1"], "-1 is not a number of runs"),
        (["runs", "--out", ".", "--keep", "\u0661" * 99], "is not a number of runs"),
        (["runs", "--out", ".", "--keep", "9" * 5000], "is not a number of runs"),
        (["run", "n" * 300 + ".yaml"], "cannot be read: File name too long|does not exist"),
        (["run", "p" * 5000], "."),
        (["run", "."], "Is a directory"),
        (["run", "profile.yaml", "--out", "file"], "file is not a folder; choose another"),
        (["run", "profile.yaml", "--out", "file/below"], "file is not a folder; choose another"),
        (["run", "profile.yaml", "--out", "n" * 300], "is too long; choose another"),
        (["run", "profile.yaml", "--out", "d/" * 3000], "is too long; choose another"),
        (["run", "profile.yaml", "--out", "lib/results"], "lies inside the library"),
        (["run", "profile.yaml", "--only", "n" * 9999], "there is no notebook nnn"),
        (["run", "profile.yaml", "--resume", "lib"], "is not a run folder"),
        (["run", "profile.yaml", "--resume", "n" * 300], "is not a run folder|File name too long"),
        (["lab", "profile.yaml", "--out", "file"], "file is not a folder; choose another"),
        (["lab", "profile.yaml", "--port", "99999"], "--port 99999 is not a port"),
        (["lab", "profile.yaml", "--port=-1"], "--port -1 is not a port"),
        (["lab", "profile.yaml", "--ServerApp.port", "x"], "x is not a port"),
        (["hash", "file"], "file is not a folder"),
        (["hash", "n" * 300], "is not a folder"),
        (["similar", "file", "--library", "lib", "-k", "0"], "0 is not a number of images"),
        (["similar", "file", "--library", "lib", "-k", "-5"], "-5 is not a number of images"),
        (["similar", "file", "--library", "lib", "--min-cosine", "nan"], "nan is not a number from"),
        (["similar", "file", "--library", "file"], "file is not a folder"),
        (["similar", "n" * 300, "--library", "lib"], "."),
        (["similar", "file", "--library", "lib", "--embedder", "x"], "x; choose one of"),
        (["similar", "file", "--library", "lib", "--root", "n" * 300], "is not a folder"),
        (["cache", "--library", "lib", "--cache-dir", "lib/c"], "lies inside the library"),
        (["stage", "n" * 300], "."),
        (["stage", "file", "--library", "lib"], "file lacks the columns"),
        (["recover", "--library", "file"], "cannot be opened as a library"),
        (["status", "--library", "n" * 5000], "status: /.*nnn…$"),
        (["init", "file"], "file is not a folder; pass the folder of your pictures"),
        (["init", "n" * 300], "does not exist; pass the folder of your pictures"),
        (["init", "lib"], "lib contains no images: it is empty; pass"),
        (["flag", "n" * 300], "."),
    ],
)  # fmt: skip
def test_an_argument_that_cannot_be_used_is_one_sentence_before_anything_starts(
    tmp_path, monkeypatch, capsys, arguments, complaint
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "lib").mkdir()
    (tmp_path / "file").write_text("words")
    (tmp_path / "profile.yaml").write_text("library: lib\nembedder: dct\n")
    before = sorted(tmp_path.rglob("*"))
    try:
        status = cli.main(arguments)
    except SystemExit as end:  # argparse
        status = end.code
    told = capsys.readouterr()
    assert status == 2
    assert re.search(complaint, told.err)
    assert len(told.err.splitlines()[-1]) < 1_100 and "Traceback" not in told.err
    assert sorted(tmp_path.rglob("*")) == before


ODD_NAME = "\x1b[31m\x9b2J\u202egnp.\r\n.png"


def test_odd_names_are_escaped_on_a_terminal_and_kept_in_a_file(tmp_path, monkeypatch, capsys):
    save(photo(1, 64, 48), tmp_path / "lib" / ODD_NAME)
    write(tmp_path / "lib/\x1b[1mbad.png", b"no picture")
    assert cli.main(["hash", str(tmp_path / "lib"), "--no-cache"]) == 0
    told = capsys.readouterr()
    rows = {row["path"] for row in csv.DictReader(io.StringIO(told.out, newline=""))}
    assert ODD_NAME in rows
    assert "\\x1b[1mbad.png: " in told.err and "\x1b" not in told.err
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert cli.main(["hash", str(tmp_path / "lib"), "--no-cache"]) == 0
    shown = capsys.readouterr().out
    assert "\\x1b[31m\\x9b2J\\u202egnp.\\r\\n.png" in shown
    assert set(shown) - {"\n"} == {c for c in shown if c.isprintable()}


@pytest.mark.parametrize(
    "text", [ODD_NAME, "a\x07b", "\ud800", "\udcff", "\u2066x\u2069", "\x85", "\x7f"]
)
def test_no_message_of_a_command_prints_what_steers_a_terminal(capsys, text):
    cli.main(["cache", "--library", f"/nothing/{text}"])
    with pytest.raises(SystemExit):
        cli.main(["status", "--nothing", text])
    told = capsys.readouterr()
    for c in told.err + told.out:
        assert c.isprintable() or c == "\n"
