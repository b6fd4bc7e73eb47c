"""Where numba keeps what it compiled: wherever the package is installed, it can be used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = str(Path(__file__).parents[1] / "dedup_nb")
OWN = f"dedup-nb-compiled-{os.getuid()}"
SAY = "import dedup_nb; print(os.environ['NUMBA_CACHE_DIR'])"
CALL = (
    "import numpy as np; from dedup_nb.groups.unions import unite; "
    "unite(1, *[np.zeros(0, np.int64)] * 2); print(unite.stats.cache_path)"
)


def where(code, unwritable, temporary, home="/home/nobody"):
    """Run code where some folders cannot be written; return what it prints."""
    before = (
        "import os, tempfile; may = os.access; refused = tuple(" + repr(unwritable) + ")\n"
        "os.access = lambda path, how: not str(path).startswith(refused) and may(path, how)\n"
        "make = tempfile.TemporaryFile\n"
        "def made(*given, dir=None, **more):\n"
        "    if str(dir).startswith(refused): raise PermissionError(dir)\n"
        "    return make(*given, dir=dir, **more)\n"
        "tempfile.TemporaryFile = made\n"
    )
    env = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    env |= {"HOME": str(home), "TMPDIR": str(temporary)}
    done = subprocess.run(
        [sys.executable, "-c", before + code], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("unwritable", "folder"),
    [
        ([], ""),
        ([PACKAGE], ""),  # numba takes the user's cache
        (["HOME"], ""),
        ([PACKAGE, "HOME"], OWN),
    ],
)
def test_numba_keeps_its_files_where_it_can_write(unwritable, folder, tmp_path):
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    refused = [str(home) if path == "HOME" else path for path in unwritable]
    said = where(SAY, refused, temporary, home)
    assert said == (str(temporary / folder) if folder else "")
    if folder:
        assert (temporary / folder).stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_may_write_is_not_trusted(tmp_path):
    (tmp_path / OWN).mkdir()
    (tmp_path / OWN).chmod(0o777)
    assert where(SAY, [PACKAGE, "/home"], tmp_path) == ""


@pytest.mark.slow
def test_loops_are_compiled_once_where_nothing_but_temporary_files_can_be_written(tmp_path):
    said = [where(CALL, [PACKAGE, "/home"], tmp_path) for _ in range(2)]
    kept = list((tmp_path / OWN).rglob("*.nbc"))
    assert said[0].startswith(str(tmp_path / OWN))
    assert len(kept) == len({path.name for path in kept}) > 0
