"""Samples of what an earlier version left behind: laid out in a folder, read back, asked.

A tree is a dict: path -> [name of its content, mtime in ns], or None for an empty folder. Contents
lie beside the samples under names that every file system can hold, so that a tree may have any.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dedup_nb import cli, staging
from dedup_nb.pictures import store

SAMPLES = Path(__file__).parent / "samples"
HOME = "/home/ana"  # stands in the samples for the folder in which they were made
JOURNALS = ".dedup_nb/journal"

Tree = dict[str, Any]


def load(path: Path) -> Any:
    """Return what a JSON file holds."""
    return json.loads(path.read_text(encoding="utf-8"))


def lay_out(tree: Mapping[str, Any], contents: Path, library: Path) -> Path:
    """Make the files of a tree, with their times; return the library."""
    library.mkdir(parents=True, exist_ok=True)
    for name, entry in tree.items():
        path = library / name
        if entry is None:
            path.mkdir(parents=True, exist_ok=True)
            continue
        content, mtime_ns = entry
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes((contents / content).read_bytes())
        path.chmod(0o644)
        os.utime(path, ns=(mtime_ns, mtime_ns))
    return library


def read_tree(library: Path, contents: Path) -> Tree:
    """Return a library as a tree, its journals left out; an unknown content by its digest."""
    names = {_digest(path): str(path.relative_to(contents)) for path in _files(contents)}
    found: Tree = {}
    for path in sorted(library.rglob("*")):
        name = str(path.relative_to(library))
        if name.startswith(JOURNALS):
            continue
        if path.is_dir():
            if not any(path.iterdir()):
                found[name] = None
            continue
        digest = _digest(path)
        found[name] = [names.get(digest, digest), path.stat().st_mtime_ns]
    return found


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Tree:
    """Return the entries of a tree that are new or others, and `gone` for those that went."""
    found = {path: entry for path, entry in after.items() if before.get(path, "") != entry}
    return found | {path: "gone" for path in before if path not in after}


def status(library: Path) -> dict[str, Any]:
    """Return what `staging.status` tells, as JSON would hold it; what is empty is left out."""
    told = json.loads(json.dumps(asdict(staging.status(library)), default=str))
    batches = [{k: v for k, v in batch.items() if v} for batch in told.pop("batches")]
    return {"batches": batches} | {k: v for k, v in told.items() if v}


def outcome(before: Mapping[str, Any], library: Path, contents: Path) -> dict[str, Any]:
    """Return what a step has changed in a case's library, and what its status is then.

    A batch that was made just now is called NEW, and nothing is said of its time.
    """
    now = {
        "changes": changes(before["tree"], read_tree(library, contents)),
        "status": status(library),
    }
    fresh = now["status"]["batches"][len(before["status"]["batches"]) :]
    names = [batch["batch"] for batch in fresh]
    for batch in fresh:
        del batch["since"]
    text = json.dumps(now)
    for name in names:
        text = text.replace(name, "NEW")
    told: dict[str, Any] = json.loads(text)
    return told


def known_part(now: Any, expected: Any) -> Any:
    """Return `now` without the keys that `expected` does not have: a later version may tell more."""
    if isinstance(now, dict) and isinstance(expected, dict):
        return {key: known_part(now[key], item) for key, item in expected.items() if key in now}
    if isinstance(now, list) and isinstance(expected, list) and len(now) == len(expected):
        return [known_part(a, b) for a, b in zip(now, expected, strict=True)]
    return now


def digests(kept: store.Store) -> dict[str, Any]:
    """Return for each kind of value in a cache how many there are, and one digest of them all."""
    found: dict[str, list[tuple[str, bytes]]] = {}
    for kind, sha256, value in kept.values():
        found.setdefault(kind, []).append((sha256, value))
    told = {}
    for kind, values in sorted(found.items()):
        every = b"".join(sha256.encode() + value for sha256, value in sorted(values))
        told[kind] = [len(values), hashlib.sha256(every).hexdigest()]
    return told


def home(samples: Path, target: Path) -> Path:
    """Lay out the work of a person: pictures, profile, a run with its decisions, and the cache."""
    lay_out(load(samples / "pictures.json"), samples / "pictures", target / "pictures")
    shutil.copytree(samples / "run/params", target / "params")
    shutil.copytree(samples / "run/tiny", target / "outputs/tiny")
    shutil.copyfile(samples / "run/decisions.jsonl", target / "outputs/tiny/decisions.jsonl")
    (target / "cache").mkdir()
    shutil.copyfile(samples / "cache/store-2.sqlite", target / "cache/store-2.sqlite")
    at_home(target / "outputs", target)
    return target


def take_step(step: Mapping[str, Any], folder: Path, library: Path) -> int:
    """Do one step of a case: files a person removes, then a command; return its exit status.

    An argument that names a file of the case's folder becomes its path.
    """
    for name in step.get("remove", ()):
        (library / name).unlink()
    command, *more = step["command"]
    arguments = [str(folder / a) if (folder / a).is_file() else a for a in more]
    return cli.main([command, *arguments, "--library", str(library)])


def case(folder: Path, contents: Path, target: Path) -> tuple[dict[str, Any], Path]:
    """Lay out the library of one case with its journals; return the case and the library."""
    said = load(folder / "case.json")
    library = lay_out(said["tree"], contents, target)
    journals = library / JOURNALS
    journals.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.jsonl"):
        shutil.copyfile(path, journals / path.name)
    return said, library


def at_home(folder: Path, home: Path) -> None:
    """Let the text files of a copied sample speak of `home`, wherever they say `HOME`."""
    for path in _files(folder):
        if path.suffix in (".json", ".yaml", ".csv", ".html", ".md"):
            text = path.read_bytes()
            fresh = text.replace(HOME.encode(), os.fsencode(home))
            if fresh != text:
                path.write_bytes(fresh)
