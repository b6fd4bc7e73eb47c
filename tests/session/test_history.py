"""The shelf: earlier runs, and a new folder to work in."""

import json
import re

import pytest

from dedup_nb import cli
from dedup_nb.session import history, index_page

STAMPS = ("20250701T000000Z", "20250702T000000Z", "20250703T000000Z")


def run_json(library, started, status):
    return {
        "tool": "0.1.0",
        "library": str(library),
        "roots": ["."],
        "profile": None,
        "started": started,
        "notebooks": {"10_phash": {"status": status}},
    }


@pytest.fixture
def outputs(tmp_path):
    """Three runs of one profile, one of another, and what a person said."""
    for profile, stamps in (("mine", STAMPS), ("other", STAMPS[:1])):
        for stamp in stamps:
            folder = tmp_path / "outputs" / profile / stamp
            (folder / "10_phash" / "saved-1").mkdir(parents=True)
            content = run_json(tmp_path / "pictures", stamp, "done")
            (folder / "run.json").write_text(json.dumps(content))
    (tmp_path / "outputs/mine/decisions.jsonl").write_text("{}\n")
    return tmp_path / "outputs"


@pytest.fixture
def trash(tmp_path, monkeypatch):
    """A trash that only notes what it was given."""
    import send2trash

    def take(path):
        path.rename(tmp_path / "trash" / f"{path.parent.name}-{path.name}")

    (tmp_path / "trash").mkdir()
    monkeypatch.setattr(send2trash, "send2trash", take)
    return tmp_path / "trash"


def test_runs_are_listed_oldest_first_with_what_was_done(outputs, capsys):
    assert cli.main(["runs", "--out", str(outputs)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0].split("/")[-1] for line in lines] == [STAMPS[0], *STAMPS]
    assert "1 done, 1 saved by hand" in lines[0]


def test_old_runs_go_to_the_trash_and_decisions_stay(outputs, trash, capsys):
    assert cli.main(["runs", "--out", str(outputs), "--keep", "1"]) == 0
    assert "moved 2 runs to the trash, kept 2" in capsys.readouterr().out
    assert sorted(p.name for p in trash.iterdir()) == [f"mine-{stamp}" for stamp in STAMPS[:2]]
    left = sorted(str(p.relative_to(outputs)) for p in outputs.glob("*/*"))
    assert left == [f"mine/{STAMPS[2]}", "mine/decisions.jsonl", f"other/{STAMPS[0]}"]


def test_a_run_at_work_stays(outputs, trash):
    path = outputs / "mine" / STAMPS[0] / "run.json"
    content = run_json(outputs.parent / "pictures", STAMPS[0], "running")
    path.write_text(json.dumps(content))
    gone = [run.folder.name for run in history.let_go(history.past(outputs, "mine"), 0)]
    assert gone == [STAMPS[2], STAMPS[1]]


def test_where_there_are_no_runs_it_says_so(tmp_path, capsys):
    assert cli.main(["runs", "--out", str(tmp_path / "none")]) == 2
    assert "is not a folder; pass a PROFILE" in capsys.readouterr().err


def test_folders_of_pictures_are_never_taken_for_runs(tmp_path, trash):
    library = tmp_path / "pictures"
    for name, content in (
        ("a", {"started": "now", "notebooks": {}}),  # of another program
        ("b", {"tool": "0.1.0", "started": "now", "library": str(library), "notebooks": {}}),
    ):
        (library / "day" / name).mkdir(parents=True)
        (library / "day" / name / "run.json").write_text(json.dumps(content))
    assert history.past(library) == []
    assert cli.main(["runs", "--keep", "0", "--out", str(library)]) == 0
    assert not list(trash.iterdir())


def test_a_run_that_does_not_name_its_version_is_listed_but_never_moved(outputs, trash, capsys):
    path = outputs / "mine" / STAMPS[0] / "run.json"
    content = json.loads(path.read_text())
    del content["tool"]
    path.write_text(json.dumps(content))
    assert cli.main(["runs", "--out", str(outputs)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert cli.main(["runs", "--out", str(outputs), "--keep", "0"]) == 0
    assert path.exists() and len(list(trash.iterdir())) == 3


DAMAGED = [
    ("", "it is empty"),
    ("{", "Expecting property name"),
    ("[]", "does not hold a JSON object"),
    ("{}", "it names no library"),
    ("[" * 200_000, "does not hold a JSON object|nested too deeply"),
    ('{"library": "/x", "roots": ["."], "notebooks": {}, "profile": null}', "when it started"),
    ('{"library": "/x", "roots": ["."], "notebooks": {}, "started": "2025-01-01"}', "its profile"),
    *(
        (json.dumps(run_json("/x", STAMPS[0], "done") | {key: value}), "damaged or not of a run")
        for key, value in (
            ("library", 1), ("library", "a\0b"), ("roots", "x"), ("roots", [1]), ("profile", 5), ("started", "9999-12-31T23:59:59-10:00"),
            ("started", None), ("started", 7), ("started", "yesterday"), ("notebooks", []),
            ("notebooks", {"10_phash": "done"}), ("notebooks", {"10_phash": {"status": ["done"]}}),
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "complaint"), DAMAGED)
def test_a_damaged_run_is_named_and_the_others_are_used(
    outputs, trash, tmp_path, monkeypatch, capsys, text, complaint
):
    (tmp_path / "pictures").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (outputs / "mine" / STAMPS[1] / "run.json").write_text(text)
    assert cli.main(["runs", "--out", str(outputs)]) == 0
    listed = capsys.readouterr()
    assert len(listed.out.splitlines()) == 3
    assert re.search(f"ignored a run: .*{STAMPS[1]}/run.json.*({complaint})", listed.err)
    assert len(listed.err.splitlines()) == 1
    assert cli.main(["cache"]) == 0
    assert STAMPS[1] in capsys.readouterr().err
    assert cli.main(["runs", "--out", str(outputs), "--keep", "0"]) == 0
    assert (outputs / "mine" / STAMPS[1]).exists()  # what is not understood stays


@pytest.mark.parametrize("text", ["", "[]", '{"groups": "x"}', '{"rows": []}', "{" * 9999])
def test_a_damaged_summary_is_named_in_the_index_and_the_rest_is_there(outputs, text):
    folder = outputs / "mine" / STAMPS[0]
    (folder / "10_phash" / "summary.json").write_text(text)
    index_page.write_index(folder)
    page = (folder / "index.html").read_text()
    assert "10_phash" in page and "summary.json is damaged" in page


def test_a_profile_named_like_a_pattern_lists_only_its_own_runs(outputs):
    assert history.past(outputs, "[mo]*") == []
    assert history.past(outputs, "*") == []


def test_half_characters_of_a_damaged_summary_are_shown_escaped_in_the_index(outputs):
    folder = outputs / "mine" / STAMPS[0]
    (folder / "10_phash" / "summary.json").write_text('{"says": "\\ud800 \\udce9"}')
    index_page.write_index(folder)
    assert "\\ud800 \\udce9" in (folder / "index.html").read_text()
