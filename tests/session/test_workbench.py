"""Workbench: the parts joined as the notebooks use them."""

import json

import pandas as pd
import pytest
from drawn import make_library, photo, save, tree, write

from dedup_nb.finders import phash
from dedup_nb.library import catalogue, tables
from dedup_nb.pictures.engines import decoders
from dedup_nb.session import run as session_run
from dedup_nb.session import workbench
from dedup_nb.steps.phash import folder_hashes


@pytest.fixture
def library(tmp_path):
    return make_library(tmp_path / "lib")


def start(tmp_path, folder, notebook="10_phash", **more):
    values = {
        "library": str(folder),
        "roots": ["mojo1", "selected"],
        "cache_dir": str(tmp_path / "cache"),
    }
    return workbench.start(notebook, values | {"run_dir": str(tmp_path / "out/lib/run")} | more)


def candidates(run, ceiling=16, **more):
    hashes, rows = run.hashes("phash", 64)
    pairs, _ = phash.near_pairs(hashes, ceiling, rows=rows)
    return run.candidates(pairs, **more)


def found(run, threshold=8):
    made = candidates(run)
    with run.verdicts.without_limit():
        table = made.table(made.cut(threshold))
    return {row.path: (row.role, row.keeper) for row in table.itertuples()}


def test_copies_are_proposed_and_everything_else_is_held_back(tmp_path, library):
    run = start(tmp_path, library, prefer=["selected", "mojo1"])
    assert found(run) == {
        "mojo1/plain.png": ("keeper", "mojo1/plain.png"),
        "mojo1/plain small.png": ("stage", "mojo1/plain.png"),
        "selected/20250705_215212_stage3_enhanced.png": (
            "keeper",
            "selected/20250705_215212_stage3_enhanced.png",
        ),
        "selected/20250706_101010_stage3_enhanced.jpg": (
            "stage",
            "selected/20250705_215212_stage3_enhanced.png",
        ),
        "mojo1/20250705_215212_stage3_enhanced.png": (
            "stage",
            "selected/20250705_215212_stage3_enhanced.png",
        ),
        "mojo1/grey1.png": ("keeper", "mojo1/grey1.png"),
        "mojo1/grey2.png": ("review", "mojo1/grey1.png"),  # flat: a person must say
    }  # the stages of the series are near each other and stand apart
    assert candidates(run).set_apart["inside one series"] == 3


def test_a_catalogue_made_in_parts_is_the_same(tmp_path, library, monkeypatch):
    whole = start(tmp_path, library)
    whole.catalogue  # noqa: B018
    monkeypatch.setattr(session_run, "MEASURED_AT_ONCE", 2)
    parts = start(tmp_path, library, run_dir=str(tmp_path / "out/lib/parts"))
    pd.testing.assert_frame_equal(parts.images, whole.images)
    for name in ("catalogue.csv", "catalogue.parquet", "not_images.csv"):
        assert (parts.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_a_report_changes_nothing_in_the_library(tmp_path, library):
    before = tree(library)
    run = start(tmp_path, library)
    run.save(candidates(run), 8, name="max_distance")
    assert tree(library) == before


def test_results_hold_what_they_promise(tmp_path, library):
    run = start(tmp_path, library)
    folder = run.save(candidates(run), 8, name="max_distance", notes=["a note"])
    names = {
        "params.yaml",
        "report.html",
        "report.md",
        "pairs.parquet",
        "excluded.parquet",
        "groups.csv",
        "manifest.csv",
        "czkawka.json",
        "summary.json",
    }
    assert {path.name for path in folder.iterdir()} == names
    assert {p.name for p in run.folder.iterdir()} == {
        "run.json", "catalogue.csv", "catalogue.parquet", "not_images.csv", "decisions.jsonl", "10_phash",
        "index.html",
    }  # fmt: skip
    rows = list(tables.read_csv(folder / "manifest.csv"))
    staged = [r["path"] for r in tables.read_csv(folder / "groups.csv") if r["role"] == "stage"]
    assert set(staged) <= {r["src"] for r in rows}
    assert {r["src"] for r in rows} - set(staged) == {
        "mojo1/plain small.txt", "selected/20250705_215212_stage3_enhanced.yaml",
    }  # fmt: skip
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["images"], summary["review"], summary["unreadable"]) == (3, 1, 1)
    html = (folder / "report.html").read_text()
    assert html.count("data:image/jpeg") == 7
    assert "a note" in html and "Pairs within one series, excluded" in html and "broken.png" in html
    assert len(pd.read_parquet(run.folder / "catalogue.parquet")) == len(run.catalogue)


def test_saving_again_goes_beside_and_overwrites_nothing(tmp_path, library):
    run = start(tmp_path, library)
    first = run.save(candidates(run), 8, name="max_distance")
    kept = tree(first)
    second = run.save(candidates(run), 2, name="max_distance")
    assert second.parent == first and second.name.startswith("saved-")
    assert kept.items() <= tree(first).items()
    assert "max_distance: 2" in (second / "params.yaml").read_text()


def test_a_second_run_gives_the_same_bytes_whatever_the_number_of_workers(
    tmp_path, library, monkeypatch
):
    folders = []
    for workers in (1, 3):
        monkeypatch.setattr(decoders.os, "cpu_count", lambda n=workers: n)
        run = start(
            tmp_path,
            library,
            cache_dir=str(tmp_path / f"cache{workers}"),
            run_dir=str(tmp_path / f"run{workers}"),
        )
        folders.append(run.save(candidates(run), 8, name="max_distance"))
    for name in ("groups.csv", "manifest.csv"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_marks_of_a_person_are_obeyed_and_frozen_with_the_run(tmp_path, library):
    run = start(tmp_path, library, run_dir=str(tmp_path / "out/lib/one"))
    small = run.images.set_index("path").loc["mojo1/plain small.png"]
    run.live_decisions.mark("mojo1/plain small.png", small.sha256, "keep")
    assert found(run)["mojo1/plain small.png"][0] == "stage"  # this run began before
    later = start(tmp_path, library, run_dir=str(tmp_path / "out/lib/two"))
    assert found(later)["mojo1/plain small.png"] == ("protected", "mojo1/plain.png")
    assert (tmp_path / "out/lib/two/decisions.jsonl").read_bytes() == (
        run.answers / "decisions.jsonl"
    ).read_bytes()


def test_a_person_who_answered_is_not_asked_again(tmp_path, library):
    run = start(tmp_path, library, run_dir=str(tmp_path / "out/lib/one"))
    digests = run.catalogue.set_index("path").sha256
    pair = [
        ("mojo1/plain.png", digests["mojo1/plain.png"]),
        ("mojo1/plain small.png", digests["mojo1/plain small.png"]),
    ]
    run.live_decisions.not_duplicate(pair)
    (library / "mojo1/plain small.png").rename(library / "mojo1/renamed.png")
    later = start(tmp_path, library, run_dir=str(tmp_path / "out/lib/two"))
    assert "mojo1/renamed.png" not in found(later)


def test_views_tell_why_and_carry_badges(tmp_path, library):
    run = start(tmp_path, library, protect=["*grey1*"])
    made = candidates(run)
    views = run.views(made, made.cut(8))
    members = {m["path"]: m for view in views for m in view["members"]}
    assert members["mojo1/grey1.png"]["badges"] == ["mojo1", "protected", "hash not trusted"]
    assert "exact copy" in members["selected/20250705_215212_stage3_enhanced.png"]["badges"]
    assert members["mojo1/grey2.png"]["reason"] == "hash not trusted: flat picture"
    assert [views.locate(view["id"]) for view in views] == [0, 1, 2]


def test_another_hash_is_computed_for_a_catalogue_that_is_there(tmp_path, library):
    start(tmp_path, library).catalogue  # noqa: B018
    run = start(tmp_path, library)
    hashes, rows = run.hashes("dhash", 256, "rotate")
    assert hashes.shape == (len(rows), 8, 32)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ({"max_distance": "8"}, 'sets max_distance to "8"'),
        ({"library": "/nowhere"}, "library /nowhere is not a folder"),
        ({"roots": ["nope"]}, "root nope is not a folder"),
        ({"only_folders": ["nope"]}, "only_folders names nope"),
        ({"prefer": ["nope"]}, "prefer names nope, which is not one of the roots"),
        (
            {"max_distanse": 3},
            "max_distanse is not a parameter of 10_phash; did you mean max_distance",
        ),
        ({"keeper_order": ["sharpest"]}, "sets keeper_order to sharpest"),
    ],
)
def test_wrong_parameters_stop_at_the_start_with_one_sentence(tmp_path, library, more, complaint):
    with pytest.raises(ValueError, match=complaint):
        run = start(tmp_path, library, **more)
        candidates(run)


@pytest.mark.parametrize("name", ["run_dir", "cache_dir"])
def test_nothing_is_written_inside_the_library(tmp_path, library, name):
    before = tree(library)
    with pytest.raises(ValueError, match="lies inside the library"):
        start(tmp_path, library, **{name: str(library / "results")})
    assert tree(library) == before


def test_a_file_changed_since_the_catalogue_asks_for_a_new_run(tmp_path, library):
    start(tmp_path, library).catalogue  # noqa: B018
    save(photo(77), library / "mojo1/alone.png")
    with pytest.raises(ValueError, match=r"changed since .* start a new run"):
        start(tmp_path, library).hashes("ahash", 64)


def test_hashes_of_a_folder_are_those_of_imagehash(tmp_path, library):
    import imagehash
    from PIL import Image

    rows = {
        path: (digits, error)
        for path, digits, error in folder_hashes(library / "mojo1", use_cache=False)
    }
    assert rows["plain.png"] == (str(imagehash.phash(Image.open(library / "mojo1/plain.png"))), "")
    assert rows["broken.png"][0] == "" and rows["broken.png"][1]


def test_only_what_was_scanned_is_in_the_catalogue(tmp_path, library):
    run = start(tmp_path, library, limit=3)
    assert len(run.catalogue) == 3
    files = [
        p for root in ("mojo1", "selected") for p in (library / root).rglob("*") if p.is_file()
    ]
    assert len(run.catalogue) + len(run.others) == len(files)
    assert catalogue.others_by(run.others)["files"].sum() == len(run.others)


def test_a_library_in_outputs_has_its_runs_beside_it_and_not_in_it(tmp_path, library, monkeypatch):
    project = tmp_path / "project"
    (project / "outputs").mkdir(parents=True)
    library.rename(project / "outputs/demo-library")
    values = {"library": str(project / "outputs/demo-library"), "prefer": []}
    values |= {"cache_dir": str(tmp_path / "cache")}
    monkeypatch.setattr(session_run.notebooks, "notebooks_folder", lambda: project / "notebooks")
    run = session_run.Run("10_phash", values)
    assert run.folder.parent == run.outputs == project / "outputs/demo-library-runs"


def test_profiles_of_one_library_share_their_answers_and_keep_those_of_before(tmp_path, library):
    outputs = tmp_path / "outputs"
    profile = str(tmp_path / "first.yaml")
    run = start(tmp_path, library, profile=profile, run_dir=str(outputs / "first/one"))
    digest = run.catalogue.set_index("path").sha256["mojo1/plain.png"]
    mark = {"version": 1, "when": "2025", "what": "mark", "path": "mojo1/plain.png"}
    old = json.dumps(mark | {"sha256": digest, "mark": "stage"}) + "\n"
    (outputs / "first/decisions.jsonl").write_text(old)
    (outputs / "other/one").mkdir(parents=True)
    other = {"library": "/of/another", "notebooks": {}}
    (outputs / "other/one/run.json").write_text(json.dumps(other))
    (outputs / "other/decisions.jsonl").write_text(old.replace("stage", "keep"))

    renamed = str(tmp_path / "renamed.yaml")
    later = start(tmp_path, library, profile=renamed, run_dir=str(outputs / "renamed/one"))

    assert later.answers.parent == outputs / "libraries"
    assert later.answers.name.startswith("lib-") and later.answers == run.answers
    assert later.live_decisions.mark_of("mojo1/plain.png", digest) == "stage"
    later.live_decisions.mark("mojo1/plain.png", digest, "keep")
    again = start(tmp_path, library, profile=profile, run_dir=str(outputs / "first/two"))
    assert again.decisions.mark_of("mojo1/plain.png", digest) == "keep"
    assert (outputs / "first/decisions.jsonl").read_text() == old


def test_images_are_shown_beside_each_other_without_decoding_them_in_the_kernel(
    tmp_path, monkeypatch
):
    library = make_library(tmp_path / "library")
    values = {"library": str(library), "cache_dir": str(tmp_path / "cache")}
    run = workbench.start("10_phash", values | {"run_dir": str(tmp_path / "run")})
    monkeypatch.setattr("PIL.Image.open", None)  # in the kernel
    (square,) = run.beside.tiles("mojo1/plain.png", 0, [(0, 0)])
    assert square.startswith(b"\x89PNG")
    assert (
        run.beside.placed("mojo1/plain.png", "mojo1/plain small.png").text
        == "aligned: scaled by 0.5"
    )
    with pytest.raises(ValueError, match=r"^cannot be shown: .*damaged PNG"):
        run.beside.tiles("mojo1/broken.png", 0, [(0, 0)])


def test_the_line_on_the_catalogue_names_the_extra_that_would_read_more(tmp_path, monkeypatch):
    save(photo(1), tmp_path / "lib/a.png")
    write(tmp_path / "lib/b.jxl", b"\xff\x0a")
    monkeypatch.setattr(session_run.openers, "missing_extras", lambda: {"JXL": "dedup_nb[jxl]"})
    run = start(tmp_path, tmp_path / "lib", roots=["."])
    assert run.describe().endswith(
        "1 unreadable image (pip install 'dedup_nb[jxl]' reads 1 of them)"
    )


def test_the_line_on_the_catalogue_says_that_png_files_are_decoded_slowly(tmp_path, monkeypatch):
    save(photo(1), tmp_path / "lib/a.png")
    monkeypatch.setattr(session_run, "HAS_ISAL", False)
    run = start(tmp_path, tmp_path / "lib", roots=["."])
    assert run.describe().endswith(
        "; 1 PNG file decoded four times slower than with the package isal"
    )
