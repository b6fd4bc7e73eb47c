"""Small libraries as dicts, manifests for them, and processes that die or fail at a chosen step."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from dedup_nb import cli, staging
from dedup_nb.library.tables import write_csv
from dedup_nb.staging import safefs

Tree = dict[str, Any]
MTIME_NS = 1_751_710_000_123_456_789  # files are older than anything a test does


def write_tree(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Make files, each with a mode and a time of its own."""
    for number, (name, content) in enumerate(files.items()):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(0o600 + 0o44 * (number % 2))
        os.utime(path, ns=(MTIME_NS, MTIME_NS + number * 1_000_000_007))


def facts(path: Path) -> tuple[Any, ...]:
    """Content, time, mode and attributes of one file."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        return path.name, status.st_mtime_ns, oct(status.st_mode), {}
    attributes = {name: os.getxattr(path, name) for name in os.listxattr(path)}
    return path.read_bytes(), status.st_mtime_ns, oct(status.st_mode), attributes


def read_tree(root: Path) -> Tree:
    """Return every file and every folder below `root`, the private folder left out."""
    found: Tree = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name.split("/")[0] != ".dedup_nb":
            found[name] = "folder" if path.is_dir() and not path.is_symlink() else facts(path)
    return found


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def row(library: Path, bundle: str, src: str, keeper: str, **changes: Any) -> dict[str, Any]:
    """Return the manifest row of a file that is there."""
    status = (library / src).lstat()
    cells = {
        "bundle": bundle,
        "src": src,
        "dst": f"_review_dupes/{src}",
        "size": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "sha256": sha256(library / src),
        "group": f"group of {bundle}",
        "keeper": keeper,
        "keeper_sha256": sha256(library / keeper) if keeper else "",
        "rule": "largest",
        "reason": "smaller than its keeper",
        "covers": "",
    }
    return {**cells, **changes}


def rows(library: Path, bundles: Mapping[str, tuple[str, Iterable[str]]]) -> list[dict[str, Any]]:
    """Return the rows of bundles given as name -> (keeper, files)."""
    return [
        row(library, bundle, src, keeper)
        for bundle, (keeper, files) in bundles.items()
        for src in files
    ]


def covering(sidecar: dict[str, Any], *images: str) -> dict[str, Any]:
    """Return a row as that of a shared sidecar of these images."""
    return {**sidecar, "covers": json.dumps(images)}


def write_manifest(path: Path, table: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as a manifest, replacing the one that is there."""
    path.unlink(missing_ok=True)
    write_csv(path, staging.MANIFEST_COLUMNS, list(table))
    return path


def plan_for(library: Path, table: Iterable[Mapping[str, Any]]) -> staging.Plan:
    """Return the plan of rows, through a manifest on disk beside the library."""
    return staging.read_manifest(write_manifest(library.with_name("manifest.csv"), table))


def codes(refused: Iterable[staging.Refusal]) -> list[str]:
    return [each.code for each in refused]


# ---------------------------------------------------------------- steps


MUTATING = frozenset(
    {
        "mkdir", "rmdir", "create", "unlink", "write", "fsync", "truncate", "rename", "link",
        "chown", "chmod", "utime", "setxattr", "flock",
    }
)  # fmt: skip


class Steps:
    """Counts the steps of some work; kills or fails it at the n-th."""

    def __init__(
        self,
        at: int = 0,
        act: Callable[[], None] | None = None,
        kinds: frozenset[str] | None = None,
        lasting: bool = False,
    ) -> None:
        self.at, self.act, self.kinds, self.lasting = at, act, kinds, lasting
        self.n = 0
        self.log: list[str] = []

    def __call__(self, kind: str) -> None:
        if self.kinds is not None and kind not in self.kinds:
            return
        self.n += 1
        self.log.append(kind)
        if self.act is not None and (self.n == self.at or (self.lasting and self.n > self.at > 0)):
            self.act()

    def __enter__(self) -> Steps:
        safefs.watch = self
        return self

    def __exit__(self, *_: object) -> None:
        safefs.watch = None


def die() -> None:
    """Be killed, as a kernel is."""
    os.kill(os.getpid(), signal.SIGKILL)


def failing(code: int) -> Callable[[], None]:
    """Return what fails as the system would."""

    def fail() -> None:
        raise OSError(code, os.strerror(code))

    return fail


def count_steps(work: Callable[[], Any], kinds: frozenset[str] | None = MUTATING) -> int:
    """Return how many steps some work makes."""
    with Steps(kinds=kinds) as steps:
        work()
    return steps.n


def killed_at(step: int, work: Callable[[], Any], kinds: frozenset[str] = MUTATING) -> bool:
    """Run work in a process that is killed before its n-th step; True if it came so far."""
    pid = os.fork()
    if pid == 0:
        try:
            with Steps(step, die, kinds):
                work()
        finally:
            os._exit(0)
    _, status = os.waitpid(pid, 0)
    return os.WIFSIGNALED(status)


def run_cli(*arguments: object) -> int:
    """Run a command in this process and return its exit status."""
    return cli.main([str(each) for each in arguments])


def other_file_system(monkeypatch: Any) -> None:
    """Make every folder a file system of its own: only copies lead from one to another."""
    import errno

    rename, link = safefs.rename_exclusive, safefs.link

    def renamed(source: safefs.Spot, target: safefs.Spot) -> None:
        _refuse_across(source, target)
        rename(source, target)

    def linked(source: safefs.Spot, target: safefs.Spot) -> None:
        _refuse_across(source, target)
        link(source, target)

    def _refuse_across(source: safefs.Spot, target: safefs.Spot) -> None:
        if not os.path.samestat(os.fstat(source.fd), os.fstat(target.fd)):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(safefs, "rename_exclusive", renamed)
    monkeypatch.setattr(safefs, "link", linked)
