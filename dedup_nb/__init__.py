"""Thin near-duplicate pictures: report first, stage, approve by hand, undo at any time."""

# ruff: noqa: PTH103, PTH111 -- pathlib would be imported from a path that is not yet safe; see
# `library.safe_path`
import os


def _is_writable(folder: str) -> bool:
    """Return whether files can be made in a folder, which may have to be made itself."""
    while not os.path.lexists(folder) and folder != os.path.dirname(folder):
        folder = os.path.dirname(folder)
    return os.access(folder, os.W_OK)


def _of_compiled() -> str:
    """Return the folder in which numba keeps what it compiled, or "" to let it choose.

    It chooses the folder of the package or the user's cache. Where neither can be written, as in a
    container, it would refuse to work. A folder for temporary files is everybody's, and numba reads
    pickles: only one that is this user's alone will do.
    """
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    if _is_writable(os.path.dirname(__file__)) or _is_writable(cache):
        return ""
    own = os.path.join(os.environ.get("TMPDIR") or "/tmp", f"dedup-nb-compiled-{os.getuid()}")
    try:
        os.makedirs(own, 0o700, exist_ok=True)
        status = os.lstat(own)
    except OSError:
        return ""
    is_ours = status.st_uid == os.getuid() and status.st_mode & 0o170077 == 0o040000
    return own if is_ours else ""


# numba reads `.numba_config.yaml` in the current folder, which could name a folder of pickles as
# its cache; what the environment says comes first, and these are the defaults
if "NUMBA_CACHE_DIR" not in os.environ:
    os.environ["NUMBA_CACHE_DIR"] = _of_compiled()
os.environ.setdefault("NUMBA_CACHE_LOCATOR_CLASSES", "")

__version__ = "0.1.0"
