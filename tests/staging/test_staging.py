"""Staging: what moves, what is refused and why, and everything home again."""

from __future__ import annotations

import os
import signal
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
import staging_kit as kit

from dedup_nb import staging
from dedup_nb.staging import batches, safefs

FILES = {
    "photos/keep.png": "kept",
    "photos/a.png": "a",
    "photos/a.yaml": "prompt: a",
    "photos/b.png": "b",
    "photos/c.png": "c",
    "other/untouched.txt": "not ours",
}
A = ("photos/keep.png", ["photos/a.png", "photos/a.yaml"])
B = ("photos/keep.png", ["photos/b.png"])
C = ("photos/keep.png", ["photos/c.png"])


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    kit.write_tree(folder, FILES)
    return folder


def stage(library: Path, table: list[dict[str, Any]], **choices: Any) -> staging.Result:
    return staging.stage(kit.plan_for(library, table), library, **choices)


def staged_names(library: Path) -> list[str]:
    """Files in staging, without staging folder and batch."""
    return [name.split("/", 2)[2] for name, facts in kit.read_tree(library).items()
            if name.split("/")[0] in staging.STAGING and facts != "folder"]  # fmt: skip


def refused(library: Path, table: list[dict[str, Any]], **choices: Any) -> list[str]:
    """Codes of what a plan is refused for; nothing of the library may change."""
    before = kit.read_tree(library)
    result = stage(library, table, **choices)
    assert kit.read_tree(library) == before
    assert result.status == 3
    assert all(each.todo and each.message for each in result.refused)
    return kit.codes(result.refused)


# ---------------------------------------------------------------- the straight way


def test_staging_then_restoring_leaves_the_folder_as_it_was(library: Path) -> None:
    os.setxattr(library / "photos/a.png", "user.rating", b"5")
    before = kit.read_tree(library)
    result = stage(library, kit.rows(library, {"a": A, "b": B}))
    assert (result.status, result.done, result.files, result.alone) == (0, 2, 3, 1)
    assert staged_names(library) == ["photos/a.png", "photos/a.yaml", "photos/b.png"]
    assert staging.restore(library, result.batch).status == 0
    assert kit.read_tree(library) == before


def test_a_dry_run_writes_nothing_and_refuses_what_stage_refuses(library: Path) -> None:
    table = kit.rows(library, {"a": A, "b": ("photos/a.png", ["photos/b.png"])})
    before = kit.read_tree(library)
    plan = kit.plan_for(library, table)
    assert kit.codes(staging.check(plan, library)) == ["keeper_changed"]
    assert kit.read_tree(library) == before
    assert not (library / ".dedup_nb").exists()


def test_staging_the_same_manifest_twice_changes_nothing_more(library: Path) -> None:
    table = kit.rows(library, {"a": A})
    plan = kit.plan_for(library, table)
    staging.stage(plan, library)
    after = kit.read_tree(library)
    again = staging.stage(plan, library)
    assert (again.status, again.done, again.already_staged, again.batch) == (0, 0, 1, "")
    assert kit.read_tree(library) == after


def test_a_manifest_staged_in_part_stages_the_rest(library: Path) -> None:
    table = kit.rows(library, {"a": A, "b": B})
    stage(library, [row for row in table if row["bundle"] == "a"])
    result = stage(library, table)
    assert (result.status, result.done, result.already_staged) == (0, 1, 1)


def test_more_bundles_than_one_group_of_intents(library: Path) -> None:
    kit.write_tree(library, {f"many/{n:03}.png": f"picture {n}" for n in range(150)})
    before = kit.read_tree(library)
    bundles = {str(n): ("photos/keep.png", [f"many/{n:03}.png"]) for n in range(150)}
    seen: list[tuple[int, int]] = []
    plan = kit.plan_for(library, kit.rows(library, bundles))
    result = staging.stage(plan, library, progress=lambda n, total: seen.append((n, total)))
    assert (result.status, result.done) == (0, 150)
    assert seen[-1] == (150, 150)
    assert staging.restore(library).done == 150
    assert kit.read_tree(library) == before


def test_files_keep_their_names_whatever_bytes_they_are_made_of(library: Path) -> None:
    odd = ["photos/caf\udce9.png", "photos/=SUM(1).png", 'photos/a\nb,".png', "photos/'q.png"]
    kit.write_tree(library, {name: name.encode("utf-8", "surrogateescape") for name in odd})
    before = kit.read_tree(library)
    bundles = {f"b{n}": ("photos/keep.png", [name]) for n, name in enumerate(odd)}
    result = stage(library, kit.rows(library, bundles))
    assert (result.status, result.done) == (0, 4)
    staging.restore(library)
    assert kit.read_tree(library) == before


def test_read_only_files_move_and_keep_their_mode(library: Path) -> None:
    (library / "photos/b.png").chmod(0o400)
    stage(library, kit.rows(library, {"b": B}))
    [staged] = library.glob("_review_dupes/*/photos/b.png")
    assert stat.S_IMODE(staged.stat().st_mode) == 0o400


def test_only_folders_that_staging_made_are_removed(library: Path) -> None:
    batch = stage(library, kit.rows(library, {"a": A})).batch
    strangers = library / "_review_dupes" / batch / "mine"
    strangers.mkdir()
    staging.restore(library)
    assert kit.read_tree(library)[f"_review_dupes/{batch}/mine"] == "folder"
    assert not (library / "_review_dupes" / batch / "photos").exists()


def test_a_staging_folder_that_was_there_before_stays(library: Path) -> None:
    (library / "_review_dupes").mkdir()
    before = kit.read_tree(library)
    stage(library, kit.rows(library, {"a": A}))
    staging.restore(library)
    assert kit.read_tree(library) == before


# ---------------------------------------------------------------- bundles


def test_a_bundle_with_a_missing_row_is_refused_and_the_others_go_on(library: Path) -> None:
    table = kit.rows(library, {"a": A, "b": B})
    result = stage(library, [row for row in table if row["src"] != "photos/a.yaml"])
    assert (result.status, kit.codes(result.refused)) == (3, ["incomplete_bundle"])
    assert staged_names(library) == ["photos/b.png"]


def test_a_companion_that_appeared_after_the_report_makes_it_stale(library: Path) -> None:
    plan = kit.plan_for(library, kit.rows(library, {"a": A}))
    (library / "photos/a.txt").write_text("new")
    result = staging.stage(plan, library)
    assert kit.codes(result.refused) == ["stale"]


@pytest.mark.parametrize("change", ["content", "mtime", "gone"])
def test_a_file_changed_after_the_report_makes_its_bundle_stale(library: Path, change: str) -> None:
    table = kit.rows(library, {"a": A})
    path = library / "photos/a.yaml"
    status = path.stat()
    if change == "gone":
        path.unlink()
    elif change == "content":  # same size, same time
        path.write_text("PROMPT: a")
        os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))
    else:
        os.utime(path, ns=(0, status.st_mtime_ns + 1))
    assert refused(library, table) == ["stale"]


def test_two_images_of_one_stem_move_only_together(library: Path) -> None:
    kit.write_tree(library, {"photos/a.jpg": "the same as jpeg"})
    one = kit.rows(library, {"a": A})
    assert refused(library, one) == ["incomplete_bundle"]
    both = [*one, kit.row(library, "a", "photos/a.jpg", "photos/keep.png")]
    assert stage(library, both).status == 0


def test_two_images_of_one_stem_stay_if_one_is_a_keeper(library: Path) -> None:
    kit.write_tree(library, {"photos/a.jpg": "the same as jpeg"})
    table = kit.rows(library, {"a": ("photos/keep.png", ["photos/a.png", "photos/a.yaml", "photos/a.jpg"]),
                               "b": ("photos/a.jpg", ["photos/b.png"])})  # fmt: skip
    assert sorted(refused(library, table)) == ["is_keeper", "keeper_changed"]


@pytest.mark.parametrize(
    "twin", ["photos/A.yaml", "photos/A.PNG", "photos/a.png.XMP", "photos/A.png.xmp"]
)
def test_names_that_differ_only_in_case_block_the_bundle(library: Path, twin: str) -> None:
    kit.write_tree(library, {twin: "whose?"})
    expected = "ambiguous_name" if twin != "photos/a.png.XMP" else "incomplete_bundle"
    assert refused(library, kit.rows(library, {"a": A})) == [expected]


def test_names_that_differ_only_in_unicode_form_block_the_bundle(library: Path) -> None:
    kit.write_tree(library, {"photos/caf\u00e9.png": "x", "photos/cafe\u0301.yaml": "y"})
    table = kit.rows(library, {"c": ("photos/keep.png", ["photos/caf\u00e9.png"])})
    assert refused(library, table) == ["ambiguous_name"]


def make_symlink(path: Path) -> None:
    path.symlink_to("keep.png")


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_folder(path: Path) -> None:
    path.mkdir()


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(path.parent)  # the path of a socket is short
        try:
            made.bind(path.name)
        finally:
            os.chdir(here)


@pytest.mark.parametrize("make", [make_symlink, make_fifo, make_folder, make_socket])
def test_only_regular_files_move(library: Path, make: Any) -> None:
    table = kit.rows(library, {"a": A})
    (library / "photos/a.yaml").unlink()
    make(library / "photos/a.yaml")
    result = stage(library, table)
    assert kit.codes(result.refused) == ["not_regular"]
    assert staged_names(library) == []


@pytest.mark.parametrize("make", [make_symlink, make_fifo, make_folder])
def test_what_is_no_file_but_has_an_images_name_blocks_the_bundle(library: Path, make: Any) -> None:
    table = kit.rows(library, {"a": A})
    make(library / "photos/a.xmp")
    result = stage(library, table)
    assert kit.codes(result.refused) == ["not_regular"]


def test_an_image_without_companions_is_counted_or_refused(library: Path) -> None:
    table = kit.rows(library, {"b": B})
    assert refused(library, table, strict_companions=True) == ["no_companions"]
    assert stage(library, table).alone == 1


def test_a_file_that_belongs_to_no_image_of_its_bundle_is_refused(library: Path) -> None:
    table = kit.rows(library, {"a": ("photos/keep.png", [*A[1], "other/untouched.txt"])})
    assert refused(library, table) == ["not_a_member"]


def test_the_macos_double_of_an_image_travels_with_it(library: Path) -> None:
    # `._b.yaml` has the stem of `._b.png`; were that taken for an image, it would be missed.
    kit.write_tree(library, {"photos/._b.png": "attributes", "photos/._b.yaml": "of another"})
    assert refused(library, kit.rows(library, {"b": B})) == ["incomplete_bundle"]
    table = kit.rows(library, {"b": ("photos/keep.png", ["photos/b.png", "photos/._b.png"])})
    assert stage(library, table).status == 0


def test_a_bundle_of_a_whole_set_fails_as_a_whole(library: Path) -> None:
    table = kit.rows(library, {"set": ("photos/keep.png", ["photos/b.png", "photos/c.png"])})
    (library / "photos/c.png").write_text("edited")
    assert refused(library, table) == ["stale"]


# ---------------------------------------------------------------- shared sidecars


SERIES = {"s/x_stage1.png": "1", "s/x_stage2.png": "2", "s/x.decision": "keep"}


def series(library: Path, images: list[str], own_bundle: bool) -> list[dict[str, Any]]:
    kit.write_tree(library, SERIES)
    table = [kit.row(library, "set", name, "photos/keep.png") for name in images]
    sidecar = kit.row(library, "shared" if own_bundle else "set", "s/x.decision", "")
    return [kit.covering(sidecar, "s/x_stage1.png", "s/x_stage2.png"), *table]


@pytest.mark.parametrize("own_bundle", [True, False])
def test_a_shared_sidecar_goes_last_with_all_that_it_covers_and_returns_first(
    library: Path, own_bundle: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = series(library, ["s/x_stage1.png", "s/x_stage2.png"], own_bundle)
    before = kit.read_tree(library)
    order: list[str] = []
    rename = safefs.rename_exclusive
    monkeypatch.setattr(
        safefs, "rename_exclusive", lambda a, b: (order.append(a.name), rename(a, b))
    )
    assert stage(library, table).status == 0
    assert order == ["x_stage1.png", "x_stage2.png", "x.decision"]
    order.clear()
    staging.restore(library, bundle="set")
    assert order[0] == "x.decision"
    assert kit.read_tree(library) == before


@pytest.mark.parametrize("own_bundle", [True, False])
def test_a_shared_sidecar_stays_while_one_of_its_images_stays(
    library: Path, own_bundle: bool
) -> None:
    table = series(library, ["s/x_stage1.png"], own_bundle)
    result = stage(library, table)
    assert kit.codes(result.refused) == ["shared_stays"]
    assert (library / "s/x.decision").exists()


def test_a_shared_sidecar_that_is_not_planned_stays(library: Path) -> None:
    table = series(library, ["s/x_stage1.png", "s/x_stage2.png"], True)[1:]
    assert stage(library, table).status == 0
    assert (library / "s/x.decision").exists()


def test_an_image_cannot_pass_as_a_shared_sidecar(library: Path) -> None:
    kit.write_tree(library, {"photos/b_2.png": "TEPT"})  # named like something that b covers
    gone = kit.row(library, "b_2", "photos/b_2.png", "photos/keep.png")
    trick = kit.covering(kit.row(library, "t", "photos/b.png", ""), "photos/b_2.png")
    result = stage(library, [gone, trick])
    assert kit.codes(result.refused) == ["shared_stays"]
    assert (library / "photos/b.png").exists()


def test_a_companion_of_an_image_that_stays_cannot_pass_as_shared(library: Path) -> None:
    kit.write_tree(library, {"photos/b.yaml": "of b", "photos/b_2.png": "TEPT"})
    gone = kit.row(library, "b_2", "photos/b_2.png", "photos/keep.png")
    trick = kit.covering(kit.row(library, "t", "photos/b.yaml", ""), "photos/b_2.png")
    result = stage(library, [gone, trick])
    assert kit.codes(result.refused) == ["shared_stays"]


# ---------------------------------------------------------------- survivors


@pytest.mark.parametrize("what", ["gone", "changed", "symlink", "folder"])
def test_without_its_keeper_as_planned_nothing_is_staged(library: Path, what: str) -> None:
    table = kit.rows(library, {"a": A})
    keeper = library / "photos/keep.png"
    if what == "changed":
        keeper.write_text("TEPT")
    else:
        keeper.unlink()
    if what == "symlink":
        keeper.symlink_to("c.png")
    elif what == "folder":
        keeper.mkdir()
    assert refused(library, table) == ["keeper_changed"]


def test_a_keeper_that_the_same_plan_condemns_is_none(library: Path) -> None:
    table = kit.rows(library, {"b": ("photos/c.png", ["photos/b.png"]), "c": C})
    result = stage(library, table)
    assert kit.codes(result.refused) == ["keeper_changed"]
    assert staged_names(library) == ["photos/c.png"]


def test_two_files_cannot_be_each_others_keepers(library: Path) -> None:
    table = kit.rows(library, {"b": ("photos/c.png", ["photos/b.png"]),
                               "c": ("photos/b.png", ["photos/c.png"])})  # fmt: skip
    assert refused(library, table) == ["keeper_changed", "keeper_changed"]


def test_a_file_cannot_be_its_own_keeper(library: Path) -> None:
    table = kit.rows(library, {"b": ("photos/b.png", ["photos/b.png"])})
    assert refused(library, table) == ["keeper_changed"]


def test_a_staged_file_is_no_keeper_for_a_second_plan(library: Path) -> None:
    table = kit.rows(library, {"b": ("photos/c.png", ["photos/b.png"])})
    copy = library / "photos/c.png"
    stage(library, kit.rows(library, {"c": C}))
    copy.write_text("c")  # something stands there again, but what was there is staged
    assert refused(library, table) == ["keeper_changed"]


def test_a_keeper_of_something_staged_is_never_staged(library: Path) -> None:
    stage(library, kit.rows(library, {"b": ("photos/c.png", ["photos/b.png"])}))
    assert refused(library, kit.rows(library, {"c": C}), allow_keepers=True) == ["is_keeper"]
    staging.restore(library)
    assert stage(library, kit.rows(library, {"c": C})).status == 0


def test_a_keeper_that_was_edited_since_is_still_never_staged(library: Path) -> None:
    stage(library, kit.rows(library, {"b": ("photos/c.png", ["photos/b.png"])}))
    (library / "photos/c.png").write_text("edited")
    assert refused(library, kit.rows(library, {"c": C})) == ["is_keeper"]


def test_a_renamed_keeper_is_known_by_its_content(library: Path) -> None:
    stage(library, kit.rows(library, {"b": ("photos/c.png", ["photos/b.png"])}))
    (library / "photos/c.png").rename(library / "photos/d.png")
    table = kit.rows(library, {"d": ("photos/keep.png", ["photos/d.png"])})
    assert refused(library, table) == ["is_keeper"]


def test_a_second_copy_of_a_keeper_may_go_while_the_keeper_stays(library: Path) -> None:
    kit.write_tree(library, {"photos/c2.png": "c"})
    stage(library, kit.rows(library, {"b": ("photos/c.png", ["photos/b.png"])}))
    table = kit.rows(library, {"c2": ("photos/c.png", ["photos/c2.png"])})
    assert stage(library, table).status == 0


def test_a_hard_link_of_the_keeper_moves_and_is_told_to_free_nothing(library: Path) -> None:
    os.link(library / "photos/keep.png", library / "photos/link.png")
    before = kit.read_tree(library)
    table = kit.rows(library, {"l": ("photos/keep.png", ["photos/link.png"])})
    result = stage(library, table)
    assert (result.status, result.frees_nothing) == (0, ["photos/link.png"])
    staging.restore(library)
    assert kit.read_tree(library) == before


@pytest.mark.parametrize("staging_folder", ["_review_dupes", "delete_review"])
def test_only_clusters_take_rows_without_a_keeper(library: Path, staging_folder: str) -> None:
    table = [kit.row(library, "b", "photos/b.png", "", dst=f"{staging_folder}/photos/b.png")]
    assert refused(library, table) == ["no_keeper"]


@pytest.mark.parametrize("dst", ["_clusters/photos/b.png", "_clusters/group_0001/photos/b.png"])
def test_clusters_move_without_keepers_and_come_home(library: Path, dst: str) -> None:
    before = kit.read_tree(library)
    table = [kit.row(library, "b", "photos/b.png", "", dst=dst, group="group_0001")]
    result = stage(library, table)
    assert (library / f"_clusters/{result.batch}/group_0001/photos/b.png").exists()
    with pytest.raises(staging.StagingError, match="can never be approved"):
        staging.approval_token(library, result.batch)
    staging.restore(library)
    assert kit.read_tree(library) == before


def test_a_keeper_swapped_between_check_and_move_stops_the_bundle(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = kit.rows(library, {"a": A})
    before_intents(monkeypatch, lambda: (library / "photos/keep.png").write_text("KEPT"))
    result = stage(library, table)
    assert kit.codes(result.refused) == ["keeper_changed"]
    assert staged_names(library) == []


# ---------------------------------------------------------------- swaps between check and move


def before_intents(monkeypatch: pytest.MonkeyPatch, act: Any) -> None:
    """Do something once a group was examined, before its first move."""
    prepare = batches.BatchRun._prepare

    def prepared(self: Any, *arguments: Any) -> Any:
        moving = prepare(self, *arguments)
        act()
        return moving

    monkeypatch.setattr(batches.BatchRun, "_prepare", prepared)


def before_rename(monkeypatch: pytest.MonkeyPatch, act: Any) -> None:
    """Do something in the last moment before the first rename."""
    rename = safefs.rename_exclusive
    waiting = [act]

    def renamed(source: safefs.Spot, target: safefs.Spot) -> None:
        if waiting:
            waiting.pop()()
        rename(source, target)

    monkeypatch.setattr(safefs, "rename_exclusive", renamed)


def replace(path: Path, content: str) -> None:
    """Put another file in its place, of the same size and time."""
    status = path.stat()
    path.unlink()
    path.write_text(content)
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))


def rewrite(path: Path, content: str) -> None:
    """Write into the same file and put its time back."""
    status = path.stat()
    path.write_text(content)
    os.utime(path, ns=(status.st_mtime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("when", [before_intents, before_rename])
def test_a_source_swapped_before_its_move_stays_where_it_is(
    library: Path, monkeypatch: pytest.MonkeyPatch, when: Any
) -> None:
    table = kit.rows(library, {"a": A})
    when(monkeypatch, lambda: replace(library / "photos/a.png", "A"))
    result = stage(library, table)
    assert kit.codes(result.refused) == ["swapped"]
    assert (library / "photos/a.png").read_text() == "A"
    assert (library / "photos/a.yaml").read_text() == "prompt: a"
    assert staged_names(library) == []


def test_a_source_rewritten_in_place_before_its_move_stays(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = kit.rows(library, {"a": A})
    before_intents(monkeypatch, lambda: rewrite(library / "photos/a.png", "A"))
    assert kit.codes(stage(library, table).refused) == ["swapped"]
    assert staged_names(library) == []


@pytest.mark.parametrize("into", ["folder", "symlink"])
def test_a_source_folder_swapped_before_the_move_loses_nothing(
    library: Path, monkeypatch: pytest.MonkeyPatch, into: str, tmp_path: Path
) -> None:
    table = kit.rows(library, {"a": A})

    def swap() -> None:
        (library / "photos").rename(tmp_path / "away")
        if into == "symlink":
            (library / "photos").symlink_to(tmp_path / "away")
        else:
            kit.write_tree(library, {"photos/a.png": "A", "photos/a.yaml": "another"})

    before_intents(monkeypatch, swap)
    result = stage(library, table)
    assert (result.status, result.done) == (3, 0)
    assert (tmp_path / "away/a.png").read_text() == "a"
    assert (tmp_path / "away/a.yaml").read_text() == "prompt: a"
    assert staged_names(library) == []


@pytest.mark.parametrize("when", [before_intents, before_rename])
def test_a_destination_folder_swapped_for_a_link_takes_nothing_outside(
    library: Path, monkeypatch: pytest.MonkeyPatch, when: Any, tmp_path: Path
) -> None:
    table = kit.rows(library, {"a": A})
    before = kit.read_tree(library)

    def swap() -> None:
        [batch] = (library / "_review_dupes").iterdir()
        batch.rename(tmp_path / "elsewhere")
        (tmp_path / "outside").mkdir()
        batch.symlink_to(tmp_path / "outside")

    when(monkeypatch, swap)
    result = stage(library, table)
    assert (result.status, result.done) == (3, 0)
    assert list((tmp_path / "outside").iterdir()) == []
    now = kit.read_tree(library)
    assert {name: now[name] for name in before} == before


@pytest.mark.parametrize("when", [before_intents, before_rename])
def test_a_destination_that_appears_is_never_overwritten(
    library: Path, monkeypatch: pytest.MonkeyPatch, when: Any
) -> None:
    table = kit.rows(library, {"a": A})

    def appear() -> None:
        [batch] = (library / "_review_dupes").iterdir()
        (batch / "photos/a.png").write_text("a stranger's")

    when(monkeypatch, appear)
    result = stage(library, table)
    assert kit.codes(result.refused)[0] in ("dst_exists", "conflict")
    [stranger] = library.glob("_review_dupes/*/photos/a.png")
    assert stranger.read_text() == "a stranger's"
    assert (library / "photos/a.png").read_text() == "a"
    assert (library / "photos/a.yaml").read_text() == "prompt: a"


@pytest.mark.parametrize("shape", ["file", "symlink"])
def test_a_staging_folder_that_is_no_folder_refuses(
    library: Path, shape: str, tmp_path: Path
) -> None:
    table = kit.rows(library, {"a": A})
    (tmp_path / "outside").mkdir()
    if shape == "file":
        (library / "_review_dupes").write_text("mine")
    else:
        (library / "_review_dupes").symlink_to(tmp_path / "outside")
    before = kit.facts(library / "photos/a.png")
    assert kit.codes(stage(library, table).refused) == ["dst_exists"]
    assert kit.facts(library / "photos/a.png") == before
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_private_folder_that_leads_elsewhere_stops_everything(
    library: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (library / ".dedup_nb").symlink_to(tmp_path / "outside")
    with pytest.raises(staging.StagingError, match="cannot be used"):
        stage(library, kit.rows(library, {"a": A}))
    assert list((tmp_path / "outside").iterdir()) == []


# ---------------------------------------------------------------- restore


def test_restore_by_group_bundle_and_file(library: Path) -> None:
    table = kit.rows(library, {"a": A, "b": B, "c": C})
    stage(library, table)
    assert staging.restore(library, group="group of b").done == 1
    assert staging.restore(library, bundle="c").done == 1
    assert staged_names(library) == ["photos/a.png", "photos/a.yaml"]
    told = staging.restore(library, file="photos/a.yaml")  # its bundle comes with it
    assert (told.done, told.files) == (1, 2)
    with pytest.raises(staging.StagingError) as error:
        staging.restore(library, bundle="nothing of that name")
    assert error.value.status == 2


@pytest.mark.parametrize("taken", ["file", "folder"])
def test_a_home_that_is_taken_keeps_the_bundle_staged_whole(library: Path, taken: str) -> None:
    stage(library, kit.rows(library, {"a": A, "b": B}))
    home = library / "photos/a.yaml"
    home.mkdir() if taken == "folder" else home.write_text("new")
    told = staging.restore(library)
    assert (told.status, kit.codes(told.refused), told.done) == (3, ["conflict"], 1)
    assert staged_names(library) == ["photos/a.png", "photos/a.yaml"]
    home.rmdir() if taken == "folder" else home.unlink()
    assert staging.restore(library).status == 0
    assert staged_names(library) == []


def test_a_file_changed_in_staging_keeps_the_bundle_staged(library: Path) -> None:
    stage(library, kit.rows(library, {"a": A}))
    [staged] = library.glob("_review_dupes/*/photos/a.png")
    staged.write_text("edited")
    told = staging.restore(library)
    assert (told.status, kit.codes(told.refused)) == (3, ["conflict"])
    assert staged.read_text() == "edited"
    assert not (library / "photos/a.yaml").exists()


def test_a_home_taken_in_the_last_moment_keeps_the_bundle_staged_whole(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage(library, kit.rows(library, {"a": A}))
    rename = safefs.rename_exclusive

    def renamed(source: safefs.Spot, target: safefs.Spot) -> None:
        if target.name == "a.png" and not (library / "photos/a.png").exists():
            (library / "photos/a.png").write_text("new")
        rename(source, target)

    monkeypatch.setattr(safefs, "rename_exclusive", renamed)
    told = staging.restore(library)
    assert kit.codes(told.refused) == ["conflict"]
    assert staged_names(library) == ["photos/a.png", "photos/a.yaml"]
    assert (library / "photos/a.png").read_text() == "new"


def test_restore_makes_home_folders_that_are_missing(library: Path) -> None:
    kit.write_tree(library, {"deep/er/x.png": "x"})
    table = kit.rows(library, {"x": ("photos/keep.png", ["deep/er/x.png"])})
    before = kit.read_tree(library)
    stage(library, table)
    (library / "deep/er").rmdir()
    (library / "deep").rmdir()
    assert staging.restore(library).status == 0
    assert kit.read_tree(library) == before


def test_what_people_did_by_hand_is_a_fact_and_the_rest_comes_home(library: Path) -> None:
    batch = stage(library, kit.rows(library, {"a": A, "b": B})).batch
    place = library / "_review_dupes" / batch / "photos"
    (place / "a.png").unlink()
    (place / "b.png").rename(library / "photos/b.png")
    [told] = staging.status(library).batches
    assert told.gone_by_hand == [f"_review_dupes/{batch}/photos/a.png"]
    assert told.home_by_hand == ["photos/b.png"]
    assert (told.files, told.unfinished, told.conflicts) == (1, [], [])
    restored = staging.restore(library)
    assert (restored.status, restored.home_by_hand, len(restored.gone_by_hand)) == (0, 1, 1)
    assert (library / "photos/a.yaml").exists()
    assert staging.restore(library).status == 0


def test_a_library_moved_elsewhere_restores_just_the_same(library: Path) -> None:
    before = kit.read_tree(library)
    stage(library, kit.rows(library, {"a": A}))
    moved = library.with_name("moved")
    library.rename(moved)
    assert staging.restore(moved).status == 0
    assert kit.read_tree(moved) == before


def test_the_newest_batch_comes_home_first(library: Path) -> None:
    made = [stage(library, kit.rows(library, {name: bundle})).batch
            for name, bundle in {"a": A, "b": B, "c": C}.items()]  # fmt: skip
    assert made == sorted(made)


# ---------------------------------------------------------------- a copy where nothing else works


def test_another_file_system_needs_leave_to_copy(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.setxattr(library / "photos/a.png", "user.rating", b"5")
    before = kit.read_tree(library)
    table = kit.rows(library, {"a": A})
    kit.other_file_system(monkeypatch)
    assert refused(library, table) == ["needs_copy"]
    result = stage(library, table, allow_copy=True)
    assert (result.status, result.copied) == (0, 2)
    assert staging.restore(library).status == 0
    assert kit.read_tree(library) == before


def test_metadata_that_a_copy_loses_is_told(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.setxattr(library / "photos/b.png", "user.rating", b"5")
    table = kit.rows(library, {"b": B})
    kit.other_file_system(monkeypatch)

    def refuse(*_: Any) -> None:
        raise OSError(95, "not supported")

    monkeypatch.setattr(os, "setxattr", refuse)
    assert stage(library, table, allow_copy=True).metadata_lost == ["photos/b.png: user.rating"]


def test_a_source_that_changes_while_it_is_copied_stays(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = kit.rows(library, {"b": B})
    kit.other_file_system(monkeypatch)
    copy = safefs._copy_metadata

    def copied(*arguments: Any) -> Any:
        rewrite(library / "photos/b.png", "B")
        os.utime(library / "photos/b.png")
        return copy(*arguments)

    monkeypatch.setattr(safefs, "_copy_metadata", copied)
    result = stage(library, table, allow_copy=True)
    assert kit.codes(result.refused) == ["swapped"]
    assert (library / "photos/b.png").read_text() == "B"
    assert staged_names(library) == []


def test_a_copy_that_reads_back_differently_is_not_published(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = kit.rows(library, {"b": B})
    kit.other_file_system(monkeypatch)
    monkeypatch.setattr(safefs, "write_all", lambda fd, data: os.write(fd, b"?" * len(data)))
    plan = kit.plan_for(library, table)
    result = staging.stage(plan, library, allow_copy=True)
    assert kit.codes(result.refused) == ["swapped"]
    assert (library / "photos/b.png").read_text() == "b"
    assert staged_names(library) == []


# ---------------------------------------------------------------- stop, lock, roots


def test_an_interrupt_stops_between_bundles_and_the_handler_is_put_back(library: Path) -> None:
    handler = signal.getsignal(signal.SIGINT)
    kit.write_tree(library, {f"many/{n:03}.png": f"picture {n}" for n in range(150)})
    bundles = {str(n): ("photos/keep.png", [f"many/{n:03}.png"]) for n in range(150)}
    plan = kit.plan_for(library, kit.rows(library, bundles))

    def interrupt(n: int, _total: int) -> None:
        if n == 1:
            os.kill(os.getpid(), signal.SIGINT)

    result = staging.stage(plan, library, progress=interrupt)
    assert result.interrupted
    assert 0 < result.done < 150
    assert (result.status, result.left) == (3, 150 - result.done)
    assert signal.getsignal(signal.SIGINT) is handler
    assert staging.stage(plan, library).status == 0  # running the cell again does the rest


def test_an_interrupt_in_the_middle_of_a_group_sends_the_rest_home(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = kit.rows(library, {"a": A, "b": B, "c": C})
    before_rename(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGINT))
    result = stage(library, table)
    assert (result.done, result.interrupted, result.status) == (1, True, 3)
    assert staged_names(library) == ["photos/a.png", "photos/a.yaml"]
    assert staging.recover(library).aborted == 0  # nothing was left open


def test_a_second_batch_is_told_at_once_that_the_library_is_locked(library: Path) -> None:
    plan = kit.plan_for(library, kit.rows(library, {"a": A, "b": B}))
    found: list[int] = []

    def second(_n: int, _total: int) -> None:
        for command in (lambda: staging.stage(plan, library), lambda: staging.restore(library),
                        lambda: staging.recover(library), lambda: staging.flag(library, ["photos"])):  # fmt: skip
            with pytest.raises(staging.Locked) as error:
                command()
            found.append(error.value.status)

    assert staging.stage(plan, library, progress=second).status == 0
    assert found == [4] * 8


@pytest.mark.parametrize("roots", [["photos", "photos/day"], [".", "photos"], ["nowhere"], [".."], ["/etc"], ["_review_dupes"]])  # fmt: skip
def test_roots_that_are_nested_missing_outside_or_staging_are_wrong(
    library: Path, roots: list[str]
) -> None:
    (library / "photos/day").mkdir()
    (library / "_review_dupes").mkdir()
    with pytest.raises(staging.StagingError) as error:
        stage(library, kit.rows(library, {"a": A}), roots=roots)
    assert error.value.status == 2


def test_sources_and_keepers_lie_inside_the_roots(library: Path) -> None:
    table = kit.rows(library, {"a": A})
    assert refused(library, table, roots=["other"]) == ["outside_roots"]
    kit.write_tree(library, {"other/k.png": "k"})
    table = kit.rows(library, {"b": ("other/k.png", ["photos/b.png"])})
    assert refused(library, table, roots=["photos"]) == ["outside_roots"]
