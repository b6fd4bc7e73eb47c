"""`80_review`: a plan is looked at before it is written, and every decision can be revoked."""

import shutil
from pathlib import Path

import nbconvert
import papermill
import pytest
from commands import dedup_nb
from drawn import make_library, tree
from test_workbench import candidates, start

from dedup_nb.groups.decisions import Decisions
from dedup_nb.library import tables
from dedup_nb.library.yaml_files import read_flat
from dedup_nb.session import notebooks, preflight
from dedup_nb.steps.review import merging, reviewing, telling

PLAIN = ["mojo1/plain small.png", "mojo1/plain.png"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A library, and a headless run of two finders and of the review of both."""
    folder = tmp_path_factory.mktemp("world")
    library = make_library(folder / "lib")
    profile = folder / "params/mine.yaml"
    profile.parent.mkdir()
    profile.write_text(
        f"library: ../lib\nroots: [mojo1, selected]\ncache_dir: {folder / 'cache'}\n"
        "80_review:\n  include: all\n  inputs: [10_phash, 20_time_window]\n"
    )
    before = tree(library)
    only = [
        word for name in ("10_phash", "20_time_window", "80_review") for word in ("--only", name)
    ]
    done = dedup_nb("run", profile, *only)
    assert done.returncode == 0, done.stderr
    assert tree(library) == before
    return folder, profile, Path(done.stdout.splitlines()[-1])


def test_it_never_runs_unless_it_is_named():
    assert "80_review" not in preflight.choose() and preflight.choose(["80_review"]) == [
        "80_review"
    ]


def test_a_headless_review_leaves_a_plan_that_is_staged_and_restored(world):
    folder, _, run = world
    review = run / "80_review"
    staged = {r["path"] for r in tables.read_csv(review / "groups.csv") if r["role"] == "stage"}
    assert staged == {
        r["path"] for r in tables.read_csv(run / "10_phash/groups.csv") if r["role"] == "stage"
    }
    assert (review / "agreement.csv").exists() and (review / "unusable.csv").exists()
    text = (review / "notebook.ipynb").read_text()
    assert "data:image/jpeg" in text and "widget-view+json" not in text
    assert "80_review/report.html" in (run / "index.html").read_text()
    before = tree(folder / "lib")
    assert dedup_nb("stage", review / "manifest.csv").returncode == 0
    assert not any((folder / "lib" / path).exists() for path in staged)
    assert dedup_nb("restore", "--library", folder / "lib").returncode == 0
    after = {k: v for k, v in tree(folder / "lib").items() if not k.startswith(".dedup_nb")}
    assert after == before


def test_the_html_of_an_executed_notebook_shows_its_pictures_offline(world):
    _, _, run = world
    for name in ("10_phash", "20_time_window", "80_review"):
        html, _ = nbconvert.HTMLExporter().from_filename(str(run / name / "notebook.ipynb"))
        assert html.count('src="data:image/jpeg') >= 2


def test_lab_headless_and_papermill_give_the_same_bytes(world):
    folder, _, run = world
    values = read_flat((run / "80_review/params.yaml").read_text())
    values |= {"inputs": [str(run / "10_phash"), str(run / "20_time_window")]}
    notebook = notebooks.notebooks_folder() / "80_review.ipynb"
    for interactive in (False, True):
        out = folder / f"again {interactive}"
        more = {"run_dir": str(out), "interactive": interactive}
        papermill.execute_notebook(
            notebook, folder / "out.ipynb", values | more, kernel_name="python3", progress_bar=False
        )
        for name in ("groups.csv", "manifest.csv"):
            expected = (run / "80_review" / name).read_bytes()
            assert expected.count(b"\n") > 3
            assert (out / "80_review" / name).read_bytes() == expected


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ("inputs: [../nowhere]", "which is neither a folder nor a notebook"),
        ("inputs: 10_phash", "it must be a list of strings"),
        ("include: some", "choose one of reviewed, all"),
        ("min_inputs: 0", "it must be from 1"),
        ("input: [10_phash]", "did you mean inputs?"),
    ],
)
def test_wrong_input_stops_before_anything_starts(world, tmp_path, section, complaint):
    _, profile, _ = world
    other = profile.with_name(f"{tmp_path.name}.yaml")
    other.write_text(f"library: ../lib\n80_review:\n  {section}\n")
    done = dedup_nb("run", other, "--only", "80_review")
    assert done.returncode == 2
    assert complaint in done.stderr and len(done.stderr.strip().splitlines()) == 1


# ---------------------------------------------------------------- by hand


@pytest.fixture(scope="module")
def finder(tmp_path_factory):
    """A library, and a run of one finder."""
    folder = tmp_path_factory.mktemp("finder")
    run = start(folder, make_library(folder / "lib"))
    run.save(candidates(run), 8, name="max_distance")
    return folder, run


@pytest.fixture
def reviewer(finder, tmp_path):
    """A review of that run, in a run of its own and without earlier decisions."""
    folder, found = finder
    where = {"inputs": [str(found.folder)], "run_dir": str(folder / "out/lib" / tmp_path.name)}
    run = start(folder, found.library, "80_review", **where)
    merged = merging.Merged(run, merging.read(run, merging.find(run, where["inputs"])))
    made = reviewing.Reviewer(page_of(run, merged))
    yield made
    made.page._timer.cancel()
    made.page._timer.join()
    shutil.rmtree(run.answers, ignore_errors=True)


def page_of(run, merged, include="reviewed", *, interactive=True):
    return reviewing.Page(run, merged, include, 1, interactive=interactive)


def accept(reviewer, paths):
    digests = dict(
        zip(reviewer.run.catalogue["path"], reviewer.run.catalogue["sha256"], strict=True)
    )
    reviewer.run.live_decisions.review([(path, digests[path]) for path in paths])
    reviewer._decided()


def written(reviewer):
    reviewer.look.click()
    reviewer.write.click()
    (folder,) = reviewer.run.folder.glob("80_review")
    return [row["src"] for row in tables.read_csv(folder / "manifest.csv")]


def test_a_plan_is_shown_before_it_can_be_written(reviewer):
    assert reviewer.write.disabled
    accept(reviewer, PLAIN)
    reviewer.look.click()
    assert "would stage 1 image" in reviewer.said.value
    assert "<td>root</td>" in reviewer.told.value and "<td>no stamp</td>" in reviewer.told.value
    assert not reviewer.write.disabled and not list(reviewer.run.folder.glob("80_review/m*"))
    reviewer.include.value = "all"  # another plan than the one on show
    assert reviewer.write.disabled and reviewer.told.value == ""
    reviewer.include.value = "reviewed"
    assert written(reviewer) == ["mojo1/plain small.png", "mojo1/plain small.txt"]
    assert reviewer.write.disabled


def test_a_mark_made_meanwhile_makes_the_plan_be_looked_at_again(reviewer):
    reviewer.look.click()
    accept(reviewer, PLAIN)
    assert reviewer.write.disabled


def test_what_a_plan_takes_is_counted_by_root_stage_and_day(reviewer):
    made = reviewer.candidates.planned("all")
    rows = reviewer.page.counted.table(made.cut(1).staged()).to_dict("records")
    told = {(row["by"], row["what"]): (row["images"], row["of"]) for row in rows}
    assert told == {
        ("root", "mojo1"): (1, 9), ("root", "selected"): (2, 2),
        ("stage", "no stage"): (1, 6), ("stage", "stage3_enhanced"): (2, 3),
        ("day", "2025-07-05"): (1, 4), ("day", "2025-07-06"): (1, 1), ("day", "no stamp"): (1, 6),
    }  # fmt: skip


def test_every_decision_is_listed_and_revoked_by_its_button(reviewer):
    run = reviewer.run
    accept(reviewer, PLAIN)
    path = "mojo1/grey2.png"
    run.live_decisions.mark(path, run.catalogue.set_index("path").sha256[path], "stage")
    revoker = reviewing.Revoker(reviewer.page)
    texts = [row.children[1].value for row in revoker.rows.children]
    assert [text.split(" · ")[1] for text in texts] == ["mark: stage", "reviewed"]
    revoker.sought.value = "plain"
    (row,) = revoker.rows.children
    assert row.children[0].tooltip.startswith("revoke reviewed mojo1/plain")
    row.children[0].click()
    revoker.sought.value = ""
    assert len(revoker.rows.children) == 1 and not run.live_decisions.answers("reviewed")
    revoker.undo.click()
    assert len(revoker.rows.children) == 2
    table = telling.remembered(run.live_decisions)
    assert list(table["decision"]) == ["mark: stage", "reviewed"]


def test_many_decisions_come_a_page_at_a_time(reviewer):
    for k in range(45):
        reviewer.run.live_decisions.mark(f"{k}.png", f"{k:064}", "keep")
    revoker = reviewing.Revoker(reviewer.page)
    assert "page 1 of 3" in revoker.said.value and revoker.back.disabled
    revoker.on.click()
    revoker.on.click()
    assert len(revoker.rows.children) == 5 and revoker.on.disabled


# ---------------------------------------------------------------- all parts agree


def parts(page):
    """What a page says of the plan, part by part: all of it as it is shown."""
    return {name: part.widget.value for name, part in page._parts.items()}


@pytest.fixture
def shown(reviewer):
    """A reviewer with the whole page around it, as the notebook shows it, and a saved plan."""
    page = reviewer.page
    saved = reviewer.run.save(page.plan, 1, name="min_inputs")
    for part in (page.agreement, page.taken, page.sheet, page.decisions):
        part()
    page.standing(saved)
    return reviewer


def agree(page, images, *, decisions):
    """Assert that table, sheet, counts and decisions tell of so many staged images."""
    page.paint()
    said = parts(page)
    assert f"The plan stages {images} image" in said["standing"]
    assert said["agreement"].count("<td>stage</td>") == images
    assert said["sheet"].lower().count(">stage</span>") == images
    assert ("<td>root</td>" in said["taken"]) == (images > 0)
    assert said["decisions"].count("<td>reviewed</td>") == decisions


def test_a_group_accepted_below_is_shown_by_every_part_of_the_page(shown):
    agree(shown.page, 0, decisions=0)
    accept(shown, PLAIN)
    agree(shown.page, 1, decisions=1)
    assert shown.gallery.sums["images"] == 1  # above the gallery
    assert "It is not saved yet" in parts(shown.page)["standing"]
    shown.look.click()
    assert shown.write.description.startswith("write this plan: 1 image, ")
    shown.write.click()
    assert "It is saved in" in parts(shown.page)["standing"]
    shown.page.standing(shown.run.folder / "80_review")  # as when the notebook runs again
    assert "It is saved in" in parts(shown.page)["standing"]


def test_decisions_of_another_notebook_are_followed(shown):
    run = shown.run
    digests = dict(zip(run.catalogue["path"], run.catalogue["sha256"], strict=True))
    other = Decisions(run.live_decisions.path)
    other.review([(path, digests[path]) for path in PLAIN], finder="10_phash")
    shown.follower.look()  # a thread does this twice a second
    agree(shown.page, 1, decisions=1)
    assert any(shown.gallery._messages.is_reviewed(group) for group in shown.gallery.groups)


def test_a_revocation_below_is_shown_by_every_part_of_the_page(shown):
    accept(shown, PLAIN)
    revoker = reviewing.Revoker(shown.page)
    revoker.rows.children[0].children[0].click()
    agree(shown.page, 0, decisions=0)
    assert revoker.rows.children == ()


def test_a_plan_is_not_written_if_another_notebook_decided_after_the_preview(shown):
    accept(shown, PLAIN)
    shown.look.click()
    Decisions(shown.run.live_decisions.path).undo()
    shown.write.click()
    assert "decisions were made elsewhere" in shown.said.value
    assert not list(shown.run.folder.glob("80_review/saved-*"))


def test_the_page_repaints_by_itself_after_a_decision(shown, monkeypatch):
    accept(shown, PLAIN)
    shown.page._timer.join(20)
    assert "The plan stages 1 image" in parts(shown.page)["standing"]


def test_a_page_that_cannot_be_made_again_does_not_go_on_showing_the_old_plan(shown, monkeypatch):
    monkeypatch.setattr(shown.page, "_cut", lambda: int("the file is gone"))
    shown.page._paint_or_say()
    assert all("run the notebook again" in text for text in parts(shown.page).values())


def test_headless_the_page_shows_the_decisions_of_the_run(reviewer):
    page = page_of(reviewer.run, reviewer.candidates, interactive=False)
    accept(reviewer, PLAIN)
    assert page.decisions_used is reviewer.run.decisions
    assert page.agreement().widget is None and len(page.decisions().made) == 0


def test_nothing_is_shown_when_not_interactive(reviewer):
    page = page_of(reviewer.run, reviewer.candidates, "all", interactive=False)
    assert reviewing.review(page) is None and reviewing.revoker(page) is None
