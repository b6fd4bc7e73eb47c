"""Set pruning: whole sets, compared stage by stage with the one that stays."""

import pytest
from drawn import save, tree, write
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from setlibrary import (
    SIZE,
    compared,
    drawn,
    edited,
    make_sets,
    manifest_of,
    reasons,
    roles,
    series,
)
from test_workbench import candidates, start

from dedup_nb import groups, report, staging
from dedup_nb.groups import rules
from dedup_nb.steps.review import merging
from dedup_nb.steps.set_pruning import pruning, setgroups

KEPT, LOSSY, THIRD = "20250705_100100", "20250705_100200", "20250705_100300"


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return make_sets(tmp_path_factory.mktemp("sets") / "lib")


@pytest.fixture
def begun(library, tmp_path, tmp_path_factory):
    """A run on the library; pictures are decoded once for all tests."""
    cache = str(tmp_path_factory.getbasetemp() / "cache of sets")
    return lambda **more: start(
        tmp_path, library, "40_set_pruning", **({"roots": ["mojo1"], "cache_dir": cache} | more)
    )


@pytest.mark.parametrize("candidates", ["embedding", "phash", "clusters"])
def test_sets_made_again_are_pruned_and_nothing_else(begun, candidates):
    made = compared(begun(), candidates=candidates)
    assert roles(made) == {
        KEPT: "keeper",
        LOSSY: "stage",
        THIRD: "stage",
        "20250705_100800": "keeper",
        "20250705_100900": "review",  # another prompt
        "20250705_101000": "keeper",
        "20250705_101100": "review",  # no YAML
    }
    assert reasons(made)["20250705_100900"].startswith(
        "companions or PNG text differ: stage1_generated: YAML prompt; cosine"
    )
    assert reasons(made)["20250705_101100"].startswith("inconclusive: stage1_generated: YAML is")


def test_each_image_goes_for_its_counterpart_in_the_kept_set(begun):
    made = compared(begun())
    table = made.table(made.cut(0.85))
    staged = table[table.role == "stage"]
    kept = {row.path: row.stage for row in table[table.role == "keeper"].itertuples()}
    assert len(staged) == 6 and all(
        kept[row.keeper] == row.stage and KEPT in row.keeper.replace("0120", "0100").replace("0140", "0100")
        for row in staged.itertuples()
    )  # fmt: skip


def test_without_the_cross_check_pictures_alone_decide(begun):
    made = compared(begun(), cross_check_yaml=False)
    assert roles(made)["20250705_100900"] == roles(made)["20250705_101100"] == "stage"
    assert "20250705_101300" not in roles(made)  # but never what lies in several folders


def test_everything_that_was_compared_is_told(begun):
    made = compared(begun())
    cut = made.cut(0.85)
    told = made.compared_sets(cut)
    assert {
        (row.kept[-4:-2], row.other[-4:-2], row.verdict, row.role) for row in told.itertuples()
    } == {
        ("01", "02", "same", "stage"),
        ("01", "03", "same", "stage"),
        ("02", "03", "same", f"joined {KEPT}"),
        ("04", "05", "different", ""),
        ("08", "09", "review", "review"),
        ("10", "11", "review", "review"),
        ("12", "13", "split", ""),
    }
    edit = told.set_index("other").loc["mojo1/again/20250705_100500"]
    assert edit.weakest_stage == "stage2_upscaled" and 0.03 < edit.edited_area < 0.2
    assert edit.what_differs.startswith("stage2_upscaled: ")
    stages = made.compared_stages(cut)
    assert len(stages[stages.other == "mojo1/again/20250705_100500"]) == 3
    assert list(made.not_compared.why) == ["of another line-up"]
    assert len(made.found.split_runs) == 2 and made.told(cut)[0].startswith("2 whole sets")
    (shown,) = made.look_alikes(cut)
    assert shown["columns"] == 3 and "of the picture differs" in shown["title"]


def test_a_looser_area_takes_the_edit_and_a_stricter_cosine_takes_none(begun):
    made = compared(begun(), max_edited_area=0.2)
    assert roles(made)["20250705_100500"] == "stage"
    assert "20250705_100500" not in roles(made, 0.999)
    made.max_edited_area = 0.01
    assert "20250705_100500" not in roles(made)


# ---------------------------------------------------------------- which is kept


def only(tmp_path, **more):
    run = start(tmp_path, tmp_path / "lib", "40_set_pruning", **({"roots": ["mojo1"]} | more))
    return compared(run)


def pair(tmp_path, **second):
    series(tmp_path / "lib/mojo1/a", 1, 1)
    return series(tmp_path / "lib/mojo1/a", 2, 1, **second)


@pytest.mark.parametrize(
    ("second", "kept", "why"),
    [
        ({}, "20250705_100100", "kept: earliest (2025-07-05 10:01:00)"),
        ({"decision": True}, "20250705_100200", "kept: it has a .decision file"),
    ],
)
def test_the_decided_then_the_earliest_set_is_kept(tmp_path, second, kept, why):
    pair(tmp_path, **second)
    made = only(tmp_path)
    assert [s for s, role in roles(made).items() if role == "keeper"] == [kept]
    assert reasons(made)[kept] == why


def test_more_companions_weigh_more_than_an_earlier_stamp(tmp_path):
    path = pair(tmp_path)[0]
    write(path.with_suffix(".txt"), b"a note")
    made = only(tmp_path)
    assert reasons(made)["20250705_100200"] == "kept: more companions (7)"


def test_a_set_whose_files_hold_more_is_kept_before_one_with_a_decision(tmp_path):
    series(tmp_path / "lib/mojo1/a", 1, 1, decision=True)
    for path in series(tmp_path / "lib/mojo1/a", 2, 1):
        picture = Image.open(path)
        text = PngInfo()
        text.add_text("Description", "a hill at dawn")
        save(picture, path, pnginfo=text)
    made = only(tmp_path)
    assert roles(made) == {"20250705_100100": "stage", "20250705_100200": "keeper"}
    assert reasons(made)["20250705_100200"] == "kept: its files hold more"


def test_a_preferred_root_weighs_most(tmp_path):
    series(tmp_path / "lib/mojo1/a", 1, 1, decision=True)
    series(tmp_path / "lib/selected", 2, 1)
    made = only(tmp_path, roots=["mojo1", "selected"], prefer=["selected", "mojo1"])
    assert roles(made) == {"20250705_100100": "stage", "20250705_100200": "keeper"}
    assert reasons(made)["20250705_100200"] == "kept: preferred root selected"


def test_protected_sets_stay(tmp_path):
    pair(tmp_path)
    made = only(tmp_path, protect=["*100200*"])
    assert roles(made) == {"20250705_100100": "stage", "20250705_100200": "keeper"}
    made = only(tmp_path, protect=["*1001*", "*100220*"], run_dir=str(tmp_path / "other"))
    assert roles(made) == {"20250705_100100": "keeper", "20250705_100200": "protected"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda path: write(path.with_suffix(".cropped")), "cropped, its keeper is not"),
        (lambda path: save(drawn(1), path.with_suffix(".webp")), "shares its name with mojo1/a/"),
        (
            lambda path: save(drawn(1).resize((4 * SIZE[0], 4 * SIZE[1])), path),
            "has more pixels than the kept set",
        ),
    ],
)
def test_a_set_with_something_special_waits_for_a_person(tmp_path, change, why):
    series(tmp_path / "lib/mojo1/a", 1, 1, decision=True)
    change(series(tmp_path / "lib/mojo1/a", 2, 1)[2])
    made = only(tmp_path)
    assert roles(made)["20250705_100200"] == "review"
    assert reasons(made)["20250705_100200"].startswith(why)


def test_a_stage_that_cannot_be_read_leaves_its_set_alone(tmp_path):
    path = pair(tmp_path)[1]
    path.write_bytes(path.read_bytes()[:300])
    made = only(tmp_path)
    assert roles(made) == {}
    assert list(made.not_compared.why) == ["mojo1/a/20250705_100220_stage2_upscaled.png could not be read"]  # fmt: skip


@pytest.mark.parametrize("yaml", [b"prompt: [unfinished", b"- a list", b"\xff\xfe\x00"])
def test_a_companion_that_cannot_be_read_is_inconclusive(tmp_path, yaml):
    write(pair(tmp_path)[1].with_suffix(".yaml"), yaml)
    made = only(tmp_path)
    assert roles(made)["20250705_100200"] == "review"
    assert reasons(made)["20250705_100200"].startswith("inconclusive: stage2_upscaled: YAML cannot")


def test_a_run_cut_short_by_limit_is_no_set(tmp_path):
    series(tmp_path / "lib/mojo1/a", 1, 1)
    series(tmp_path / "lib/mojo1/a", 2, 1, (1, 2))
    series(tmp_path / "lib/mojo1/a", 3, 1)
    made = only(tmp_path, limit=6)  # one stage of the last set is left
    assert roles(made) == {}
    made = only(tmp_path, limit=7, run_dir=str(tmp_path / "more"))  # two, as the second has
    assert roles(made) == {} and "cut short by limit or only_folders" in set(made.not_compared.why)
    made = only(tmp_path, run_dir=str(tmp_path / "all"))
    assert roles(made) == {"20250705_100100": "keeper", "20250705_100300": "stage"}


def test_a_run_that_goes_on_outside_only_folders_is_no_set(tmp_path):
    for minute, folder in ((1, "a"), (2, "a")):
        *_, final = series(tmp_path / "lib/mojo1" / folder, minute, 1)
        (tmp_path / "lib/mojo1/b").mkdir(exist_ok=True)
        final.rename(tmp_path / "lib/mojo1/b" / final.name)
    made = only(tmp_path, only_folders=["mojo1/a"])
    assert roles(made) == {} and len(made.found.split_runs) == 2


# ---------------------------------------------------------------- a person decides


def mark(made, series_id, what):
    marks = [None] * len(made.images.paths)
    row = next(k for k, s in enumerate(made.images.table["series"]) if s == series_id)
    marks[row + 1] = what  # any member
    made.decide(marks)


def test_a_mark_on_any_member_counts_for_its_set(begun):
    made = compared(begun())
    mark(made, THIRD, "keep")
    assert roles(made)[THIRD] == "protected" and roles(made)[KEPT] == "keeper"
    assert reasons(made)[THIRD].startswith("kept by a person")
    mark(made, KEPT, "stage")
    assert roles(made)[KEPT] == "stage" and roles(made)[LOSSY] == "keeper"
    mark(made, "20250705_100900", "stage")
    assert roles(made)["20250705_100900"] == "stage"
    assert reasons(made)["20250705_100900"].startswith("marked for staging")


def test_if_all_are_marked_for_staging_one_stays(begun):
    made = compared(begun())
    made.decide(["stage"] * len(made.images.paths))
    found = roles(made)
    assert [found[s] for s in (KEPT, LOSSY, THIRD)].count("keeper") == 1
    assert (
        "must stay" in reasons(made)[next(s for s in (KEPT, LOSSY, THIRD) if found[s] == "keeper")]
    )


def test_sets_that_a_person_called_different_are_not_proposed_again(begun):
    made = compared(begun())
    rows = made.cut(0.85).groups[0]
    made.decide(
        [None] * len(made.images.paths), [frozenset(made.images.digests[k] for k in rows.tolist())]
    )
    assert KEPT not in roles(made) and made.cut(0.85).totals["images"] == 0


# ---------------------------------------------------------------- results


def test_a_set_moves_whole_with_companions_and_decision_and_comes_home(tmp_path):
    library = make_sets(tmp_path / "lib")
    run = start(tmp_path, library, "40_set_pruning", roots=["mojo1"])
    before = tree(library)
    folder = run.save(compared(run), 0.85, name="min_cosine")
    rows = manifest_of(folder)
    assert {row["bundle"] for row in rows} == {f"mojo1/again/{s}" for s in (LOSSY, THIRD)}
    assert {row["dst"].split("/")[0] for row in rows} == {"delete_review"}
    assert {row["rule"] for row in rows} == {
        "40_set_pruning min_cosine=0.8500 max_edited_area=0.0100"
    }
    assert all(row["keeper"].startswith("mojo1/run/") for row in rows)
    shared = [row for row in rows if row["covers"]]
    assert [row["src"] for row in shared] == [f"mojo1/again/{LOSSY}.decision"]
    assert len(rows) == 2 * 9 + 1  # picture, YAML and caption of each stage
    plan = staging.read_manifest(folder / "manifest.csv")
    assert staging.check(plan, library, ["mojo1"]) == []
    result = staging.stage(plan, library, ["mojo1"])
    assert (result.status, result.files) == (0, 19)
    left = sorted(path.name for path in (library / "mojo1/again").glob("*10020*"))
    assert left == []
    staging.restore(library)
    assert {k: v for k, v in tree(library).items() if not k.startswith(".dedup_nb")} == before


def test_a_set_is_approved_whole(tmp_path, monkeypatch):
    library = make_sets(tmp_path / "lib")
    run = start(tmp_path, library, "40_set_pruning", roots=["mojo1"])
    folder = run.save(compared(run), 0.85, name="min_cosine")
    batch = staging.stage(staging.read_manifest(folder / "manifest.csv"), library, ["mojo1"]).batch
    gone = []
    monkeypatch.setattr("send2trash.send2trash", lambda path: (gone.append(path), path.unlink()))
    told = staging.approve(library, batch, staging.approval_token(library, batch))
    assert (told.status, told.bundles, told.files, len(gone)) == (0, 2, 19, 19)
    assert not list((library / "mojo1/again").glob("*10020*"))


def test_a_kept_set_that_changed_since_holds_the_others_back(tmp_path):
    library = make_sets(tmp_path / "lib")
    run = start(tmp_path, library, "40_set_pruning", roots=["mojo1"])
    folder = run.save(compared(run), 0.85, name="min_cosine")
    save(edited(drawn(1)), library / f"mojo1/run/{KEPT}_stage1_generated.png")
    result = staging.stage(staging.read_manifest(folder / "manifest.csv"), library, ["mojo1"])
    assert {each.code for each in result.refused} == {"keeper_changed"} and result.done == 0


def test_the_report_shows_stage_under_stage_with_what_differs(begun):
    run = begun()
    made = compared(run)
    folder = run.save(made, 0.85, name="min_cosine")
    text = (folder / "report.html").read_text()
    assert "repeat(3, auto)" in text and "difference, four times as bright" in text
    assert "3 sets of 3 stages; weakest link" in text and "kept: it has a .decision file" in text
    markdown = (folder / "report.md").read_text()
    assert "2 whole sets" not in markdown or "delete" in markdown
    assert "of the picture differs" in markdown and "several folders" in markdown
    for name in ("sets", "stages", "split_runs", "not_compared"):
        assert (folder / f"{name}.csv").exists()
    (group, *_) = run.foremost(made, made.cut(0.85))
    assert group["columns"] == 3 and len(group["members"]) == 9
    assert [m["role"] for m in group["members"]] == ["keeper"] * 3 + ["stage"] * 6
    sheet = report.Sheet([group], run.thumbnail)
    assert sheet.shown[0]["count"] == 9 and len(sheet.shown[0]["members"]) == 15


def test_a_place_without_an_image_is_left_free():
    member = {"path": "a", "role": "", "value": None, "measure": "", "reason": "", "badges": [], "width": 1, "height": 1, "bytes": 1}  # fmt: skip
    group = {"title": "t", "members": [member, member, member, None], "columns": 2}
    (shown,) = report.Sheet([group], lambda path: None).shown
    assert shown["count"] == 3 and shown["members"][3] is None
    assert "missing" in report.Sheet([group], lambda path: None)._repr_html_()


def test_both_sliders_cut_again_and_both_are_written_to_the_profile(library, tmp_path, begun):
    profile = write(tmp_path / "params/mine.yaml", f"library: {library}\n".encode())
    run = begun(profile=str(profile))
    tuner = setgroups.SetTuner(compared(run))
    assert tuner.cut.totals["images"] == 6 and tuner.gallery.count == 3
    tuner.area.value = 0.2
    assert tuner.cut.totals["images"] == 9
    tuner.slider.value = 1.0
    assert tuner.cut.totals["images"] < 9
    tuner.slider.value = 0.9
    tuner._write()
    assert (
        "min_cosine: 0.9" in profile.read_text() and "max_edited_area: 0.2" in profile.read_text()
    )
    tuner._save()
    assert "max_edited_area=0.2000" in (run.folder / "40_set_pruning/manifest.csv").read_text()
    assert setgroups.tune(tuner.made, interactive=False) is None


def test_charts_and_tables_stand_when_there_is_nothing_to_compare(tmp_path):
    series(tmp_path / "lib/mojo1/a", 1, 1)
    made = only(tmp_path)
    cut = made.cut(0.85)
    assert made.told(cut)[0].startswith("0 whole sets")
    assert setgroups.chart(made, 0.85).png and setgroups.areas(made).png
    table = setgroups.by_threshold(made, pruning.steps(made.compared))
    assert set(table["sets to stage"]) == {0}
    assert made.run.save(made, 0.85, name="min_cosine").exists()


def test_a_rule_of_every_finder_holds_a_whole_set_back(begun):
    made = compared(begun())
    going = next(series for series, role in roles(made).items() if role == "stage")
    row = next(k for k, s in enumerate(made.images.table["series"]) if s == going)

    def hold_one(cut, images):
        cut.hold([row], "waits")
        return cut

    made.rules.insert(len(made.rules) - 1, groups.Rule("one", "", hold_one))
    assert roles(made)[going] == "review"
    cut = made.cut(made.compared.min_cosine)
    members = [k for k, s in enumerate(made.images.table["series"]) if s == going]
    assert {int(cut.roles[k]) for k in members} == {groups.REVIEW}
    assert "is held back" in reasons(made)[going]


def test_the_rules_of_every_finder_hold_for_sets_too(begun):
    names = [rule.name for rule in compared(begun()).rules]
    assert {rule.name for rule in rules.standard()} <= set(names)
    assert len(names) == len(set(names))


# ---------------------------------------------------------------- no plan tears a set


def torn(run, manifest):
    """Pairs of sets of one line-up of which a plan takes a part, or something from both."""
    table = run.catalogue.set_index("path")
    key = {p: (p.rpartition("/")[0], s) for p, s in table["series"].items() if s}
    stages = {k: sorted(table["stage"][p] for p in key if key[p] == k) for k in set(key.values())}
    pairs = {}
    for row in manifest:
        mine, theirs = key.get(row["src"]), key.get(row["keeper"])
        if mine and theirs and mine != theirs and stages[mine] == stages[theirs]:
            pairs.setdefault((mine, theirs), set()).add(row["src"])
    return [
        ends
        for ends, rows in pairs.items()
        if len(rows) < len(stages[ends[0]]) or ends[::-1] in pairs
    ]


@pytest.mark.parametrize("cross_check", [True, False])
def test_no_plan_of_any_notebook_or_merge_tears_a_set(library, tmp_path, begun, cross_check):
    more = {"roots": ["mojo1"], "cache_dir": begun().values["cache_dir"]}
    by_hash = start(tmp_path, library, "10_phash", **more)
    folders = [by_hash.save(candidates(by_hash), 8, name="max_distance")]
    of_sets = start(tmp_path, library, "40_set_pruning", **more)
    made = compared(of_sets, cross_check_yaml=cross_check)
    folders.append(of_sets.save(made, 0.85, name="min_cosine"))
    for inputs in (["10_phash"], ["10_phash", "40_set_pruning"]):
        review = start(tmp_path, library, "80_review", **more)
        merged = merging.Merged(review, merging.read(review, merging.find(review, inputs)))
        plan = merged.planned("all", review.live_decisions)
        folders.append(review.save(plan, 1, name="min_inputs", anew=True))
    plans = [manifest_of(folder) for folder in folders]
    assert [torn(by_hash, plan) for plan in plans] == [[], [], [], []]
    images = set(by_hash.catalogue["path"])
    sets = {row["src"] for row in plans[1]} & images
    assert sets and sets <= {row["src"] for row in plans[3]}  # the merge still moves whole sets
