"""Staging: what a manifest claims is looked up, and never taken for granted."""

import os
import subprocess
import sys

import pytest
import staging_kit as kit

from dedup_nb import cli, staging
from dedup_nb.staging.examine import Examiner

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def library(tmp_path):
    folder = tmp_path / "lib"
    files = {
        "h/keep.png": PNG + b"k",
        "h/a.png": PNG + b"a",
        "h/b.png": PNG + b"b",
        "diary.txt": "mine",
    }
    kit.write_tree(folder, files)
    return folder


def stage(library, table):
    return staging.stage(kit.plan_for(library, table), library)


def test_a_cluster_of_two_folders_is_refused_for_no_journal_could_bring_it_home(library):
    before = kit.read_tree(library)
    row = kit.row(library, "c", "h/a.png", "", dst="_clusters/h/a.png", group="one/two")
    told = stage(library, [row])
    assert kit.codes(told.refused) == ["bad_dst"]
    assert staging.status(library).batches == [] and kit.read_tree(library) == before


def test_a_file_of_one_cluster_comes_home_again(library):
    before = kit.read_tree(library)
    row = kit.row(library, "c", "h/a.png", "", dst="_clusters/h/a.png", group="one")
    assert stage(library, [row]).status == 0
    assert staging.restore(library).status == 0
    assert kit.read_tree(library) == before


@pytest.mark.parametrize("name", ["diary.txt", "h/other.txt", "h/a2.txt", "h/x/a.decision"])
def test_a_file_that_only_claims_to_be_a_sidecar_stays(library, name):
    kit.write_tree(library, {name: "the only copy"})
    claim = kit.covering(kit.row(library, "d", name, ""), "h/a.png")
    told = stage(library, [claim, kit.row(library, "a", "h/a.png", "h/keep.png")])
    assert kit.codes(told.refused) == ["shared_stays"]
    assert (library / name).exists() and told.done == 1


def test_an_own_companion_is_not_parted_by_calling_it_shared(library):
    kit.write_tree(library, {"h/a.txt": "of a"})
    claim = kit.covering(kit.row(library, "t", "h/a.txt", ""), "h/a.png", "h/b.png")  # b stays
    told = stage(library, [kit.row(library, "a", "h/a.png", "h/keep.png"), claim])
    assert set(kit.codes(told.refused)) == {"incomplete_bundle", "shared_stays"}
    assert (library / "h/a.png").exists() and (library / "h/a.txt").exists()


def test_a_decision_stays_while_an_image_of_its_series_stays_whatever_the_plan_covers(library):
    first, second = "h/20250101_000000_stage1.png", "h/20250101_000040_stage2.png"
    kit.write_tree(
        library, {first: PNG + b"1", second: PNG + b"2", "h/20250101_000000.decision": "yes"}
    )
    claim = kit.covering(kit.row(library, "d", "h/20250101_000000.decision", ""), first)
    one = kit.row(library, "1", first, "h/keep.png")
    told = stage(library, [one, claim])
    assert kit.codes(told.refused) == ["shared_stays"] and second in told.refused[0].message
    staging.restore(library)
    both = [one, kit.row(library, "2", second, "h/keep.png"), claim]
    assert stage(library, both).status == 0


def test_a_plan_cut_short_before_its_sidecar_is_finished_by_staging_it_again(library):
    kit.write_tree(library, {"h/c_1.png": PNG + b"1", "h/c.decision": "yes"})
    image = kit.row(library, "1", "h/c_1.png", "h/keep.png")
    plan = [image, kit.covering(kit.row(library, "d", "h/c.decision", ""), "h/c_1.png")]
    step = 1
    while (library / "h/c_1.png").exists():
        assert kit.killed_at(step, lambda: stage(library, plan))
        staging.recover(library)
        step += 1
    assert (library / "h/c.decision").exists()  # killed between the two
    told = stage(library, plan)
    assert told.refused == [] and told.status == 0
    assert not (library / "h/c.decision").exists()
    staging.restore(library)
    assert (library / "h/c.decision").exists() and (library / "h/c_1.png").exists()


@pytest.mark.parametrize("moment", ["recheck", "newcomers"])  # before its move, and after it
def test_a_companion_that_comes_meanwhile_is_not_left_behind(library, monkeypatch, moment):
    real = getattr(Examiner, moment)

    def late(examiner, asked):
        (library / "h/a.json").write_text("new")
        return real(examiner, asked)

    monkeypatch.setattr(Examiner, moment, late)
    told = stage(library, [kit.row(library, "a", "h/a.png", "h/keep.png")])
    assert kit.codes(told.refused) == ["stale"] and "h/a.json" in told.refused[0].message
    assert (library / "h/a.png").exists()


def test_a_library_without_a_name_is_not_the_current_folder(library, monkeypatch, capsys):
    monkeypatch.chdir(library)
    assert cli.main(["restore", "--library", ""]) == 2
    assert "path is empty" in capsys.readouterr().err


def test_a_pipe_for_a_manifest_is_refused_and_not_waited_for(library, capsys):
    pipe = library.with_name("pipe.csv")
    os.mkfifo(pipe)
    assert cli.main(["stage", str(pipe), "--library", str(library)]) == 2
    assert "not a regular file" in capsys.readouterr().err


def test_a_run_json_of_nonsense_is_one_sentence(library, capsys):
    manifest = kit.write_manifest(library.with_name("manifest.csv"), [])
    manifest.with_name("run.json").write_text("[" * 100_000)
    assert cli.main(["stage", str(manifest)]) == 2
    assert "does not name a library" in capsys.readouterr().err


def test_no_flag_is_made_beside_a_link(library):
    (library / "h/link.png").symlink_to("a.png")
    staging.flag(library, ["h"])
    assert (library / "h/a.cropped").exists() and not (library / "h/link.cropped").exists()


def test_an_interrupt_before_anything_moves_is_no_traceback(library):
    code = (
        "import sys; from dedup_nb import cli, staging\n"
        "def stop(*_): raise KeyboardInterrupt\n"
        "staging.status = stop\n"
        f"sys.exit(cli.main(['status', '--library', {str(library)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (130, False)
