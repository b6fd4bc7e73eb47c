"""Environment -> one in which Python never imports from the current folder.

`python -m`, an empty or relative entry of PYTHONPATH, and kernels put the current folder on the
path of imports. If that folder holds a stranger's pictures, `numpy.py` beside them would be run.
Absolute entries of PYTHONPATH are meant, and kept. `os` and `sys` alone are imported here, which
Python has loaded already.
"""

# ruff: noqa: PTH100, PTH109, PTH117 -- pathlib would itself be imported from a path not yet safe

import os
import sys

SAFE = "PYTHONSAFEPATH"  # as the option -P; IPython obeys it too
LISTS = ("PYTHONPATH", "JUPYTER_PATH", "JUPYTER_CONFIG_PATH")
SINGLE = ("PYTHONSTARTUP", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")


def environment() -> dict[str, str]:
    """Return the environment for a child process that never imports from the current folder.

    Returns
    -------
    dict of str -> str
        That of this process, without relative entries in the variables that name folders of code,
        and with `PYTHONSAFEPATH`.
    """
    safe = dict(os.environ)
    for name in (*LISTS, *SINGLE):
        if name in safe:
            parts = safe[name].split(os.pathsep) if name in LISTS else [safe[name]]
            kept = [part for part in parts if os.path.isabs(part)]
            safe[name] = os.pathsep.join(kept)
            if not kept:
                del safe[name]
    return safe | {SAFE: "1"}


def enforce(*, by_module: bool = False) -> None:
    """Make this process and all that it starts never import from the current folder.

    Parameters
    ----------
    by_module : bool
        Whether Python was started with `-m`, which puts the current folder first.
    """
    if by_module and not sys.flags.safe_path and sys.path[0] == os.getcwd():
        del sys.path[0]
    named = os.environ["PYTHONPATH"].split(os.pathsep) if os.environ.get("PYTHONPATH") else []
    meant = {os.path.abspath(part) for part in named if os.path.isabs(part)}
    current = {os.path.abspath(part) for part in named if not os.path.isabs(part)} - meant
    sys.path[:] = [part for part in sys.path if os.path.isabs(part) and part not in current]
    safe = environment()
    for name in os.environ.keys() - safe.keys():
        del os.environ[name]
    os.environ.update(safe)
