"""A run folder -> its notebooks executed headlessly, or parameterised and opened in JupyterLab."""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dedup_nb.library import safe_path
from dedup_nb.library.hints import command
from dedup_nb.library.tables import plain, short
from dedup_nb.session import filling
from dedup_nb.session import notebooks as known
from dedup_nb.session.index_page import write_index
from dedup_nb.session.parameters import Profile
from dedup_nb.session.preflight import prepare
from dedup_nb.session.runners import this_process
from dedup_nb.session.runs import DONE, FAILED, RUNNING, SKIPPED, WAITING, note, read_params, record


def execute(
    folder: Path, notebooks: Sequence[str], say: Callable[[str], None] = print
) -> dict[str, str]:
    """Run notebooks headlessly in a run folder; if one fails, only those that need it are skipped.

    Returns
    -------
    dict of str -> str
        Notebook -> `done`, `failed` or `skipped`.
    """
    safe_path.enforce()  # kernels take over this process's environment
    record(folder, runner=this_process())
    states: dict[str, str] = {}
    for name in notebooks:
        note(folder, name, status=WAITING)
    for number, name in enumerate(notebooks, 1):
        if broken := [
            need for need in known.of(name).needs if states.get(need) in (FAILED, SKIPPED)
        ]:
            states[name] = SKIPPED
            note(folder, name, status=SKIPPED, error=f"needs {broken[0]}, which failed")
            say(f"[{number}/{len(notebooks)}] {name}: skipped, needs {broken[0]}")
            continue
        say(f"[{number}/{len(notebooks)}] {name} ...")
        started = time.monotonic()
        note(folder, name, status=RUNNING)
        error = _execute_one(folder, name)
        seconds = round(time.monotonic() - started, 1)
        states[name] = FAILED if error else DONE
        note(folder, name, status=states[name], seconds=seconds, error=error)
        say(plain(f"[{number}/{len(notebooks)}] {name}: {error or 'done'} ({seconds} s)"))
        write_index(folder)
    write_index(folder)
    return states


def _execute_one(folder: Path, name: str) -> str:
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    values = read_params(folder / name)
    try:
        papermill.execute_notebook(
            known.notebooks_folder() / f"{name}.ipynb",
            folder / name / "notebook.ipynb",
            parameters=values | {"run_dir": str(folder), "interactive": False},
            kernel_name="python3",
            progress_bar=False,
            stdout_file=_Indented(sys.stderr),
            cwd=known.notebooks_folder(),
            extra_arguments=[
                # a kernel starts with a warning, and calls it an error when it is shut down; errors
                # of cells come by another way
                "--log-level=50",
                "--InteractiveShellApp.ignore_cwd=True",
            ],
        )
    except PapermillExecutionError as error:
        return f"{error.ename}: {error.evalue}"
    except DeadKernelError:
        again = command("run", Path(values["profile"]), "--resume", folder)
        return (
            "the kernel died: killed, out of memory or a crash in native code; to continue, run: "
            f"{again}"
        )
    except (RuntimeError, OSError) as error:  # the kernel did not start or its port is taken
        return f"the notebook could not be run: {error or type(error).__name__}"
    return ""


class _Indented:
    """Writes what a notebook prints, indented to set it off from the runner's own lines."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        lines = (plain(line.rstrip()) for line in text.splitlines() if line.strip())
        self.stream.write("".join(f"      {line}\n" for line in lines))

    def flush(self) -> None:
        self.stream.flush()


def for_lab(profile: Profile, out: Path | None = None) -> Path:
    """Create a run folder with all notebooks parameterised from a profile, ready for JupyterLab."""
    names = known.notebook_names()
    folder = prepare(profile, names, out)
    for name in names:
        filling.write(folder / f"{name}.ipynb", name, read_params(folder / name), folder)
    return folder


def check_port(extra: Sequence[str]) -> None:
    """Refuse a port among the options of JupyterLab that no server can have.

    Raises
    ------
    ValueError
        Names it.
    """
    for option, following in itertools.zip_longest(extra, extra[1:], fillvalue=""):
        name, given, value = option.partition("=")
        if name in ("--port", "--ServerApp.port"):
            port = value if given else following
            if not (port.isdecimal() and len(port) < 6 and int(port) < 2**16):
                raise ValueError(f"{name} {short(port)} is not a port; use a number up to 65535")


def open_lab(folder: Path, extra: Sequence[str] = ()) -> None:
    """Replace this process with JupyterLab, opened on a folder.

    Neither it nor its kernels import from the folder where it was started, or from `folder`. It
    runs in the root folder, since what it starts (yarn) obeys settings in its current folder.
    """
    safe_path.enforce()
    command = [
        sys.executable,
        "-P",
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={folder.absolute()}",
        # neither asks for news nor looks for updates: nothing is fetched from the network
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if (folder / f"{known.INDEX}.ipynb").is_file():
        command.append(f"--LabApp.default_url=/lab/tree/{known.INDEX}.ipynb")
    command += [_with_absolute_path(option) for option in extra]
    if (
        os.geteuid() == 0 and "--allow-root" not in extra
    ):  # in a container; it only listens on localhost
        command.append("--allow-root")
    sys.stdout.flush()
    os.chdir(os.sep)
    os.execv(sys.executable, command)


def _with_absolute_path(option: str) -> str:
    """Return an option such as `--config=mine.py`, or its value, with the full path of a file."""
    name, equals, value = option.rpartition("=")
    is_value = bool(equals) or not option.startswith("-")
    if is_value and Path(value).suffix and Path(value).exists():
        return f"{name}{equals}{Path(value).absolute()}"
    return option
