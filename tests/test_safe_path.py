"""Nothing is imported or executed from the current folder, the library's or a notebook's."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from drawn import make_library

from dedup_nb.library import safe_path
from dedup_nb.session import execute

NAMES = (
    "numpy json argparse re typing pathlib isal/__init__ cv2 pandas yaml PIL/__init__ scipy/__init__ "
    "IPython/__init__ ipykernel/__init__ ipykernel_launcher jupyterlab/__init__ papermill/__init__ "
    "dedup_nb/__init__ dedup_nb/__main__ collections/__init__ socket warnings usercustomize "
    "matplotlib/__init__ numba/__init__ "
    "jupyter_config jupyter_server_config jupyter_lab_config ipython_config ipython_kernel_config "
    "profile_default/ipython_config profile_default/startup/00-start "
    ".ipython/profile_default/startup/00-start .ipython/profile_default/ipython_config "
    ".jupyter/jupyter_server_config"
)


@pytest.fixture
def hostile(tmp_path):
    """Make a library full of code that leaves a mark when it is run."""
    library, mark = make_library(tmp_path / "library"), tmp_path / "executed"
    for folder in (library, library / "mojo1"):
        for name in NAMES.split():
            path = folder / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"open({str(mark)!r}, 'a').write(__file__ + '\\n')\n")
        settings = {"cache_dir": str(library), "cache_locator_classes": "numpy:x"}
        (folder / ".numba_config.yaml").write_text(json.dumps(settings))
        (folder / "matplotlibrc").write_text("text.usetex: True\nbackend: module://numpy\n")
        (folder / "jupyter_server_config.json").write_text('{"ServerApp": {"port": 1}}')
    yield library
    assert not mark.exists(), mark.read_text()


PATHS = [None, "", ".", os.pathsep, f"{os.pathsep}.{os.pathsep}..", "mojo1"]


def command(*arguments, module=False, **more):
    """Run the command as a person in the current folder does."""
    project = str(Path(execute.__file__).parents[2])
    kept = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    environment = {k: v for k, v in os.environ.items() if k != safe_path.SAFE}
    environment["PYTHONPATH"] = os.pathsep.join([*kept, project])
    script = "import sys; from dedup_nb.cli import main; sys.exit(main())"  # as pip writes it
    how = ["-m", "dedup_nb"] if module else ["-P", "-c", script]
    command = [sys.executable, *how, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, **more)


def test_hash_imports_nothing_from_the_folder_of_pictures(hostile):
    done = command("hash", ".", "--no-cache", cwd=hostile)
    assert done.returncode == 0 and "1 could not be read" in done.stderr, done.stderr


def test_the_module_imports_nothing_from_the_current_folder(tmp_path, hostile):
    # what `python -m` imports before any code of ours runs
    for name in ("dedup_nb", "collections", "warnings"):
        path = hostile / name
        shutil.rmtree(path) if path.is_dir() else path.with_suffix(".py").unlink()
    done = command("hash", "mojo1", "--no-cache", cwd=hostile, module=True)
    assert done.returncode == 0 and done.stdout.count("\n") > 5, done.stderr


def test_a_run_imports_nothing_from_the_current_or_the_librarys_folder(tmp_path, hostile):
    profile = hostile / "profile.yaml"
    profile.write_text(
        json.dumps({"library": str(hostile), "cache_dir": str(tmp_path / "cache"), "verify": True})
    )
    done = command("run", profile, "--only", "10_phash", "--out", tmp_path / "out", cwd=hostile)
    assert done.returncode == 0, done.stderr
    assert (Path(done.stdout.splitlines()[-1]) / "10_phash" / "groups.csv").exists()


def test_the_lab_imports_nothing_from_where_it_was_started_or_from_its_folder(hostile, monkeypatch):
    seen = []
    monkeypatch.setattr(execute.os, "execv", lambda program, command: seen.append(command))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", ".", "here", "/absolute"]))
    for name in (safe_path.SAFE, *safe_path.SINGLE):
        monkeypatch.setenv(name, "here")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(hostile)
    execute.open_lab(hostile)
    (lab,) = seen
    assert lab[1:4] == ["-P", "-m", "jupyterlab"]
    assert str(Path.cwd()) == os.sep  # yarn, which the lab starts, runs what `.yarnrc.yml` names
    os.chdir(hostile)
    assert (os.environ["PYTHONPATH"], os.environ[safe_path.SAFE]) == ("/absolute", "1")
    assert not set(safe_path.SINGLE) & os.environ.keys()
    # what the lab does in that environment: read settings, start a kernel in the folder
    code = "import os, sys; from jupyterlab.labapp import LabApp; app = LabApp(); "
    code += "assert not {os.getcwd(), '', '.'} & {*app.config_file_paths}, app.config_file_paths\n"
    code += "from jupyter_client.manager import start_new_kernel\n"
    code += "from jupyter_client.kernelspec import KernelSpecManager\n"
    code += "manager, client = start_new_kernel(kernel_name='python3', cwd=os.getcwd())\n"
    code += "for line in ('import numpy, json, cv2, PIL, isal', '%matplotlib inline'):\n"
    code += "    reply = client.execute_interactive(line, timeout=60)['content']\n"
    code += "    assert reply['status'] == 'ok', reply\n"
    code += "manager.shutdown_kernel(now=True)\n"
    done = subprocess.run([lab[0], "-P", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", PATHS)
def test_only_absolute_entries_of_the_path_are_kept(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    kept = str(tmp_path / "kept")
    monkeypatch.setattr(
        sys, "path", ["", kept, *([] if not path else map(os.path.abspath, path.split(os.pathsep)))]
    )
    monkeypatch.setenv("PYTHONPATH", kept if path is None else os.pathsep.join([path, kept]))
    safe_path.enforce()
    assert sys.path == [kept]
    assert os.environ["PYTHONPATH"] == kept
