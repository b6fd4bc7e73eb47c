"""A process killed before any one of its steps: nothing is lost, nothing is left half-way."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import staging_kit as kit

from dedup_nb import staging
from dedup_nb.staging import safefs

FILES = {
    "photos/keep.png": "kept",
    "photos/a.png": "a",
    "photos/a.yaml": "prompt: a",
    "photos/a.caption": "a caption",
    "photos/lone.png": "lone",
    "crop/s_stage1.png": "one",
    "crop/s_stage1.yaml": "stage: 1",
    "crop/s_stage2.png": "two",
    "crop/s.decision": "keep",
    "other/untouched.txt": "not ours",
}
BUNDLES = {
    "a": ("photos/keep.png", ["photos/a.yaml", "photos/a.png", "photos/a.caption"]),
    "lone": ("photos/keep.png", ["photos/lone.png"]),
    "set": (
        "photos/keep.png",
        ["crop/s_stage1.png", "crop/s_stage1.yaml", "crop/s_stage2.png", "crop/s.decision"],
    ),
}


class Scene:
    """A small library, made again for every kill."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.n = folder, 0

    def new(self) -> Scene:
        self.n += 1
        self.library = self.folder / str(self.n) / "library"
        kit.write_tree(self.library, FILES)
        table = kit.rows(self.library, BUNDLES)
        table[-1] = kit.covering(table[-1], "crop/s_stage1.png", "crop/s_stage2.png")
        self.before = kit.read_tree(self.library)
        self.plan = kit.plan_for(self.library, table)
        return self

    def stage(self) -> staging.Result:
        return staging.stage(self.plan, self.library, allow_copy=True)

    def restore(self) -> Any:
        return staging.restore(self.library)

    def recover(self) -> Any:
        return staging.recover(self.library)

    def contents(self) -> dict[str, bytes]:
        files = self.library.rglob("*")
        return {str(path): path.read_bytes() for path in files if path.is_file()}

    def check_nothing_lost(self) -> None:
        """I1, I2: every content is somewhere whole; every home still there is unchanged."""
        now = kit.read_tree(self.library)
        contents = {facts[0] for facts in now.values() if facts != "folder"}
        for name, facts in self.before.items():
            assert facts == "folder" or facts[0] in contents, f"{name} is lost"
            assert name not in now or now[name] == facts, f"{name} was changed"

    def check_whole(self) -> None:
        """I3, I6: one copy of each file, no temporary, each bundle wholly home or wholly staged."""
        now = kit.read_tree(self.library)
        for _, files in BUNDLES.values():
            homes = [name for name in files if name in now]
            staged = [n for n in now if n.startswith("_review") and n.split("/", 2)[-1] in files]
            assert (len(homes), len(staged)) in ((len(files), 0), (0, len(files)))
        n_files = sum(facts != "folder" for facts in now.values())
        assert n_files == len(FILES)
        assert not any(".tmp" in name for name in now)

    def check_identity(self) -> None:
        """I5, I9: restore gives back the same tree: path, bytes, mtime, mode, attributes."""
        assert self.restore().status == 0
        assert kit.read_tree(self.library) == self.before
        assert not (self.library / ".dedup_nb/reserve").exists()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def points(n: int, sample: int | None) -> list[int]:
    """Return every step from 1 to n, or about `sample` of them spread evenly, the ends included."""
    every = range(1, n + 1)
    if sample is None or n <= sample:
        return list(every)
    return sorted({1, n, *(1 + round(k * (n - 1) / (sample - 1)) for k in range(sample))})


def kill_everywhere(
    scene: Scene, prepare: Callable[[], Any], work: Callable[[], Any], sample: int | None
) -> int:
    scene.new()
    prepare()
    n = kit.count_steps(work)
    at = points(n, sample)
    for step in at:
        scene.new()
        prepare()
        assert kit.killed_at(step, work), f"step {step} was never reached"
        scene.check_nothing_lost()
        assert scene.recover().status == 0
        scene.check_nothing_lost()
        scene.check_whole()
        scene.check_identity()
    return len(at)


def nothing() -> None:
    """No preparation."""


WORKS = ["stage", "restore", "recover", "stage by links", "stage by copies", "restore by copies",
         "recover copies"]  # fmt: skip


def _killed_half_way(scene: Scene) -> None:
    n = kit.count_steps(scene.stage)
    scene.new()
    kit.killed_at(n * 3 // 5, scene.stage)


def run(scene: Scene, what: str, sample: int | None, monkeypatch: pytest.MonkeyPatch) -> int:
    if "cop" in what:
        kit.other_file_system(monkeypatch)
    if "links" in what:
        monkeypatch.setattr(safefs, "rename_exclusive", no_exclusive_rename)
    prepare: Callable[[], Any] = nothing
    work: Callable[[], Any] = scene.stage
    if what.startswith("restore"):
        prepare, work = scene.stage, scene.restore
    elif what.startswith("recover"):
        prepare, work = lambda: _killed_half_way(scene), scene.recover
    return kill_everywhere(scene, prepare, work, sample)


def no_exclusive_rename(_source: safefs.Spot, _target: safefs.Spot) -> None:
    raise OSError(errno.EINVAL, "not here")


@pytest.mark.parametrize("what", WORKS)
def test_a_kill_at_a_sample_of_steps_loses_nothing(
    scene: Scene, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(scene, what, 12, monkeypatch) >= 10


@pytest.mark.slow
@pytest.mark.parametrize("what", WORKS)
def test_a_kill_at_every_step_loses_nothing(
    scene: Scene, what: str, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    record_property("points", run(scene, what, None, monkeypatch))
