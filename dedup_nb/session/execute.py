"""A run folder -> its notebooks executed headlessly, or parameterised and opened in JupyterLab."""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, TextIO

from dedup_nb.library import safe_path, turns
from dedup_nb.library.hints import command
from dedup_nb.library.tables import plain, short
from dedup_nb.session import filling, saving
from dedup_nb.session import notebooks as known
from dedup_nb.session.index_page import write_index
from dedup_nb.session.kernels import Kernels
from dedup_nb.session.parameters import Profile
from dedup_nb.session.preflight import prepare, shared_engines
from dedup_nb.session.runners import this_process
from dedup_nb.session.runs import DONE, FAILED, RUNNING, SKIPPED, WAITING, note, read_params, record
from dedup_nb.session.telling import InOrder

LINUX = hasattr(os, "sched_getaffinity")
MOST_JOBS = 4  # more would wait for each other's decoders


def execute(
    folder: Path,
    notebooks: Sequence[str],
    say: Callable[[str], None] = print,
    jobs: int | None = None,
) -> dict[str, str]:
    """Run notebooks headlessly in a run folder; if one fails, only those that need it are skipped.

    Parameters
    ----------
    folder : Path
        The run folder.
    notebooks : sequence of str
        Their names, in order.
    say : callable
        Told of each notebook; the lines of one follow each other, and notebooks are told in order.
    jobs : int, optional
        Most notebooks at work at once; see `most_jobs`.

    Returns
    -------
    dict of str -> str
        Notebook -> `done`, `failed` or `skipped`.
    """
    safe_path.enforce()  # kernels take over this process's environment
    record(folder, runner=this_process())
    for name in notebooks:
        note(folder, name, status=WAITING)
    with (
        Kernels(len(notebooks)) as kernels,
        turns.shared(),
        shared_engines(folder, notebooks, say),
    ):
        states = _Execution(folder, notebooks, say, kernels).run(jobs or most_jobs())
    write_index(folder)
    return states


def most_jobs() -> int:
    """Return how many notebooks are at work at once by default: one for each core, 4 at most."""
    return max(1, min(len(os.sched_getaffinity(0)) if LINUX else os.cpu_count() or 1, MOST_JOBS))


class _Execution:
    """The notebooks of one command, several of them at work at once."""

    def __init__(
        self,
        folder: Path,
        notebooks: Sequence[str],
        say: Callable[[str], None],
        kernels: Kernels,
    ) -> None:
        self.folder, self.notebooks, self.kernels = folder, list(notebooks), kernels
        self.states: dict[str, str] = {}
        self.telling = InOrder(self.notebooks, say, sys.stderr)
        self.at_work: dict[Future[None], str] = {}
        self.indexing = threading.Lock()
        self.stopped = False

    def run(self, jobs: int) -> dict[str, str]:
        """Execute all of them; return their states."""
        pool = ThreadPoolExecutor(jobs, "notebook")
        try:
            while len(self.states) < len(self.notebooks):
                for name in self._ready()[: jobs - len(self.at_work)]:
                    self.telling.begin(name)
                    note(self.folder, name, status=RUNNING)
                    self.at_work[pool.submit(self._one, name)] = name
                done, _ = wait(self.at_work, return_when=FIRST_COMPLETED)
                for future in done:
                    del self.at_work[future]
                    future.result()
        except BaseException:
            self.stopped = True  # what was at work will be read as interrupted
            self.kernels.end()
            raise
        finally:
            pool.shutdown()
        return {name: self.states[name] for name in self.notebooks}

    def _ready(self) -> list[str]:
        """Return the notebooks that may begin; those that need one that failed are skipped."""
        ready = []
        for name in self.notebooks:
            if name in self.states or name in self.at_work.values():
                continue
            needs = [need for need in known.of(name).needs if need in self.notebooks]
            broken = [need for need in needs if self.states.get(need) in (FAILED, SKIPPED)]
            if broken:
                self.states[name] = SKIPPED
                note(self.folder, name, status=SKIPPED, error=f"needs {broken[0]}, which failed")
                self.telling.end(name, f"skipped, needs {broken[0]}")
            elif all(self.states.get(need) == DONE for need in needs) and not self._waits(name):
                ready.append(name)
        return ready

    def _waits(self, name: str) -> bool:
        """Return whether a notebook reads what others of this command write, and must follow."""
        if not known.of(name).only_when_named:
            return False
        before = self.notebooks[: self.notebooks.index(name)]
        return any(other not in self.states for other in before)

    def _one(self, name: str) -> None:
        started = time.monotonic()
        error = _execute_one(self.folder, name, self.kernels, self.telling.of(name))
        if self.stopped and error:
            return
        seconds = round(time.monotonic() - started, 1)
        state = FAILED if error else DONE
        note(self.folder, name, status=state, seconds=seconds, error=error)
        self.telling.end(name, plain(f"{error or 'done'} ({seconds} s)"))
        with self.indexing:
            write_index(self.folder)
        self.states[name] = state


def _execute_one(folder: Path, name: str, kernels: Kernels, told: TextIO) -> str:
    papermill = kernels.papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    values = read_params(folder / name)
    try:
        papermill.execute_notebook(
            known.notebooks_folder() / f"{name}.ipynb",
            folder / name / "notebook.ipynb",
            parameters=values | {"run_dir": str(folder), "interactive": False},
            engine_name=saving.ENGINE,
            kernel_name="python3",
            progress_bar=False,
            stdout_file=_Indented(told),
            # where kernels work; with `cwd`, papermill takes this process and all its threads there
            resources={"metadata": {"path": str(known.notebooks_folder())}},
            extra_arguments=[
                # a kernel starts with a warning, and calls it an error when it is shut down; errors
                # of cells come by another way
                "--log-level=50",
                "--InteractiveShellApp.ignore_cwd=True",
            ],
            **kernels.options,
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
