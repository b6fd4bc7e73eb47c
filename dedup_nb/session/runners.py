"""The process that executes a run -> whether it is still alive.

A run whose process was killed cannot say so itself; whoever looks at it next compares the process
number and start time in `run.json` with the processes of this machine.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil


def this_process() -> dict[str, Any]:
    """Return what identifies this process, for `run.json`."""
    pid = os.getpid()
    return {"host": socket.gethostname(), "pid": pid, "began": _began(pid)}


def is_gone(runner: object) -> bool:
    """Return whether the process that a `run.json` names is known to have ended.

    Parameters
    ----------
    runner : object
        The result of `this_process`, from a file that anybody may have written.

    Returns
    -------
    bool
        False also if nobody can know: another machine, or no valid name of a process.
    """
    if not isinstance(runner, Mapping) or runner.get("host") != socket.gethostname():
        return False
    pid, began = runner.get("pid"), runner.get("began")
    if type(pid) is not int or not 0 < pid < 2**31 or not isinstance(began, str):
        return False
    return _began(pid) != began


def _began(pid: int) -> str:
    """Return when a process began, in a form that a change of the clock does not alter, or ""."""
    if Path("/proc/self/stat").exists():
        try:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        return "" if fields[0] == "Z" else f"{boot} {fields[19]}"
    try:
        return str(psutil.Process(pid).create_time())
    except psutil.Error:
        return ""
