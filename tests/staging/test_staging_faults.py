"""Every step fails, once or from then on: nothing is lost, and the next recovery makes it whole."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import staging_kit as kit
from test_staging_kills import Scene, no_exclusive_rename, nothing, points

from dedup_nb import staging
from dedup_nb.staging import safefs

ERRORS = [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EPERM, errno.EXDEV, errno.EMFILE]
WORKS = ["stage", "restore", "recover", "stage by links", "stage by copies", "restore by copies"]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def attempt(work: Callable[[], Any]) -> None:
    """Do some work; the only error that may reach the caller is one that a person understands."""
    try:
        work()
    except staging.StagingError as error:
        assert error.status in (2, 3, 4)


def fail_at(scene: Scene, prepare: Callable[[], Any], work: Callable[[], Any], step: int,
            code: int, lasting: bool) -> None:  # fmt: skip
    scene.new()
    prepare()
    with kit.Steps(step, kit.failing(code), lasting=lasting):
        attempt(work)
    scene.check_nothing_lost()
    told = scene.recover()
    assert told.status == 0, told
    scene.check_whole()
    scene.check_identity()


def _interrupted_stage(scene: Scene) -> None:
    kit.killed_at(40, scene.stage)


def fail_everywhere(
    scene: Scene, what: str, sample: int | None, monkeypatch: pytest.MonkeyPatch
) -> int:
    if "cop" in what:
        kit.other_file_system(monkeypatch)
    if "links" in what:
        monkeypatch.setattr(safefs, "rename_exclusive", no_exclusive_rename)
    prepare: Callable[[], Any] = nothing
    work: Callable[[], Any] = scene.stage
    if what.startswith("restore"):
        prepare, work = scene.stage, scene.restore
    elif what.startswith("recover"):
        prepare, work = lambda: _interrupted_stage(scene), scene.recover
    scene.new()
    prepare()
    n = kit.count_steps(work, kinds=None)
    cases = list(itertools.product(points(n, None), ERRORS, (False, True)))
    chosen = cases if sample is None else cases[:: max(1, len(cases) // sample) | 1]
    for step, code, lasting in chosen:
        fail_at(scene, prepare, work, step, code, lasting)
    return len(chosen)


@pytest.mark.parametrize("what", WORKS)
def test_an_error_at_a_sample_of_steps_loses_nothing(
    scene: Scene, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fail_everywhere(scene, what, 60, monkeypatch) >= 50


@pytest.mark.slow
@pytest.mark.parametrize("what", WORKS)
def test_an_error_at_every_step_loses_nothing(
    scene: Scene, what: str, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    record_property("faults", fail_everywhere(scene, what, None, monkeypatch))


def test_a_full_disk_gives_the_reserve_back_and_the_way_home_is_recorded(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.new()
    write = os.write
    full = [False]

    def writing(fd: int, data: Any) -> int:
        reserve = scene.library / ".dedup_nb/reserve"
        if full[0] and reserve.exists():
            raise OSError(errno.ENOSPC, "no space left")
        full[0] = full[0] or b'"intent"' in bytes(data)
        return write(fd, data)

    monkeypatch.setattr(os, "write", writing)
    result = scene.stage()
    assert full == [True]
    assert not (scene.library / ".dedup_nb/reserve").exists()
    assert staging.status(scene.library).unfinished == 0
    assert result.batch
    scene.check_identity()


def test_without_room_for_the_reserve_the_batch_does_not_start(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.new()

    def full(_fd: int, _data: Any) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(safefs, "write_all", full)
    with pytest.raises(staging.StagingError, match="nothing was moved") as error:
        scene.stage()
    assert error.value.status == 3
    assert kit.read_tree(scene.library) == scene.before


def test_three_errors_of_the_system_in_a_row_stop_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = tmp_path / "library"
    kit.write_tree(library, {"k.png": "k", **{f"{n}.png": str(n) for n in range(6)}})
    before = kit.read_tree(library)
    plan = kit.plan_for(
        library, kit.rows(library, {str(n): ("k.png", [f"{n}.png"]) for n in range(6)})
    )

    def failing(_source: safefs.Spot, _target: safefs.Spot) -> None:
        raise OSError(errno.EIO, "input/output error")

    read = safefs.read_regular

    def unreadable(spot: safefs.Spot, path: str, stop: Any = None) -> Any:
        if path in ("1.png", "2.png", "3.png"):
            raise OSError(errno.EACCES, "permission denied")
        return read(spot, path, stop)

    with monkeypatch.context() as patch:
        patch.setattr(safefs, "read_regular", unreadable)
        result = staging.stage(plan, library)
        assert (result.done, len(result.refused), result.left, result.status) == (1, 3, 2, 3)
        assert "in a row" in result.stopped
    staging.restore(library)
    with monkeypatch.context() as patch:
        patch.setattr(safefs, "rename_exclusive", failing)
        assert "in a row" in staging.stage(plan, library).stopped
    assert kit.read_tree(library) == before


def test_a_rollback_that_cannot_finish_stays_open_until_the_next_recovery(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.new()
    rename = safefs.rename_exclusive
    moved: list[str] = []

    def breaking(source: safefs.Spot, target: safefs.Spot) -> None:
        if len(moved) >= 2:
            raise OSError(errno.EIO, "input/output error")
        moved.append(source.name)
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(safefs, "rename_exclusive", breaking)
        assert scene.stage().status == 3
        assert staging.status(scene.library).unfinished == 1
        with pytest.raises(staging.StagingError, match="cannot finish"):
            scene.stage()
    told = scene.recover()
    assert (told.status, told.aborted) == (0, 1)
    assert kit.read_tree(scene.library) == scene.before


def test_a_file_that_is_nowhere_raises_the_alarm_until_a_person_accepts_it(scene: Scene) -> None:
    scene.new()
    kit.killed_at(2, scene.stage, frozenset({"rename"}))
    [lost] = scene.library.glob("_review_dupes/*/photos/a.png")
    lost.unlink()
    for _ in range(2):
        told = scene.recover()
        assert (told.status, kit.codes(told.lost)) == (3, ["lost"])
        with pytest.raises(staging.StagingError, match="LOST"):
            scene.stage()
    (scene.library / "photos/a.png").write_text("a")  # found in a backup
    assert scene.recover().status == 0


def test_a_lost_file_can_be_accepted(scene: Scene) -> None:
    scene.new()
    kit.killed_at(2, scene.stage, frozenset({"rename"}))
    [lost] = scene.library.glob("_review_dupes/*/photos/a.png")
    lost.unlink()
    staging.recover(scene.library, accept_lost=True)
    assert scene.recover().status == 0


def test_recovery_touches_nothing_where_contents_conflict(scene: Scene) -> None:
    scene.new()
    kit.killed_at(2, scene.stage, frozenset({"rename"}))
    (scene.library / "photos/a.png").write_text("another")
    before = kit.read_tree(scene.library)
    told = scene.recover()
    assert (told.status, kit.codes(told.conflicts)) == (3, ["conflict"])
    now = kit.read_tree(scene.library)
    assert {n: f for n, f in now.items() if "/a." in n} == {
        n: f for n, f in before.items() if "/a." in n
    }
    (scene.library / "photos/a.png").unlink()
    scene.check_identity()


def test_every_move_follows_its_synced_record(scene: Scene) -> None:
    """I7: between the last write to the journal and the first rename there is a sync."""
    scene.new()
    with kit.Steps(kinds=kit.MUTATING) as steps:
        scene.stage()
    first = steps.log.index("rename")
    assert "fsync" in steps.log[:first]
    assert steps.log[:first].index("write") < max(
        i for i, kind in enumerate(steps.log[:first]) if kind == "fsync"
    )
    last_write = max(i for i, kind in enumerate(steps.log[:first]) if kind == "write")
    assert "fsync" in steps.log[last_write:first]
    last_rename = max(i for i, kind in enumerate(steps.log) if kind == "rename")
    done = steps.log.index("write", last_rename)
    assert steps.log[last_rename:done].count("fsync") >= 4  # two places, two homes
