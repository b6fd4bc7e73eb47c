"""Moving: what `90_stage` shows before, and does after, the button."""

import os

import pytest
from drawn import make_library, tree
from staging_kit import killed_at

from dedup_nb import staging
from dedup_nb.finders import phash
from dedup_nb.session import workbench
from dedup_nb.steps.stage import moving, taking


@pytest.fixture
def run(tmp_path):
    """A run that has proposed something."""
    values = {"library": str(make_library(tmp_path / "lib")), "roots": ["mojo1", "selected"],
              "cache_dir": str(tmp_path / "cache"), "run_dir": str(tmp_path / "outputs/lib/run")}  # fmt: skip
    finder = workbench.start("10_phash", values)
    hashes, rows = finder.hashes("phash", 64)
    pairs, _ = phash.near_pairs(hashes, 16, rows=rows)
    finder.save(finder.candidates(pairs), 8, name="max_distance")
    return workbench.start("90_stage", values)


def test_the_newest_manifest_is_found_and_told(run):
    plan = moving.open_plan(run, None)
    assert plan.path == run.folder / "10_phash/manifest.csv"
    assert "3 bundles, 5 files" in plan.describe() and "0 would be refused" in plan.describe()
    assert plan.by_folder.to_numpy().tolist()[0][:2] == ["selected", 3]


def test_a_plan_that_a_person_chose_comes_before_one_that_a_finder_proposed(run):
    proposed = run.folder / "10_phash/manifest.csv"
    chosen = run.folder / "10_phash/saved-20250705T215218Z/manifest.csv"
    chosen.parent.mkdir()
    chosen.write_bytes(proposed.read_bytes())
    os.utime(chosen, (1, 1))  # older by far
    plan = moving.open_plan(run, None)
    assert plan.path == chosen and plan.others == [proposed]
    assert str(proposed) in plan.describe()
    chosen.write_text(proposed.read_text().splitlines(keepends=True)[0])  # moves nothing
    assert moving.open_plan(run, None).path == proposed


def test_a_plan_that_is_older_than_a_decision_says_so(run):
    plan = moving.open_plan(run, None)
    assert "you decided more" not in plan.describe()
    run.live_decisions.mark("mojo1/plain.png", "0" * 64, "keep")
    assert "you decided more after this plan was written" in plan.describe()


def test_a_plan_that_was_changed_after_it_was_shown_is_not_moved(run):
    before = tree(run.library)
    confirm = moving.Confirm(run, moving.open_plan(run, None))
    whole = confirm.plan.path.read_text().splitlines(keepends=True)
    confirm.plan.path.write_text("".join(whole[:-1]))
    confirm.button.click()
    assert "has changed since it was shown" in confirm.said.value and confirm.result is None
    assert tree(run.library) == before


def test_what_stays_is_shown_beside_what_goes(run):
    views = moving.open_plan(run, None).views
    assert [[(m["role"], m["path"]) for m in view["members"]] for view in views] == [
        [("keeper", "mojo1/plain.png"), ("stage", "mojo1/plain small.png")],
        [("keeper", "mojo1/20250705_215212_stage3_enhanced.png"),
         ("stage", "selected/20250705_215212_stage3_enhanced.png"),
         ("stage", "selected/20250706_101010_stage3_enhanced.jpg")],
    ]  # fmt: skip


def test_pictures_are_shown_although_the_cache_was_lost(run):
    moving.move(run, moving.open_plan(run, None))
    staging.restore(run.library)
    shown = [
        [(m["path"], m["width"]) for m in v["members"]] for v in moving.open_plan(run, None).views
    ]
    values = run.values | {"cache_dir": str(run.folder.parent / "another cache")}
    again = workbench.start("90_stage", values)
    plan = moving.open_plan(again, None)
    assert [[(m["path"], m["width"]) for m in view["members"]] for view in plan.views] == shown
    assert all(plan.thumbnail(member["path"]) for view in plan.views for member in view["members"])
    moving.move(again, plan)
    third = workbench.start("95_approve", values | {"cache_dir": str(run.folder.parent / "third")})
    batch = moving.open_batch(third, None)
    assert all(batch.thumbnail(m["path"]) for view in batch.views for m in view["members"])


def test_looking_moves_nothing_and_refusals_say_what_to_do(run):
    (run.library / "mojo1/plain.png").write_bytes(b"changed since")
    before = tree(run.library)
    plan = moving.open_plan(run, None)
    assert plan.refusals[["bundle", "code"]].to_numpy().tolist() == [
        ["mojo1/plain small", "keeper_changed"]
    ]
    assert plan.refusals.todo[0]
    assert moving.apply(run, plan, apply=False, interactive=False) is None
    assert tree(run.library) == before


def test_the_button_names_the_count_and_stages(run, capsys):
    before = tree(run.library)
    confirm = moving.Confirm(run, moving.open_plan(run, None))
    assert confirm.button.description.startswith("Stage 3 bundles (")
    confirm.button.click()
    assert confirm.result.done == 3 and confirm.button.disabled
    assert "staged 3 bundles, 5 files" in confirm.said.value
    assert not (run.library / "mojo1/plain small.txt").exists()
    staging.restore(run.library)
    assert {p: e for p, e in tree(run.library).items() if not p.startswith(".dedup_nb")} == before


def test_without_a_manifest_it_says_what_to_run(run, tmp_path):
    (run.folder / "10_phash/manifest.csv").unlink()
    with pytest.raises(ValueError, match="run 10_phash, or set manifest"):
        moving.open_plan(run, None)
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"bad\.csv"):
        moving.open_plan(run, str(tmp_path / "bad.csv"))


@pytest.fixture
def staged(run):
    """The same run with its plan staged, and `95_approve` on it."""
    moving.move(run, moving.open_plan(run, None))
    values = {name: run.values[name] for name in ("library", "cache_dir", "run_dir")}
    return workbench.start("95_approve", values)


def test_what_is_staged_is_told_and_shown_beside_its_keepers(staged):
    assert "3 bundles, 5 files" in moving.standing(staged)
    batch = moving.open_batch(staged, None)
    assert "3 bundles, 5 files" in batch.describe()
    assert [m["role"] for view in batch.views for m in view["members"]] == [
        "keeper", "stage", "keeper", "stage", "stage",
    ]  # fmt: skip
    assert batch.thumbnail("mojo1/plain small.png")


def test_nothing_is_approved_on_a_default_path(staged, capsys):
    before = tree(staged.library)
    batch = moving.open_batch(staged, None)
    assert moving.approve(staged, batch, None, None, interactive=False) is None
    assert f"-p approve_batch {batch.batch} -p token " in capsys.readouterr().out
    for given in [(batch.batch, None), (None, "0" * 12), (batch.batch, "0" * 12)]:
        with pytest.raises(workbench.WrongInput):
            moving.approve(staged, batch, *given, interactive=False)
    with pytest.raises(workbench.WrongInput, match="batch nonsense does not exist"):
        moving.open_batch(staged, "nonsense")
    assert tree(staged.library) == before


def test_a_batch_without_a_warranty_is_refused_where_one_is_demanded(staged):
    before = tree(staged.library)
    batch = moving.open_batch(staged, None)
    assert "Warranty: none" in batch.describe()
    token = staging.approval_token(staged.library, batch.batch)
    with pytest.raises(workbench.WrongInput, match=r"has no warranty, but at most 1.00 % of its"):
        moving.approve(staged, batch, batch.batch, token, 0.01, interactive=False)
    consent = moving.approve(staged, batch, None, None, 0.01, interactive=True)
    consent.typed.value = staging.approval_phrase(staged.library, batch.batch)
    consent.approve.click()
    assert "has no warranty" in consent.said.value
    assert tree(staged.library) == before


def test_the_right_token_sends_the_batch_to_the_trash(staged, monkeypatch, tmp_path):
    binned = []

    def bin_it(path):
        binned.append(path)
        path.unlink()

    monkeypatch.setattr("send2trash.send2trash", bin_it)
    batch = moving.open_batch(staged, None)
    token = staging.approval_token(staged.library, batch.batch)
    moving.approve(staged, batch, batch.batch, token, interactive=False)
    assert len(binned) == 5
    assert moving.open_batch(staged, None).describe() == "nothing is staged"
    assert (staged.library / "mojo1/plain.png").exists()


def test_a_person_types_the_phrase_or_takes_all_back(staged):
    consent = moving.Consent(staged, moving.open_batch(staged, None))
    assert consent.approve.description == "Move 5 files to the trash"
    consent.typed.value = "yes"
    consent.approve.click()
    assert "the phrase is wrong" in consent.said.value and not consent.approve.disabled
    consent.restore.click()
    assert "restored 3 bundles, 5 files" in consent.said.value
    assert (staged.library / "mojo1/plain small.txt").exists()


def test_unfinished_work_is_sent_home_only_when_asked(run):
    before = tree(run.library)
    plan = moving.open_plan(run, None).plan
    moving.offer_recovery(run, interactive=True)  # nothing is unfinished: nothing is shown
    step = 1
    while not staging.status(run.library).unfinished:
        assert killed_at(step, lambda: staging.stage(plan, run.library, run.roots))
        step += 1
    assert moving.Recovery(run).button.description == "Move 1 unfinished bundle back"
    moving.Recovery(run).button.click()
    after = {path: entry for path, entry in tree(run.library).items() if ".dedup_nb" not in path}
    assert after == before


# ---------------------------------------------------------------- taking back


def test_what_lies_in_the_review_folder_is_shown_beside_what_was_kept(staged):
    shown = taking.TakingBack(staged)
    assert ": 3 bundles, 5 files, " in shown.batch.options[0][0]
    for part in ("mojo1/plain.png", "mojo1/plain small.png", "data:image/jpeg", "stays"):
        assert part in shown.sheet.value
    assert shown.pages.value == "groups 1 to 2 of 2"


def test_a_batch_is_taken_back_only_after_a_question(run):
    before = tree(run.library)
    confirm = moving.Confirm(run, moving.open_plan(run, None))
    shown = taking.TakingBack(run)
    taking.beside(shown, confirm)
    assert (
        shown.sheet.value.count("Nothing is staged.") == 1 and shown.box.children[0] == shown.said
    )
    confirm.button.click()
    assert "mojo1/plain small.png" in shown.sheet.value
    shown.back.click()
    assert "This moves 3 bundles, 5 files" in shown.asked.value
    assert not (run.library / "mojo1/plain small.png").exists()
    shown.no.click()
    shown.take_back()  # as if a stale click came late
    assert not (run.library / "mojo1/plain small.png").exists()
    shown.back.click()
    shown.yes.click()
    assert "restored 3 bundles, 5 files" in shown.said.value
    assert {p: e for p, e in tree(run.library).items() if not p.startswith(".dedup_nb")} == before
    confirm.button.click()  # and once more
    assert confirm.result.done == 3


def test_one_batch_of_two_is_taken_back(run):
    whole = moving.open_plan(run, None).path
    head, *rows = whole.read_text().splitlines(keepends=True)
    for part in (rows[:2], rows[2:]):
        whole.write_text("".join([head, *part]))
        moving.move(run, moving.open_plan(run, None))
    shown = taking.TakingBack(run)
    latest, first = shown.batches
    assert shown.back_all.description == "Take all 2 batches back …"
    shown.batch.value = first
    assert "plain small.png" in shown.sheet.value
    shown.back.click()
    shown.yes.click()
    assert list(taking.staged(run)) == [latest] and list(shown.batches) == [latest]
    assert (run.library / "mojo1/plain small.png").exists()


def test_pages_of_what_is_staged_are_bounded(staged, monkeypatch):
    monkeypatch.setattr(taking, "GROUPS_A_PAGE", 1)
    shown = taking.TakingBack(staged)
    assert shown.page.max == 2 and shown.pages.value == "groups 1 to 1 of 2"
    first = shown.sheet.value
    shown.page.value = 2
    assert shown.pages.value == "groups 2 to 2 of 2" and shown.sheet.value != first


def test_without_widgets_the_latest_batch_is_shown(staged, capsys):
    assert taking.look(staged, interactive=False) is None
    assert "3 bundles, 5 files" in capsys.readouterr().out
