"""Approval: only what a person saw, only what still has its keeper, one file after the other."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import staging_kit as kit

from dedup_nb import staging
from dedup_nb.staging import approval
from dedup_nb.staging.journal import encode, parse

FILES = {"k.png": "k", "a.png": "a", "a.yaml": "of a", "b.png": "b"}


@pytest.fixture
def trash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's trash, as a folder of this test."""
    folder = tmp_path / "trash"
    folder.mkdir()

    def send2trash(path: Path) -> None:
        path.rename(folder / path.name)

    monkeypatch.setattr("send2trash.send2trash", send2trash)
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    kit.write_tree(folder, FILES)
    return folder


def stage(library: Path, bundles: dict[str, Any] | None = None) -> str:
    bundles = bundles or {"a": ("k.png", ["a.png", "a.yaml"]), "b": ("k.png", ["b.png"])}
    result = staging.stage(kit.plan_for(library, kit.rows(library, bundles)), library)
    assert result.status == 0
    return result.batch


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_approving_with_the_token_sends_every_file_to_the_trash(library: Path, trash: Path) -> None:
    batch = stage(library)
    told = staging.approve(library, batch, staging.approval_token(library, batch))
    assert (told.status, told.bundles, told.files) == (0, 2, 3)
    assert names(trash) == ["a.png", "a.yaml", "b.png"]
    assert sorted(kit.read_tree(library)) == ["k.png"]
    assert staging.restore(library).done == 0


def test_approving_with_the_phrase_that_a_person_types(library: Path, trash: Path) -> None:
    batch = stage(library)
    assert staging.approval_phrase(library, batch) == f"APPROVE {batch} 3"
    assert staging.approve(library, batch, phrase=f"APPROVE {batch} 3").files == 3


@pytest.mark.parametrize("consent", [{}, {"token": "0" * 12}, {"token": ""}, {"phrase": "APPROVE"}, {"phrase": ""}])  # fmt: skip
def test_without_consent_nothing_is_approved(
    library: Path, trash: Path, consent: dict[str, str]
) -> None:
    batch = stage(library)
    with pytest.raises(staging.StagingError) as error:
        staging.approve(library, batch, **consent)
    assert error.value.status == 2
    assert names(trash) == []


def test_the_command_needs_a_person_or_a_token(
    library: Path, trash: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    batch = stage(library)
    assert kit.run_cli("approve", batch, "--library", library) == 2
    assert kit.run_cli("approve", batch, "--library", library, "--show-token") == 0
    token = capsys.readouterr().out.split()[-1]
    assert kit.run_cli("approve", batch, "--library", library, "--token", token) == 0
    assert kit.run_cli("approve", "20200101T000000Z-000000", "--library", library) == 2


@pytest.mark.parametrize("change", ["edit", "remove", "restore one"])
def test_any_change_in_staging_makes_the_token_invalid(
    library: Path, trash: Path, change: str
) -> None:
    batch = stage(library)
    token = staging.approval_token(library, batch)
    staged = library / "_review_dupes" / batch / "b.png"
    if change == "edit":
        staged.write_text("B")
    elif change == "remove":
        staged.unlink()
    else:
        staging.restore(library, bundle="b")
    with pytest.raises(staging.StagingError, match="does not match"):
        staging.approve(library, batch, token)
    assert names(trash) == []


def test_strangers_in_staging_are_never_touched(library: Path, trash: Path) -> None:
    batch = stage(library)
    stranger = library / "_review_dupes" / batch / "mine.txt"
    stranger.write_text("mine")
    staging.approve(library, batch, staging.approval_token(library, batch))
    assert stranger.read_text() == "mine"


@pytest.mark.parametrize("what", ["gone", "changed", "touched"])
def test_a_bundle_whose_keeper_does_not_stand_stays_staged(
    library: Path, trash: Path, what: str
) -> None:
    batch = stage(library)
    keeper = library / "k.png"
    if what == "gone":
        keeper.unlink()
    elif what == "changed":
        keeper.write_text("K")
    else:
        keeper.touch()
    told = staging.approve(library, batch, staging.approval_token(library, batch))
    assert (told.status, kit.codes(told.refused)) == (3, ["keeper_changed"] * 2)
    assert names(trash) == []


def test_a_file_changed_in_staging_stays(library: Path, trash: Path) -> None:
    batch = stage(library)
    (library / "_review_dupes" / batch / "a.yaml").write_text("edited")
    told = staging.approve(library, batch, staging.approval_token(library, batch))
    assert (kit.codes(told.refused), names(trash)) == (["conflict"], ["b.png"])


def test_a_file_that_the_trash_refuses_stays_staged_and_can_be_restored(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = stage(library)
    before = kit.read_tree(library)

    def refuse(_path: Path) -> None:
        raise OSError("no trash here")

    monkeypatch.setattr("send2trash.send2trash", refuse)
    told = staging.approve(library, batch, staging.approval_token(library, batch))
    assert (told.status, told.files, kit.codes(told.refused)) == (3, 0, ["not_discarded"] * 2)
    assert kit.read_tree(library) == before
    assert staging.restore(library).done == 2


def test_a_trash_that_only_pretends_is_found_out(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = stage(library)
    monkeypatch.setattr("send2trash.send2trash", lambda _path: None)
    told = staging.approve(library, batch, staging.approval_token(library, batch))
    assert (told.files, told.status) == (0, 3)


def test_an_approval_killed_half_way_is_counted_as_the_disk_has_it(
    library: Path, trash: Path
) -> None:
    batch = stage(library)
    token = staging.approval_token(library, batch)
    assert kit.killed_at(2, lambda: staging.approve(library, batch, token), frozenset({"trash"}))
    assert len(names(trash)) == 1
    assert staging.status(library).unfinished == 1
    told = staging.recover(library)
    assert (told.status, told.approved) == (0, 1)
    assert staging.restore(library).status == 0
    assert set(names(trash)) | set(kit.read_tree(library)) == set(FILES)


def test_what_was_kept_when_others_were_approved_goes_only_with_leave(
    library: Path, trash: Path
) -> None:
    kit.write_tree(library, {"better.png": "better"})
    batch = stage(library)
    staging.approve(library, batch, staging.approval_token(library, batch))
    plan = kit.plan_for(library, kit.rows(library, {"k": ("better.png", ["k.png"])}))
    assert kit.codes(staging.stage(plan, library).refused) == ["is_keeper"]
    (library / "k.png").rename(library / "renamed.png")
    again = kit.plan_for(library, kit.rows(library, {"k": ("better.png", ["renamed.png"])}))
    assert kit.codes(staging.stage(again, library).refused) == ["is_keeper"]
    assert staging.stage(again, library, allow_keepers=True).status == 0


def test_deleting_for_good_needs_a_second_token_and_a_day(library: Path, trash: Path) -> None:
    batch = stage(library)
    first = staging.approval_token(library, batch)
    second = staging.approval_token(library, batch, permanent=True)
    assert first != second
    with pytest.raises(staging.StagingError) as error:
        staging.approve(library, batch, first, permanent=True, permanent_token=first)
    assert error.value.status == 2
    with pytest.raises(staging.StagingError, match="24 hours") as error:
        staging.approve(library, batch, first, permanent=True, permanent_token=second)
    assert error.value.status == 3
    make_older(library, batch)
    told = staging.approve(library, batch, first, permanent=True, permanent_token=second)
    assert (told.status, told.files, names(trash)) == (0, 3, [])
    assert sorted(kit.read_tree(library)) == ["k.png"]


def make_older(library: Path, batch: str) -> None:
    """Let a batch have been staged a day and a second ago."""
    path = library / f".dedup_nb/journal/{batch}.jsonl"
    then = (datetime.now(UTC) - approval.WAIT - timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    records = parse(path.read_bytes()).records
    path.write_bytes(b"".join(encode({**record, "time": then}) for record in records))
    assert json.loads(path.read_bytes().split(b"\t")[0])["time"] == then
