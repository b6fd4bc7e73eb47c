"""A kernel that dies leaves its notebook failed; a run that was killed is shown as interrupted."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import dedup_nb
from drawn import make_library

from dedup_nb import cli
from dedup_nb.session import execute, history, index_page, parameters, preflight, runners, runs


@pytest.fixture
def profile(tmp_path):
    make_library(tmp_path / "library")
    path = tmp_path / "mine.yaml"
    path.write_text(
        json.dumps({"library": str(tmp_path / "library"), "cache_dir": str(tmp_path / "cache")})
    )
    return path


def states(folder):
    return {name: state["status"] for name, state in runs.read(folder)["notebooks"].items()}


def ended():
    """Return what identifies a process that has ended."""
    code = "import json; from dedup_nb.session import runners; print(json.dumps(runners.this_process()))"
    return json.loads(subprocess.check_output([sys.executable, "-c", code]))


@pytest.mark.parametrize(
    "how", ["os.kill(os.getpid(), 9)", "os.kill(os.getpid(), 11)", "os._exit(0)"]
)
def test_a_kernel_that_dies_leaves_its_notebook_failed_and_the_others_go_on(
    profile, monkeypatch, how
):
    names = ["00_catalogue", "10_phash", "20_time_window"]
    folder = preflight.prepare(parameters.load(profile), names, profile.parent / "out")
    real = execute.known.notebooks_folder()
    changed = profile.parent / "notebooks"
    changed.mkdir()
    for path in real.glob("*.ipynb"):
        text = path.read_text()
        if path.stem == "10_phash":
            notebook = json.loads(text)
            first = next(c for c in notebook["cells"] if c["source"] and "import" in c["source"][0])
            here = f"assert os.getcwd() == {str(changed)!r}\n"
            first["source"] = ["import os\n", here, how]
            text = json.dumps(notebook)
        (changed / path.name).write_text(text)
    monkeypatch.setattr(execute.known, "notebooks_folder", lambda: changed)
    said, moved = [], []
    monkeypatch.setattr(os, "chdir", moved.append)  # of all threads at once
    execute.execute(folder, names, said.append)
    assert {*moved} <= {str(Path.cwd())}
    assert states(folder) == {
        "00_catalogue": "done",
        "10_phash": "failed",
        "20_time_window": "done",
    }
    assert any("10_phash: the kernel died" in line for line in said)
    assert "the kernel died" in (folder / "index.html").read_text()
    monkeypatch.setattr(execute.known, "notebooks_folder", lambda: real)
    assert cli.main(["run", str(profile), "--resume", str(folder), "--only", "10_phash"]) == 0
    assert states(folder)["10_phash"] == "done"


def test_a_killed_run_is_shown_as_interrupted_and_goes_on(profile, capsys):
    out = profile.parent / "out"
    code = "import sys; from dedup_nb.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "run", str(profile), "--out", str(out)]
    command += ["--only", "00_catalogue", "--only", "10_phash"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (found := list(out.glob("*/*/run.json"))) or "running" not in found[0].read_text():
        time.sleep(0.05)
        assert process.poll() is None
    folder = found[0].parent
    assert states(folder) == {"00_catalogue": "running", "10_phash": "waiting"}
    assert history.past(out)[0].at_work
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert set(states(folder).values()) == {"interrupted"}
    assert not history.past(out)[0].at_work
    assert cli.main(["runs", "--out", str(out)]) == 0
    assert "2 interrupted" in capsys.readouterr().out
    index_page.write_index(folder)
    assert "interrupted" in (folder / "index.html").read_text()
    done = dedup_nb(
        "run", profile, "--resume", folder, "--only", "00_catalogue", "--only", "10_phash"
    )
    assert done.returncode == 0, done.stderr
    assert set(states(folder).values()) == {"done"}
    assert (folder / "10_phash" / "groups.csv").exists()


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({}, False),  # this process
        ({"pid": 2**22 + 1}, True),
        ({"began": "another time"}, True),  # the number was given to another process since
        ({"host": "elsewhere"}, False),  # nobody can know
        ({"pid": True}, False),
        ({"pid": -1}, False),
        ({"pid": 10**30}, False),
        ({"pid": "1"}, False),
        ({"began": None}, False),
    ],
)
def test_whether_a_process_is_gone(change, gone):
    assert runners.is_gone(runners.this_process() | change) == gone


@pytest.mark.parametrize("runner", [None, [], "x", 3, {}, {"host": socket.gethostname()}])
def test_a_run_that_names_no_process_is_taken_as_it_is(runner):
    assert not runners.is_gone(runner)


def test_a_process_that_ended_is_gone():
    assert runners.is_gone(ended())


def test_what_was_never_begun_keeps_its_folder(profile):
    names = ["00_catalogue", "10_phash"]
    loaded = parameters.load(profile)
    folder = preflight.prepare(loaded, names, profile.parent / "out")
    for name, status in zip(names, ("running", "waiting"), strict=True):
        runs.note(folder, name, status=status)
    (folder / "00_catalogue" / "notebook.ipynb").write_text("{}")
    runs.record(folder, runner=ended())
    preflight.resume(folder, loaded, names)
    aside = sorted(path.name[:23] for path in folder.glob("*-unfinished-*"))
    assert aside == ["00_catalogue-unfinished"] and not runs.was_begun(folder / "10_phash")
