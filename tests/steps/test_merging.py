"""Merging: several finders' results become one plan, in which every staged image leaves a twin."""

import json
import shutil
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from drawn import photo, save, tree, write
from test_workbench import start

from dedup_nb import groups, staging
from dedup_nb.groups.checks import CONTAINER, INSIDE
from dedup_nb.library import tables
from dedup_nb.session import runs, workbench
from dedup_nb.steps.review import merging, reviewing

NAMES = "abcdefgh"
LONG_AGO = "2025-07-05T21:52:18+00:00"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A library of eight pictures in one root and its catalogue, made once and copied."""
    folder = tmp_path_factory.mktemp("base")
    for k, name in enumerate(NAMES):  # the larger the better: a is kept before b, and so on
        save(photo(k, 160 - 8 * k, 96), folder / f"lib/{name}.png")
    for name in "ab":
        write(folder / f"lib/{name}.txt", b"a companion")
    start(folder, folder / "lib", "80_review", roots=["."]).catalogue  # noqa: B018
    return folder


@pytest.fixture
def run(base, tmp_path):
    shutil.copytree(base, tmp_path, dirs_exist_ok=True)
    moved = json.loads((tmp_path / "out/lib/run/run.json").read_text())
    moved |= {"library": str((tmp_path / "lib").resolve()), "started": LONG_AGO}
    (tmp_path / "out/lib/run/run.json").write_text(json.dumps(moved))
    return begin(tmp_path)


def begin(folder, **more):
    return start(folder, folder / "lib", "80_review", roots=["."], **more)


def results(run, notebook, rows, pairs=(), threshold=8, measure="hamming_bits", own=0, kind=""):
    """Leave results as a finder would: rows are "member keeper role value [reason]"."""
    folder = run.folder / notebook
    folder.mkdir()
    table, kept = [], {}
    for row in rows:
        member, keeper, role, value, *reason = row.split(maxsplit=4)
        common = {"group_id": f"g-{keeper}", "keeper": f"{keeper}.png", "measure": measure}
        kept[keeper] = common | {"path": f"{keeper}.png", "role": "keeper", "value": own}
        kept[keeper]["reason"] = groups.BEST
        more = {"role": role, "value": value, "reason": reason[0] if reason else measure}
        table.append(common | {"path": f"{member}.png", "kind": kind} | more)
    columns = groups.NAMES
    tables.write_csv(folder / "groups.csv", columns, [*kept.values(), *table])
    (folder / "summary.json").write_text(json.dumps({"threshold": threshold}))
    order = [NAMES.index(x) for pair in pairs for x in pair[:2]]
    ends = np.array(order, np.int64).reshape(-1, 2)
    frame = pd.DataFrame({"i": ends.min(axis=1, initial=99), "j": ends.max(axis=1, initial=-1)})
    frame[measure] = [pair[2] for pair in pairs]
    frame.to_parquet(folder / "pairs.parquet")


def merged(run, inputs=()):
    return merging.Merged(run, merging.read(run, merging.find(run, list(inputs))))


def roles(made, threshold=1):
    table = made.table(made.cut(threshold))
    return {row.path[0]: f"{row.role} {row.keeper[0]}" for row in table.itertuples()}


def test_proposals_of_two_finders_make_one_group(run):
    results(run, "10_phash", ["b a stage 3"])
    results(run, "30_clip_faiss", ["c a stage 0.9"], measure="cosine", own=1)
    assert roles(merged(run)) == {"a": "keeper a", "b": "stage a", "c": "stage a"}


def test_a_keeper_of_one_finder_that_another_stages_passes_nobody_on(run):
    results(run, "10_phash", ["b a stage 3"])
    results(run, "30_clip_faiss", ["c b stage 0.9"], measure="cosine", own=1)
    assert roles(merged(run)) == {
        "a": "keeper a",
        "b": "stage a",
        "c": "review a",  # near b alone, and b goes
    }


def test_a_pair_that_no_finder_proposed_is_left_to_a_person(run):
    results(run, "20_time_window", ["b a review 3", "c a review 4"], measure="gap_s")
    results(run, "10_phash", ["c b stage 3"])
    made = merged(run)
    assert roles(made) == {"b": "keeper b", "c": "stage b", "a": "review b"}
    mark(made, run, b="stage", a="keep")  # c was seen beside a, but nobody proposed the two
    assert roles(made)["c"] == "review a"


def mark(made, run, **marks):
    run.live_decisions.marks_for(made.images.paths, made.images.digests)
    for name, said in marks.items():
        row = made.images.paths.index(f"{name}.png")
        run.live_decisions.mark(made.images.paths[row], made.images.digests[row], said)
    made.decide(run.marks(run.live_decisions), run.live_decisions.answers())


def test_a_person_may_keep_another_one_where_both_were_near(run):
    results(run, "10_phash", ["b a stage 3", "c a stage 4"], pairs=["bc3"])
    made = merging.Merged(run, merging.read(run, merging.find(run, [])))
    mark(made, run, a="stage", b="keep")
    assert roles(made) == {"b": "keeper b", "a": "stage b", "c": "review b"}


def test_at_two_inputs_only_what_both_hold_near_is_proposed(run):
    results(run, "10_phash", ["b a stage 3", "c a stage 5"])
    results(run, "30_clip_faiss", ["b a stage 0.9"], measure="cosine", own=1)
    assert roles(merged(run), 2) == {"a": "keeper a", "b": "stage a"}


@pytest.mark.parametrize("kind", ["cropped", "bordered, resized", "re-encoded"])
def test_a_crop_or_a_framed_copy_is_never_kept_for_what_it_was_proposed_beside(run, kind):
    results(run, "10_phash", ["a b stage 3"], kind=kind)  # though a has more pixels
    results(run, "30_clip_faiss", ["c a stage 0.9"], measure="cosine", own=1)
    made = merged(run)
    if kind == "re-encoded":
        assert roles(made) == {"a": "keeper a", "b": "stage a", "c": "stage a"}
        return
    assert roles(made) == {"b": "keeper b", "a": "stage b", "c": "review b"}  # c was near a alone
    mark(made, run, a="keep")
    assert roles(made)["b"] != "stage a"


@pytest.mark.parametrize("told", [f"a b review 3 {CONTAINER}", f"b a review 3 {INSIDE}"])
def test_a_screenshot_is_never_kept_for_what_it_shows(run, told):
    results(run, "10_phash", [told], kind="contained")  # a has more pixels
    results(run, "30_clip_faiss", ["b a stage 0.9"], measure="cosine", own=1)  # of an older version
    made = merged(run)
    assert roles(made) == {"b": "keeper b", "a": "review b"}


def test_a_framed_copy_goes_for_the_picture_whichever_has_more_pixels(run):
    results(run, "10_phash", ["a b stage 3", "c b stage 3"], kind="bordered")
    assert roles(merged(run)) == {"b": "keeper b", "a": "stage b", "c": "stage b"}


@pytest.mark.parametrize("seed", range(30))
def test_whatever_the_inputs_say_a_staged_image_leaves_a_direct_twin(run, seed):
    rng = np.random.default_rng(seed)
    said = {}
    for notebook in ("10_phash", "30_clip_faiss", "50_czkawka")[: rng.integers(1, 4)]:
        rows = {}
        for _ in range(rng.integers(1, 9)):
            member, keeper = rng.choice(list(NAMES), 2, replace=False)
            role = rng.choice(["stage", "stage", "review", "protected"])
            rows[member] = f"{member} {keeper} {role} {rng.integers(0, 9)}"
        results(run, notebook, list(rows.values()))
        said[notebook] = {frozenset(row.split()[:2]) for row in rows.values()}
    made = merged(run)
    marks = {name: rng.choice(["keep", "stage"]) for name in NAMES if rng.random() < 0.3}
    mark(made, run, **marks)
    for threshold in (1, 2):
        table = made.table(made.cut(threshold))
        staged = {row.path[0]: row.keeper[0] for row in table.itertuples() if row.role == "stage"}
        for member, keeper in staged.items():
            assert keeper not in staged
            assert sum({member, keeper} in pairs for pairs in said.values()) >= threshold


def test_what_an_input_protects_stays_protected(run):
    guarded = f"b a protected 3 {groups.GUARDED}"
    results(run, "50_czkawka", [guarded, "c a protected 3 kept by a person"])
    results(run, "10_phash", ["b a stage 3", "c a stage 3"])
    assert roles(merged(run)) == {"a": "stage b", "b": "keeper b", "c": "review b"}


def test_inputs_are_shown_to_agree_and_to_disagree(run):
    results(run, "10_phash", ["b a stage 3", "d c stage 2"], pairs=["ab3", "ac9", "cd2"])
    results(run, "20_time_window", ["b a review 4"], measure="gap_s")
    results(run, "30_clip_faiss", ["c a stage 0.9"], measure="cosine", own=1, threshold=0.8)
    made = merged(run)
    cut = made.cut(1)
    table = made.agreement(cut).set_index("path").to_dict("index")
    assert table["b.png"] == {
        "keeper": "a.png", "role": "stage", "inputs": 2,
        "10_phash": "3", "20_time_window": "review 4", "30_clip_faiss": "",
    }  # fmt: skip
    assert table["c.png"]["10_phash"] == "beyond 9" and table["c.png"]["30_clip_faiss"] == "0.9000"
    assert table["d.png"]["inputs"] == 0  # near c alone, which goes
    shares = made.shares.set_index("input")
    assert shares["proposes"].to_dict() == {"10_phash": 2, "20_time_window": 0, "30_clip_faiss": 1}
    assert shares["only this input"].to_dict() == {
        "10_phash": 1,
        "20_time_window": 0,
        "30_clip_faiss": 1,
    }
    reason = made.reason(cut, made.images.paths.index("b.png"))
    assert (
        reason
        == "near in 2 of 3 inputs: 10_phash 3 bits, 20_time_window 4 s (for review), not 30_clip_faiss"
    )


def test_only_what_a_person_reviewed_is_planned(run):
    results(run, "10_phash", ["b a stage 3", "d c stage 2", "f e stage 2", "g e stage 2"])
    made = merged(run)
    digest = dict(zip(made.images.paths, made.images.digests, strict=True))
    run.live_decisions.review([(p, digest[p]) for p in ("a.png", "b.png")])
    mark(made, run, f="stage")
    plan = made.planned("reviewed", run.live_decisions)
    assert {k for k, v in roles(plan).items() if v.startswith("stage")} == {"b", "f"}
    assert roles(made)["d"] == "stage c"  # the gallery still proposes it
    assert (
        "not reviewed yet"
        in dict(zip(plan.table(plan.cut(1)).path, plan.table(plan.cut(1)).reason, strict=True))[
            "d.png"
        ]
    )


def test_an_accepted_group_that_somebody_joined_is_asked_again(run):
    results(run, "10_phash", ["b a stage 3"])
    made = merged(run)
    digest = dict(zip(made.images.paths, made.images.digests, strict=True))
    run.live_decisions.review([(p, digest[p]) for p in ("a.png", "b.png")])
    results(run, "30_clip_faiss", ["c a stage 0.9"], measure="cosine", own=1)
    for inputs, staged in ((["10_phash"], {"b"}), (["10_phash", "30_clip_faiss"], set())):
        plan = merged(run, inputs).planned("reviewed", run.live_decisions)
        assert {k for k, v in roles(plan).items() if v.startswith("stage")} == staged


def test_not_a_duplicate_holds_whichever_finder_asks_and_whatever_the_name(run, tmp_path):
    results(run, "10_phash", ["b a stage 3"])
    digest = dict(zip(run.catalogue["path"], run.catalogue["sha256"], strict=True))
    run.live_decisions.not_duplicate([("old.png", digest["a.png"]), ("b.png", digest["b.png"])])
    later = begin(tmp_path, run_dir=str(tmp_path / "out/lib/later"))
    assert roles(merged(later)) == {}
    results(run, "30_clip_faiss", ["c a stage 0.9"], measure="cosine", own=1)
    assert len(roles(merged(later))) == 3  # somebody joined


# ---------------------------------------------------------------- inputs


def test_without_inputs_the_finders_of_this_run_are_taken_else_the_newest(run, tmp_path):
    results(run, "10_phash", ["b a stage 3"])
    assert [path.name for path in merging.find(run, [])] == ["10_phash"]
    kept = runs.read_params(run.folder / run.notebook)["inputs"]
    assert kept == [str((run.folder / "10_phash").resolve())]  # the same from any folder
    later = begin(tmp_path, run_dir=str(tmp_path / "out/lib/later"))
    assert merging.find(later, []) == [run.folder / "10_phash"]
    assert merging.find(later, [str(run.folder)]) == merging.find(later, [])
    twice = merging.read(later, [run.folder / "10_phash", run.folder / "10_phash"])
    assert twice[0].name == "run/10_phash"


def begun(folder, started, **notebooks):
    """Say in the `run.json` of a run when it began, and what its notebooks did."""
    content = json.loads((folder / "run.json").read_text())
    states = {name.lstrip("n"): {"status": state} for name, state in notebooks.items()}
    content |= {"started": started, "notebooks": states}
    (folder / "run.json").write_text(json.dumps(content))


def another(run, name, started, **notebooks):
    """Leave the results of a further run beside one."""
    folder = run.folder.with_name(name)
    shutil.copytree(run.folder, folder)
    begun(folder, started, **notebooks)
    return folder


def test_a_run_that_began_after_the_review_is_never_taken(run, tmp_path, capsys):
    results(run, "10_phash", ["b a stage 3"])
    later = begin(tmp_path, run_dir=str(tmp_path / "out/lib/later"))
    newer = another(run, "newer", (later.begun + timedelta(minutes=1)).isoformat())
    assert merging.find(later, []) == [run.folder / "10_phash"]
    assert f"{newer} began in the future" in capsys.readouterr().out  # the clock was set back
    begun(newer, later.begun.isoformat(timespec="seconds"))  # in the same second
    assert merging.find(later, []) == [run.folder / "10_phash"]
    begun(newer, (later.begun - timedelta(minutes=1)).isoformat())
    assert merging.find(later, []) == [newer / "10_phash"]


@pytest.mark.parametrize("state", ["running", "waiting"])
def test_a_newest_run_that_is_not_finished_is_refused(run, tmp_path, state):
    results(run, "10_phash", ["b a stage 3"])
    another(run, "newer", "2025-07-06T00:00:00+00:00", n10_phash="done", n30_clip_faiss=state)
    later = begin(tmp_path, run_dir=str(tmp_path / "out/lib/later"))
    with pytest.raises(
        merging.WrongInput, match="newer is not finished: 30_clip_faiss has not run"
    ):
        merging.find(later, [])
    assert merging.find(later, [str(run.folder)]) == [run.folder / "10_phash"]


def test_the_run_of_another_library_is_passed_over(run, tmp_path):
    results(run, "10_phash", ["b a stage 3"])
    other = another(run, "newer", "2025-07-06T00:00:00+00:00")
    text = (other / "run.json").read_text().replace(str(tmp_path / "lib"), "/elsewhere")
    (other / "run.json").write_text(text)
    (run.folder.with_name("torn")).mkdir()
    (run.folder.with_name("torn") / "run.json").write_text("{")
    later = begin(tmp_path, run_dir=str(tmp_path / "out/lib/later"))
    assert merging.find(later, []) == [run.folder / "10_phash"]


def test_results_elsewhere_take_the_newest_run_of_the_library_all_the_same(
    run, tmp_path, monkeypatch
):
    results(run, "10_phash", ["b a stage 3"])
    monkeypatch.setattr(workbench.Run, "_own_outputs", lambda self: tmp_path / "out/lib")
    elsewhere = begin(tmp_path, run_dir=str(tmp_path / "elsewhere/again"))
    assert merging.find(elsewhere, []) == [run.folder / "10_phash"]


def test_which_run_was_taken_is_told_first_of_all(run, tmp_path):
    results(run, "10_phash", ["b a stage 3"])
    begun(run.folder, LONG_AGO, n10_phash="done", n20_time_window="failed")
    later = begin(tmp_path, run_dir=str(tmp_path / "out/lib/later"))
    lines = reviewing.describe(merging.read(later, merging.find(later, []))).splitlines()
    assert lines[0] == (
        "Merging run run, started 2025-07-05 21:52:18 UTC: 10_phash done, 20_time_window failed."
    )
    assert lines[1].startswith("10_phash proposes 1 pair")


@pytest.mark.parametrize("text", ["10_phash", "nowhere"])
def test_an_input_without_results_is_one_sentence(run, text):
    with pytest.raises(merging.WrongInput, match=f"inputs names {text}, but"):
        merging.find(run, [text])


def test_results_of_another_library_are_refused(run, tmp_path):
    results(run, "10_phash", ["b a stage 3"])
    path = run.folder / "run.json"
    path.write_text(path.read_text().replace(str(run.library.resolve()), "/other"))
    with pytest.raises(merging.WrongInput, match="a run of the library /other, not of"):
        merged(run)


def test_images_that_are_not_what_they_were_take_no_part_and_are_listed(run, tmp_path):
    results(run, "10_phash", ["b a stage 3", "d c stage 3", "f e stage 3", "h g stage 3"])
    save(photo(77), tmp_path / "lib/b.png")
    (tmp_path / "lib/d.png").unlink()
    write(tmp_path / "lib/f.png", b"\x89PNG\r\n\x1a\nbroken")
    later = begin(tmp_path, run_dir=str(tmp_path / "out/lib/later"))
    made = merged(later, [str(run.folder)])
    assert roles(made) == {"g": "keeper g", "h": "stage g"}
    assert made.unusable.values.tolist() == [
        ["10_phash", "b.png", "changed since: its content differs"],
        ["10_phash", "d.png", "gone"],
        ["10_phash", "f.png", "no longer readable"],
    ]


def pairs_table(run, columns):
    pd.DataFrame(columns).to_parquet(run.folder / "10_phash/pairs.parquet")


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda run: (run.folder / "10_phash/groups.csv").write_text("path\na\n"), "lacks the col"),
        (lambda run: (run.folder / "10_phash/groups.csv").write_text('a,b\n"'), "cannot be read"),
        (lambda run: (run.folder / "catalogue.csv").unlink(), "no readable catalogue.csv"),
        (lambda run: (run.folder / "10_phash/pairs.parquet").write_text("x"), "does not fit"),
        (lambda run: pairs_table(run, {"i": ["x"], "j": ["y"], "v": [1]}), "does not fit"),
        (lambda run: pairs_table(run, {"i": [0], "j": [99], "v": [1.0]}), "does not fit"),
        (lambda run: pairs_table(run, {"i": [-1], "j": [1], "v": [1.0]}), "negative rows"),
        (lambda run: pairs_table(run, {"i": [0], "j": [1], "v": [[1]]}), "does not fit"),
        (lambda run: pairs_table(run, {"i": [0], "j": [1], "v": ["far"]}), "does not fit"),
        (lambda run: pairs_table(run, {"i": [None], "j": [1], "v": [1.0]}), "does not fit"),
        (lambda run: pairs_table(run, {"i": [0]}), "does not fit"),
        (lambda run: (run.folder / "10_phash/summary.json").write_text("{"), "is damaged"),
        (lambda run: (run.folder / "10_phash/summary.json").write_text("[]"), "is damaged"),
        (
            lambda run: (run.folder / "10_phash/manifest.csv").write_text("src\na\n"),
            "cannot be read",
        ),
    ],
)
def test_damaged_results_are_one_sentence(run, spoil, complaint):
    results(run, "10_phash", ["b a stage 3"])
    run.catalogue  # noqa: B018
    spoil(run)
    with pytest.raises(merging.WrongInput, match=complaint):
        merged(run)


# ---------------------------------------------------------------- sets


def a_set(run, rows, reason="cosine", ends=("ba", "dc")):
    """Results of whole sets: b and d go for a and c, or others as `ends` says."""
    results(run, "40_set_pruning", rows)
    facts = run.catalogue.set_index("path")
    written = [
        {
            "bundle": "set b", "src": f"{m}.png", "dst": f"delete_review/{m}.png", "group": "g", "keeper": f"{k}.png",
            "size": facts.bytes[f"{m}.png"], "mtime_ns": facts.mtime_ns[f"{m}.png"], "sha256": facts.sha256[f"{m}.png"],
            "keeper_sha256": facts.sha256[f"{k}.png"], "rule": "sets", "reason": reason,
        }
        for m, k in ends
    ]  # fmt: skip
    columns = [*written[0], "covers"]
    tables.write_csv(run.folder / "40_set_pruning/manifest.csv", columns, written)


def saved(run, made, include="all"):
    return run.save(made.planned(include, run.live_decisions), 1, name="min_inputs")


def test_a_set_moves_whole_to_its_own_folder_and_comes_back(run):
    a_set(run, ["b a stage 1", "d c stage 2"])
    results(run, "10_phash", ["f e stage 2"])
    before = tree(run.library)
    manifest = saved(run, merged(run)) / "manifest.csv"
    moved = {row["src"]: (row["bundle"], row["dst"]) for row in tables.read_csv(manifest)}
    assert moved == {
        "b.png": ("set b", "delete_review/b.png"),
        "b.txt": ("set b", "delete_review/b.txt"),
        "d.png": ("set b", "delete_review/d.png"),
        "f.png": ("f", "_review_dupes/f.png"),
    }
    done = staging.stage(staging.read_manifest(manifest), run.library, ["."])
    assert (done.status, done.done) == (0, 2)
    staging.restore(run.library)
    after = {k: v for k, v in tree(run.library).items() if not k.startswith(".dedup_nb")}
    assert after == before


def test_a_set_goes_in_the_direction_that_its_input_found_in_every_stage(run):
    a_set(run, ["a b stage 1", "d c stage 2"], ends=("ab", "dc"))
    results(run, "10_phash", ["b a stage 1", "d c stage 2"])
    found = roles(merged(run))
    assert found == {"a": "stage b", "b": "keeper b", "c": "keeper c", "d": "stage c"}


def test_a_set_of_which_a_person_keeps_one_stage_stays_whole(run):
    a_set(run, ["b a stage 1", "d c stage 2"])
    made = merged(run)
    mark(made, run, d="keep")
    assert roles(made)["b"] == "review a"
    assert list(tables.read_csv(saved(run, made) / "manifest.csv")) == []


def test_a_stage_of_a_broken_set_goes_alone_only_where_a_finder_of_pairs_proposed_it(run, tmp_path):
    a_set(run, ["b a stage 1", "d c stage 2"])
    results(run, "10_phash", ["b a stage 1"])
    (tmp_path / "lib/d.png").unlink()
    later = begin(tmp_path, run_dir=str(tmp_path / "out/lib/later"))
    of_sets = merged(later, [str(run.folder / "40_set_pruning")])
    assert roles(of_sets) == {"a": "keeper a", "b": "review a"}
    assert roles(merged(later, [str(run.folder)])) == {"a": "keeper a", "b": "stage a"}


def test_the_stages_of_a_set_are_looked_at_together_and_accepted_at_once(run):
    a_set(run, ["b a stage 1", "d c stage 2"])
    results(run, "10_phash", ["f e stage 2"])
    made = merged(run)
    views = run.views(made, made.cut(1))
    shown = [
        ("".join(m["path"][0] for m in view["members"]), view.get("columns")) for view in views
    ]
    assert shown == [("acbd", 2), ("ef", None)]
    assert [views.locate(view["id"]) for view in views] == [0, 1]
    members = views[0]["members"]
    run.live_decisions.review([(m["path"], m["sha256"]) for m in members])
    plan = made.planned("reviewed", run.live_decisions)
    assert {k for k, v in roles(plan).items() if v.startswith("stage")} == {"b", "d"}


def test_a_set_that_another_finder_adds_to_is_looked_at_stage_by_stage(run):
    a_set(run, ["b a stage 1", "d c stage 2"])
    results(run, "10_phash", ["f a stage 2"])
    made = merged(run)
    views = run.views(made, made.cut(1))
    assert ["".join(m["path"][0] for m in view["members"]) for view in views] == ["abf", "cd"]
    assert all("columns" not in view for view in views)
