"""What all finders propose together, counted from the files of a run."""

import hashlib
import json
import os

import pytest

from dedup_nb import groups, staging
from dedup_nb.groups import manifest
from dedup_nb.library import catalogue, tables
from dedup_nb.session import runs, totals

SIZE = {"a.png": 100, "b.png": 200, "c.png": 300, "k.png": 400, "l.png": 500}
DIGEST = {"a.png": "d", "b.png": "b", "c.png": "c", "k.png": "d", "l.png": "l"}


@pytest.fixture
def run(tmp_path):
    """A run folder with a catalogue and no results yet."""
    library, folder = tmp_path / "lib", tmp_path / "run"
    library.mkdir()
    folder.mkdir()
    for path, size in SIZE.items():
        (library / path).write_bytes(bytes(size))
    runs.begin(folder, library, ["."], None)
    rows = [
        dict.fromkeys(catalogue.COLUMNS, "")
        | {"path": path, "status": "ok", "bytes": size, "mtime_ns": 10**18, "sha256": DIGEST[path]}
        for path, size in SIZE.items()
    ]
    rows[4] |= {"status": "unreadable", "error": "damaged"}
    tables.write_csv(folder / "catalogue.csv", catalogue.COLUMNS, rows)
    return folder


def finder(run, name, stage=(), review=(), beside=(), staging="_review_dupes"):
    """Write the results of a finder: (path, keeper) to stage, (path, reason, lacks) to review."""
    folder = run / name
    folder.mkdir()
    keepers = sorted({keeper for _, keeper in stage})
    rows = [{"path": path, "role": "keeper", "keeper": path} for path in keepers]
    rows += [{"path": path, "role": "stage", "keeper": keeper} for path, keeper in stage]
    rows += [
        {"path": path, "role": "review", "keeper": "k.png", "reason": why, "lacks": lacks}
        for path, why, lacks in review
    ]
    blank = dict.fromkeys(groups.NAMES, "") | {"width": 1, "height": 1, "kind": "resized"}
    full = [blank | {"bytes": SIZE[row["path"]], "group_id": "g"} | row for row in rows]
    tables.write_csv(folder / "groups.csv", groups.NAMES, full)
    files = [(path, path, keeper, SIZE[path], DIGEST[path]) for path, keeper in stage]
    files += [(*each, 7, "x") for each in beside]
    moves = [
        dict.fromkeys(manifest.COLUMNS, "")
        | {"bundle": bundle, "src": src, "keeper": keeper, "size": size, "sha256": digest}
        | {"keeper_sha256": DIGEST[keeper]}
        for bundle, src, keeper, size, digest in files
    ]
    tables.write_csv(folder / "manifest.csv", manifest.COLUMNS, moves)
    summary = {"groups": 1, "images": len(stage), "review": len(review), "staging": staging}
    size = sum(SIZE[path] for path, _ in stage)
    (folder / "summary.json").write_text(json.dumps(summary | {"bytes": size}))
    runs.note(run, name, status="done")


def counted(run):
    made = totals.of_run(run)
    return sorted(made.going["path"]), int(made.going["freed"].sum())


def test_an_image_that_two_finders_propose_counts_once(run):
    finder(run, "10_phash", [("a.png", "l.png"), ("b.png", "l.png")])
    finder(run, "30_clip_faiss", [("b.png", "l.png"), ("c.png", "l.png")])
    assert counted(run) == (["a.png", "b.png", "c.png"], 600)
    parts = totals.of_run(run).parts
    assert [(part.name, part.adds_images, part.adds_bytes) for part in parts] == [
        ("30_clip_faiss", 2, 500),  # frees more, so it is counted first
        ("10_phash", 1, 100),
    ]


def test_of_two_finders_that_contradict_each_other_the_first_counts(run):
    finder(run, "10_phash", [("a.png", "b.png")])
    finder(run, "30_clip_faiss", [("b.png", "a.png")])
    assert counted(run) == (["b.png"], 200)
    assert totals.of_run(run).parts[1].contradicted == 1


def test_files_beside_images_are_counted_apart_and_once(run):
    finder(run, "10_phash", [("a.png", "l.png")], beside=[("a.png", "a.xmp", "l.png")])
    finder(run, "50_czkawka", [("a.png", "l.png")], beside=[("a.png", "a.xmp", "l.png")])
    made = totals.of_run(run)
    assert (made.companions, made.companion_bytes, made.freed) == (1, 7, 107)


def test_a_hard_link_of_what_stays_frees_nothing(run):
    library = run.parent / "lib"
    (library / "a.png").unlink()
    os.link(library / "k.png", library / "a.png")
    finder(run, "10_phash", [("a.png", "k.png"), ("b.png", "k.png")])
    assert counted(run) == (["a.png", "b.png"], 200)


def test_a_hard_link_counts_once_if_two_finders_let_both_names_go(run, monkeypatch):
    library = run.parent / "lib"
    (library / "a.png").unlink()
    os.link(library / "k.png", library / "a.png")
    monkeypatch.setitem(SIZE, "a.png", 400)
    finder(run, "10_phash", [("a.png", "l.png")])
    finder(run, "30_clip_faiss", [("k.png", "l.png")])
    assert counted(run) == (["a.png", "k.png"], 400)


def test_clusters_and_the_review_are_not_added(run):
    finder(run, "10_phash", [("a.png", "l.png")])
    finder(run, "60_clusters", [("b.png", "l.png")], staging="_clusters")
    finder(run, "80_review", [("c.png", "l.png")])
    assert counted(run) == (["a.png"], 100)


def test_an_image_waits_once_and_not_if_another_finder_lets_it_go(run):
    finder(run, "10_phash", [], [("a.png", "edited: 3% differs", ""), ("b.png", "x", ".xmp;time")])
    finder(run, "20_time_window", [], [("b.png", "4 s apart", ""), ("c.png", "4 s apart", "")])
    finder(run, "30_clip_faiss", [("a.png", "l.png")])
    made = totals.of_run(run).waiting
    assert made[["path", "finder", "why"]].to_numpy().tolist() == [
        ["b.png", "10_phash", "the keeper lacks .xmp"],
        ["c.png", "20_time_window", "made within seconds of another image, and not compared with it"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "plain"),
    [
        ("edited: 3.1% of the area differs", "edited"),
        ("the pixels show a different picture, score 0.41", "the pixels show a different picture"),
        ("hash not trusted: flat picture", "hash not trusted"),
        ("3 bits apart, re-encoded", "near by the measure alone"),
        ("cosine 0.9213", "near by the measure alone"),
        ("only 2 of 3 stages of its set are paired with a/b", "not every stage of its set is paired"),
        ("the keeper has no copy of its a.psd", "the keeper has no copy of a file beside it"),
        ("found by Czkawka, but 12 bits apart, above 8, cropped", "found by Czkawka, but … bits apart"),
    ],
)  # fmt: skip
def test_a_reason_is_counted_without_the_figures_of_one_image(reason, plain):
    assert totals.plain_reason(reason, "", "10_phash") == plain


@pytest.mark.parametrize("name", ["groups.csv", "manifest.csv"])
def test_a_finder_with_a_damaged_file_is_named_and_the_others_count(run, name):
    finder(run, "10_phash", [("a.png", "l.png")])
    finder(run, "30_clip_faiss", [("b.png", "l.png")])
    (run / "30_clip_faiss" / name).write_text("src,role\n1\n")
    assert counted(run) == (["a.png"], 100)
    (problem,) = totals.of_run(run).problems
    assert problem.startswith("30_clip_faiss is not counted: ") and name in problem


def test_a_run_without_results_has_nothing_to_go(run):
    made = totals.of_run(run)
    assert (made.parts, len(made.going), made.images, made.bytes) == ([], 0, 5, 1500)
    assert made.unreadable.to_numpy().tolist() == [["l.png", "unreadable", "damaged"]]


def test_staging_the_plans_in_order_moves_just_what_was_counted(run):
    """Files with true digests, plans that overlap and contradict each other."""
    library = run.parent / "lib"
    plans = {
        "40_set_pruning": ("delete_review", [("s", "a", "k"), ("s", "b", "k")]),
        "10_phash": ("_review_dupes", [("a", "a", "k"), ("c", "c", "k"), ("d", "d", "b")]),
        "30_clip_faiss": ("_review_dupes", [("k", "k", "e"), ("t", "c", "e"), ("t", "f", "e"), ("g", "g", "e")]),
    }  # fmt: skip
    for name in "abcdefgk":
        (library / f"{name}.png").write_bytes(name.encode() * 50)
    facts = {}
    for name in "abcdefgk":
        now = (library / f"{name}.png").stat()
        facts[name] = {
            "size": now.st_size,
            "mtime_ns": now.st_mtime_ns,
            "sha256": hashlib.sha256(name.encode() * 50).hexdigest(),
        }
    for notebook, (staged, moves) in plans.items():
        rows = [
            dict.fromkeys(manifest.COLUMNS, "") | {"bundle": bundle, "src": f"{src}.png"} | facts[src]
            | {"dst": f"{staged}/{src}.png", "keeper": f"{keeper}.png", "group": "g"}
            | {"keeper_sha256": facts[keeper]["sha256"]}
            for bundle, src, keeper in moves
        ]  # fmt: skip
        members = [{"path": f"{src}.png", "role": "stage", "bytes": 50} for _, src, _ in moves]
        folder = run / notebook
        folder.mkdir()
        tables.write_csv(folder / "manifest.csv", manifest.COLUMNS, rows)
        blank = dict.fromkeys(groups.NAMES, "") | {"width": 1, "height": 1}
        tables.write_csv(folder / "groups.csv", groups.NAMES, [blank | each for each in members])
        summary = {"groups": 1, "images": len(moves), "review": 0, "bytes": 50 * len(moves)}
        (folder / "summary.json").write_text(json.dumps(summary | {"staging": staged}))
        runs.note(run, notebook, status="done")
    made = totals.of_run(run)
    before = {path.name for path in library.glob("*.png")}
    for part in made.parts:
        staging.stage(staging.read_manifest(part.folder / "manifest.csv"), library)
    gone = before - {path.name for path in library.glob("*.png")}
    assert [part.name for part in made.parts] == ["40_set_pruning", "30_clip_faiss", "10_phash"]
    assert made.going["kind"].tolist() == ["whole set", "whole set", "", "", ""]
    assert gone == set(made.going["path"]) == {"a.png", "b.png", "c.png", "f.png", "g.png"}
