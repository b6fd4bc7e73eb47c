"""What people have stays readable: samples that version 0.1.0 left behind, read by this one.

The samples were made with that version, by real runs and real kills. Where a test fails, the code
has to learn to read the sample; the sample is never changed.
"""

from __future__ import annotations

import csv
import io
import shutil
import sqlite3
from pathlib import Path

import pytest
import sample_kit as kit

from dedup_nb import cli, staging
from dedup_nb.compare import verdicts
from dedup_nb.finders import embeddings, phash
from dedup_nb.groups import decisions
from dedup_nb.library import catalogue, tables
from dedup_nb.library.yaml_files import read_flat
from dedup_nb.pictures import measures
from dedup_nb.pictures.store import FileKey, Store
from dedup_nb.session import parameters, runs

OLD = kit.SAMPLES / "v0.1.0"
JOURNALS = OLD / "journals"
CASES = sorted(path.parent.name for path in JOURNALS.glob("*/case.json"))
PROFILES = sorted(path.stem for path in (OLD / "profiles").glob("*.yaml"))
STAMP = "20250707T080000Z"
ROOTS = ["mojo1", "selected"]
MANIFESTS = {step["manifest"]: step for step in kit.load(OLD / "run/expected-stage.json")}


# ---------------------------------------------------------------- journals


@pytest.fixture
def laid_out(request, tmp_path):
    """A case and its library, journals and all."""
    return kit.case(JOURNALS / request.param, JOURNALS / "contents", tmp_path / "pictures")


@pytest.mark.parametrize("laid_out", CASES, indirect=True)
def test_status_tells_of_old_journals_what_it_told_then(laid_out):
    case, library = laid_out
    assert cli.main(["status", "--library", str(library)]) == case["status_exit"]
    assert kit.known_part(kit.status(library), case["status"]) == case["status"]
    assert kit.read_tree(library, JOURNALS / "contents") == case["tree"]


@pytest.mark.parametrize("laid_out", CASES, indirect=True)
def test_commands_go_on_from_old_journals_as_they_did_then(laid_out):
    case, library = laid_out
    for step in case["steps"]:
        found = kit.take_step(step, JOURNALS / "manifests", library)
        told = kit.outcome(case, library, JOURNALS / "contents") | {"exit": found}
        then = {key: step[key] for key in ("exit", "changes", "status")}
        assert told["changes"] == then["changes"], step
        assert kit.known_part(told, then) == then, step


@pytest.mark.parametrize("laid_out", ["staged"], indirect=True)
def test_a_batch_staged_long_ago_can_be_approved(laid_out, monkeypatch):
    case, library = laid_out
    gone = []

    def trash(path):
        gone.append(str(Path(path).relative_to(library)))
        Path(path).unlink()

    monkeypatch.setattr("send2trash.send2trash", trash)
    [batch] = [each["batch"] for each in case["status"]["batches"]]
    token = staging.approval_token(library, batch)
    command = ["approve", batch, "--library", str(library), "--token"]
    assert cli.main([*command, "0" * len(token)]) == 2
    assert not gone
    assert cli.main([*command, token]) == 0
    staged = {path for path in case["tree"] if path.startswith(staging.STAGING)}
    assert set(gone) == staged
    left = kit.changes(case["tree"], kit.read_tree(library, JOURNALS / "contents"))
    assert left == dict.fromkeys(staged, "gone")


# ---------------------------------------------------------------- decisions


def reading(said, asked):
    """What decisions say of a catalogue and of some groups."""
    paths, digests = zip(*asked["catalogue"], strict=True)
    return {
        "marks": said.marks_for(paths, digests),
        "not_duplicate": [sorted(each) for each in said.answers()],
        "reviewed": [sorted(each) for each in said.answers("reviewed")],
        "groups_answered": [said.answered(group) for group in asked["groups"]],
        "groups_reviewed": [said.reviewed(group) for group in asked["groups"]],
        "mentioned": sorted(said.mentioned()),
        "listed": said.listed(),
        "count": len(said),
    }


@pytest.mark.filterwarnings("ignore:.* is not a decision")
@pytest.mark.parametrize("name", ["decisions", "damaged"])
def test_old_decisions_are_in_force_and_can_be_undone_one_by_one(name, tmp_path):
    path = tmp_path / "decisions.jsonl"
    shutil.copyfile(OLD / f"decisions/{name}.jsonl", path)
    asked = kit.load(OLD / "decisions/asked.json")
    expected = kit.load(OLD / f"decisions/expected-{name}.json")
    said = decisions.Decisions(path)
    now = reading(said, asked) | {"problems": len(said.problems), "undone": expected["undone"]}
    assert now == expected
    assert path.read_bytes() == (OLD / f"decisions/{name}.jsonl").read_bytes()
    for then in expected["undone"]:
        record = said.undo()
        assert kit.known_part(dict(record) | reading(said, asked), then) == then
    assert said.undo() is None


# ---------------------------------------------------------------- a run


@pytest.fixture
def home(tmp_path):
    """The work of a person with version 0.1.0: pictures, profile, a run, decisions, a cache."""
    return kit.home(OLD, tmp_path.resolve())


def profile_of(home):
    return str(home / "params/tiny.yaml")


def run_of(home):
    return home / "outputs/tiny" / STAMP


def rows(path, columns=None):
    """The rows of a CSV file, of some columns."""
    found = list(tables.read_csv(path))
    return [{name: row[name] for name in columns or row} for row in found]


def assert_same_table(now, then):
    """Compare two CSV files by the columns of the second; the wording of reasons may change."""
    header = next(csv.reader(io.StringIO(then.read_text(encoding="utf-8"))))
    columns = [name for name in header if name != "reason"]
    assert rows(now, columns) == rows(then, columns)


SMALL = "mojo1/hill small.jpg"  # has a .txt, which none of its copies has


def assert_more_careful(now, then):
    """As `assert_same_table`, but what the keeper lacks something of waits for review today.

    A series that goes as a whole is one bundle today, with the sidecar that its stages share.
    """
    header = next(csv.reader(io.StringIO(then.read_text(encoding="utf-8"))))
    columns = [name for name in header if name not in ("reason", "bundle")]
    waiting = {"role": "review"}
    expected = [
        row | {name: text for name, text in waiting.items() if name in columns}
        if row.get("path") == SMALL
        else row
        for row in rows(then, columns)
        if not row.get("src", "").startswith(SMALL.removesuffix(".jpg") + ".")
    ]
    found = [row for row in rows(now, columns) if not row.get("src", "").endswith(".decision")]
    of_sets = [row for row in expected if not row.get("src", "").endswith(".decision")]
    assert found == of_sets


def test_an_old_run_is_listed(home, capsys):
    expected = kit.load(OLD / "run/expected-runs.json")["runs"]
    assert cli.main(["runs", profile_of(home)]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{run_of(home)}  {expected}  ")


@pytest.mark.parametrize("name", MANIFESTS)
def test_the_plan_of_an_old_run_is_staged_and_restored(home, name):
    before = kit.read_tree(home / "pictures", OLD / "pictures")
    assert before == kit.load(OLD / "pictures.json")
    assert cli.main(["stage", str(run_of(home) / name)]) == 0  # run.json above names the library
    [batch] = [each["batch"] for each in kit.status(home / "pictures")["batches"]]
    found = kit.changes(before, kit.read_tree(home / "pictures", OLD / "pictures"))
    expected = MANIFESTS[name]["changes"]
    assert found == {path.replace("BATCH", batch): entry for path, entry in expected.items()}
    assert cli.main(["restore", "--library", str(home / "pictures")]) == 0
    after = kit.read_tree(home / "pictures", OLD / "pictures")
    assert kit.changes(before, after) == {}


def test_the_plan_of_a_run_whose_library_is_not_there_is_refused(tmp_path, capsys):
    shutil.copytree(OLD / "run/tiny", tmp_path / "tiny")
    assert cli.main(["stage", str(tmp_path / f"tiny/{STAMP}/10_phash/manifest.csv")]) == 2
    assert f"{kit.HOME}/pictures cannot be opened as a library" in capsys.readouterr().err


def test_what_is_done_of_an_old_run_is_not_run_again(home, capsys):
    done = list(runs.read(run_of(home))["notebooks"])
    only = [part for name in done for part in ("--only", name)]
    assert cli.main(["run", profile_of(home), "--resume", str(run_of(home)), *only]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(run_of(home))
    for path in sorted((OLD / "run/tiny" / STAMP).rglob("*.csv")):
        now = run_of(home) / path.relative_to(OLD / "run/tiny" / STAMP)
        assert now.read_bytes() == path.read_bytes()


def test_an_old_run_goes_on_with_a_notebook_that_it_did_not_have(home):
    more = ["--resume", str(run_of(home)), "--only", "20_time_window"]
    assert cli.main(["run", profile_of(home), *more]) == 0
    assert runs.read(run_of(home))["notebooks"]["20_time_window"]["status"] == "done"
    assert (run_of(home) / "20_time_window/groups.csv").is_file()


def test_an_old_run_of_another_profile_is_not_resumed(home, capsys):
    other = home / "params/other.yaml"
    shutil.copyfile(profile_of(home), other)
    assert cli.main(["run", str(other), "--resume", str(run_of(home))]) == 2
    assert f"is a run of {profile_of(home)}" in capsys.readouterr().err


def test_results_of_an_old_run_are_merged_into_one_plan(home, capsys):
    assert cli.main(["run", profile_of(home), "--only", "80_review"]) == 0
    review = Path(capsys.readouterr().out.splitlines()[-1]) / "80_review"
    for name in ("groups.csv", "manifest.csv", "agreement.csv", "unusable.csv"):
        assert_more_careful(review / name, OLD / "run/expected-review" / name)


def test_parameters_that_an_old_run_kept_are_accepted():
    for path in sorted((OLD / "run/tiny").rglob("params.yaml")):
        inside = path.relative_to(OLD / "run/tiny" / STAMP)
        parameters.check(inside.parts[0], read_flat(path.read_text()), str(inside))


def test_the_old_catalogue_is_read_whole():
    path = OLD / "run/tiny" / STAMP / "catalogue.csv"
    table = catalogue.read(path)
    text = rows(path)
    for name in ("path", "status", "sha256", "format", "stage", "series"):
        assert table[name].tolist() == [row[name] for row in text], name
    for name in ("bytes", "mtime_ns", "width", "height"):
        assert table[name].tolist() == [int(row[name]) for row in text], name


# ---------------------------------------------------------------- the cache


def all_rows(folder):
    """Every measure of a cache with the number under which it was kept; a new one is another."""
    with sqlite3.connect(next(folder.glob("store-*.sqlite"))) as db:
        return set(db.execute("select id, kind, sha256, value from measure"))


def kinds():
    """The kinds of today that are made by decoding and need no weights."""
    made = [phash.kind("phash", 64), phash.kind("phash", 256), phash.kind("dhash", 64)]
    return [*made, embeddings.embedder("dct").kind]


def opened(tmp_path, name="."):
    shutil.copyfile(OLD / "cache" / name / "store-2.sqlite", tmp_path / "store-2.sqlite")
    return Store(tmp_path)


@pytest.mark.parametrize("name", [".", "without_exposure"])
def test_everything_in_an_old_cache_is_found(tmp_path, name):
    expected = kit.load(OLD / f"cache/expected{'' if name == '.' else f'-{name}'}.json")
    kept = opened(tmp_path, name)
    keys = [FileKey(*key) for key, _ in expected["files"]]
    assert kept.digests(keys) == [sha256 for _, sha256 in expected["files"]]
    facts = kept.facts(expected["facts"])
    now = {sha256: fact._asdict() for sha256, fact in facts.items()}
    assert kit.known_part(now, expected["facts"]) == expected["facts"]
    assert kit.digests(kept) == expected["values"]
    kept.close()


def cache_of(home):
    return ["--library", str(home / "pictures"), "--cache-dir", str(home / "cache")]


def test_an_old_cache_is_told(home, capsys):
    assert cli.main(["cache", *cache_of(home)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    counts = {" ".join(line[1:]).partition(",")[0]: line[0] for line in lines}
    for kind, (count, _) in kit.load(OLD / "cache/expected.json")["values"].items():
        assert counts[kind if kind != "thumbnail" else "thumbnails"] == str(count)


def test_pruning_an_old_cache_leaves_what_a_file_is_there_for(home):
    before = all_rows(home / "cache")
    assert cli.main(["cache", "--prune", *cache_of(home)]) == 0
    of_one_picture = {row for row in before if " " not in row[2]}
    assert all_rows(home / "cache") >= of_one_picture


def test_pruning_an_old_cache_leaves_the_verdicts_on_two_pictures(home):
    before = all_rows(home / "cache")
    assert cli.main(["cache", "--prune", *cache_of(home)]) == 0
    assert all_rows(home / "cache") == before


def test_an_old_cache_is_sound(home):
    assert cli.main(["cache", "--verify", *cache_of(home)]) == 0


def measure(home, kept):
    found = catalogue.scan(home / "pictures", ROOTS).images
    keys = [FileKey(*image.key) for image in found]
    facts = measures.measure_files(home / "pictures", keys, kept, kinds(), max_pixels=100_000)
    return {key.path: fact for key, fact in zip(keys, facts, strict=True)}


def test_pictures_in_an_old_cache_are_not_decoded_again(home):
    before = all_rows(home / "cache")
    there = {kind for _, kind, _, _ in before}
    kept = Store(home / "cache")
    found = measure(home, kept)
    kept.close()
    added = all_rows(home / "cache") - before
    assert before <= all_rows(home / "cache")
    assert not {kind for _, kind, _, _ in added} & there  # only kinds that have a new name
    expected = kit.load(OLD / "cache/expected.json")
    for path, sha256 in ((key[0], sha256) for key, sha256 in expected["files"]):
        if found[path].status != "too_large":
            then = expected["facts"][sha256]
            assert kit.known_part(found[path]._asdict(), then) == then
    assert found["mojo1/large.png"].status == "too_large"
    assert found["mojo1/broken.png"].status == "unreadable"


def test_facts_that_a_still_older_cache_lacks_are_read_again(home):
    shutil.copyfile(OLD / "cache/without_exposure/store-2.sqlite", home / "cache/store-2.sqlite")
    kept = Store(home / "cache")
    sha256s = kit.load(OLD / "cache/expected.json")["facts"]
    assert {fact.exposure for fact in kept.facts(sha256s).values()} == {None}
    found = measure(home, kept)
    kept.close()
    assert found["selected/hill.jpg"].exposure.startswith("2025")
    assert None not in {fact.exposure for fact in found.values() if fact.status == "ok"}


def test_a_new_run_over_an_old_cache_proposes_no_more_and_replaces_nothing(home, capsys):
    before = all_rows(home / "cache")
    there = {kind for _, kind, _, _ in before}
    command = ["run", profile_of(home), "--only", "00_catalogue", "--only", "10_phash"]
    assert cli.main(command) == 0
    run = Path(capsys.readouterr().out.splitlines()[-1])
    for name in ("catalogue.csv", "10_phash/groups.csv", "10_phash/manifest.csv"):
        assert_more_careful(run / name, OLD / "run/tiny" / STAMP / name)
    added = all_rows(home / "cache") - before
    assert before <= all_rows(home / "cache")
    assert not {kind for _, kind, _, _ in added} & there
    if not added:  # so verdicts of today are those of then
        assert verdicts.VERDICTS in there


def test_what_looks_alike_is_told_from_an_old_cache(home, capfd):
    before = all_rows(home / "cache")
    image = home / "pictures/selected/hill.jpg"
    assert cli.main(["similar", str(image), "-k", "3", "--min-cosine", ".9", *cache_of(home)]) == 0
    found = [line.split(",")[0] for line in capfd.readouterr().out.splitlines()[1:]]
    assert set(found) == {"mojo1/hill again.jpg", "mojo1/hill copy.jpg", "mojo1/hill small.jpg"}
    assert before <= all_rows(home / "cache")


# ---------------------------------------------------------------- profiles


@pytest.fixture
def params(tmp_path, monkeypatch):
    """The folder of a person's profiles."""
    home = tmp_path.resolve() / "ana"
    monkeypatch.setenv("HOME", str(home))
    shutil.copytree(OLD / "profiles", home / "params")
    return home / "params"


def neutral(value, home):
    """Return what a profile holds as it was where the samples were made."""
    if isinstance(value, str):
        return value.replace(str(home), kit.HOME)
    if isinstance(value, dict):
        return {key: neutral(item, home) for key, item in value.items()}
    return [neutral(item, home) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", PROFILES)
def test_an_old_profile_means_what_it_meant(params, name):
    profile = parameters.load(params / f"{name}.yaml")
    expected = kit.load(OLD / "profiles/expected.json")[name]
    assert {n: neutral(profile.flat(n), params.parent) for n in expected} == expected


@pytest.mark.parametrize("name", PROFILES)
def test_a_value_written_into_an_old_profile_leaves_all_else_as_it_was(params, name):
    path = params / f"{name}.yaml"
    expected = kit.load(OLD / "profiles/expected.json")[name]
    comments = [line for line in path.read_text(encoding="utf-8").splitlines() if "#" in line]
    parameters.write_value(path, "30_clip_faiss", "k", 33)
    profile = parameters.load(path)
    expected["30_clip_faiss"]["k"] = 33
    assert {n: neutral(profile.flat(n), params.parent) for n in expected} == expected
    text = path.read_text(encoding="utf-8")
    assert all(line.partition("#")[2] in text for line in comments)
