"""Decisions: what a person said, remembered by content."""

import json
import os
import subprocess
import sys

import pytest

from dedup_nb.groups.decisions import Decisions

A, B, C = "a" * 64, "b" * 64, "c" * 64


def lines(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_a_mark_is_a_line_on_disk_at_once(tmp_path):
    path = tmp_path / "new" / "decisions.jsonl"
    decisions = Decisions(path)
    decisions.mark("x.png", A, "stage", group="g1", finder="10_phash")
    [line] = lines(path)
    assert line.pop("when").endswith("Z")
    assert line == {
        "version": 1,
        "what": "mark",
        "group": "g1",
        "finder": "10_phash",
        "path": "x.png",
        "sha256": A,
        "mark": "stage",
    }


def test_each_line_is_synced_before_mark_returns(tmp_path, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_size), real(fd))[1])
    path = tmp_path / "decisions.jsonl"
    Decisions(path).mark("x.png", A, "stage")
    assert synced[0] == path.stat().st_size


def test_marks_survive_a_restart_and_the_last_one_holds(tmp_path):
    path = tmp_path / "decisions.jsonl"
    first = Decisions(path)
    first.mark("x.png", A, "stage")
    first.mark("y.png", B, "keep")
    first.mark("x.png", A, "keep")
    first.mark("y.png", B, None)
    assert Decisions(path).marks_for(["x.png", "y.png", "z.png"], [A, B, C]) == ["keep", None, None]


def test_two_notebooks_share_one_file(tmp_path):
    path = tmp_path / "decisions.jsonl"
    one, other = Decisions(path), Decisions(path)
    one.mark("x.png", A, "stage")
    other.mark("y.png", B, "keep")
    assert one.marks_for(["x.png", "y.png"], [A, B]) == ["stage", "keep"]
    assert one.undo()["path"] == "y.png"
    assert other.marks_for(["x.png", "y.png"], [A, B]) == ["stage", None]


@pytest.mark.parametrize("said", ["trash", "", "KEEP"])
def test_what_is_no_mark_is_refused_and_not_written(tmp_path, said):
    path = tmp_path / "decisions.jsonl"
    with pytest.raises(ValueError, match="is not a mark"):
        Decisions(path).mark("x.png", A, said)
    assert not path.exists()


def test_an_image_without_a_digest_cannot_be_decided_on():
    with pytest.raises(ValueError, match="no digest"):
        Decisions(None).mark("x.png", "", "keep")
    with pytest.raises(ValueError, match="no digest"):
        Decisions(None).not_duplicate([("x.png", A), ("y.png", "")])


def test_a_name_that_is_no_utf8_is_remembered_exactly(tmp_path):
    path, name = tmp_path / "decisions.jsonl", "caf\udce9 \u2028\n.png"
    Decisions(path).mark(name, A, "stage")
    assert path.read_bytes().isascii()
    assert path.read_bytes().count(b"\n") == 1
    assert Decisions(path).marks_for([name], [A]) == ["stage"]


def test_undo_takes_back_one_decision_after_another_also_after_a_restart(tmp_path):
    path = tmp_path / "decisions.jsonl"
    first = Decisions(path)
    first.mark("x.png", A, "stage")
    first.mark("x.png", A, "keep")
    first.not_duplicate([("x.png", A), ("y.png", B)])
    assert first.undo()["answer"] is False
    again = Decisions(path)
    assert not again.answered({A, B})
    assert again.undo()["mark"] == "stage"
    assert again.marks_for(["x.png"], [A]) == ["stage"]
    assert again.undo()["mark"] is None
    assert again.marks_for(["x.png"], [A]) == [None]
    assert again.undo() is None
    assert len(lines(path)) == 6  # nothing was taken out of the file


def test_a_decision_after_an_undo_can_be_undone_in_turn():
    decisions = Decisions(None)
    decisions.mark("x.png", A, "stage")
    decisions.undo()
    decisions.mark("x.png", A, "keep")
    decisions.undo()
    assert decisions.marks_for(["x.png"], [A]) == [None]
    assert decisions.undo() is None


def test_of_two_exact_copies_only_the_marked_one_is_marked():
    decisions = Decisions(None)
    decisions.mark("x.png", A, "stage")
    assert decisions.marks_for(["x.png", "copy.png"], [A, A]) == ["stage", None]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["moved/x.png"], ["stage"]),
        (["moved/x.png", "x2.png"], [None, None]),  # which of the two was it? ask again
        (["x.png", "x2.png"], ["stage", None]),  # it never moved
    ],
)
def test_a_mark_follows_a_renamed_image_if_that_is_certain(paths, expected):
    decisions = Decisions(None)
    decisions.mark("x.png", A, "stage")
    assert decisions.marks_for(paths, [A] * len(paths)) == expected


def test_a_mark_does_not_pass_to_the_copy_that_stays_when_the_marked_one_leaves():
    decisions = Decisions(None)
    decisions.marks_for(["x.png", "twin.png"], [A, A])
    decisions.mark("x.png", A, "stage")
    assert decisions.marks_for(["twin.png"], [A]) == [None]
    assert decisions.marks_for(["twin.png", "renamed.png"], [A, A]) == [None, "stage"]


def test_the_renamed_of_two_copies_inherits_while_the_other_has_a_mark_of_its_own():
    decisions = Decisions(None)
    decisions.mark("x.png", A, "stage")
    decisions.mark("y.png", A, "keep")
    assert decisions.marks_for(["y.png", "new.png"], [A, A]) == ["keep", "stage"]


def test_a_mark_on_a_moved_image_replaces_the_one_it_inherited(tmp_path):
    path = tmp_path / "decisions.jsonl"
    decisions = Decisions(path)
    decisions.mark("x.png", A, "stage")
    decisions.marks_for(["new.png"], [A])
    decisions.mark("new.png", A, None)
    assert decisions.marks_for(["new.png"], [A]) == [None]
    assert Decisions(path).marks_for(["new.png"], [A]) == [None]
    decisions.undo()
    assert Decisions(path).marks_for(["new.png"], [A]) == ["stage"]


def test_a_path_with_other_content_has_no_mark():
    decisions = Decisions(None)
    decisions.mark("x.png", A, "stage")
    assert decisions.marks_for(["x.png", "y.png"], [B, A]) == [None, None]


@pytest.mark.parametrize(
    ("group", "answered"),
    [
        ({A, B, C}, True),
        ({A, B}, True),  # fewer of the same
        ({A, B, C, "d" * 64}, False),  # a new member joined
        ({A, "d" * 64}, False),
        ({A}, False),  # exact copies of one picture were never asked about
        (set(), False),
    ],
)
def test_not_duplicates_stays_answered_until_a_new_member_joins(tmp_path, group, answered):
    path = tmp_path / "decisions.jsonl"
    Decisions(path).not_duplicate([("x.png", A), ("y.png", B), ("z.png", C)])
    assert Decisions(path).answered(group) is answered


def test_not_duplicates_can_be_taken_back_for_a_smaller_group():
    decisions = Decisions(None)
    decisions.not_duplicate([("x.png", A), ("y.png", B), ("z.png", C)])
    decisions.not_duplicate([("x.png", A), ("y.png", B)], False)
    assert not decisions.answered({A, B})
    decisions.undo()
    assert decisions.answered({A, B, C})


def test_exact_copies_can_be_answered_too():
    decisions = Decisions(None)
    decisions.not_duplicate([("x.png", A), ("y.png", A)])
    assert decisions.answered({A})


def test_reviewed_and_not_duplicate_are_two_answers():
    decisions = Decisions(None)
    decisions.review([("x.png", A), ("y.png", B)])
    assert decisions.reviewed({A, B})
    assert not decisions.answered({A, B})


def test_a_torn_last_line_is_no_problem_and_the_next_decision_is_not_lost_with_it(tmp_path):
    path = tmp_path / "decisions.jsonl"
    Decisions(path).mark("x.png", A, "stage")
    with open(path, "ab") as file:
        file.write(b'{"version": 1, "what": "ma')
    decisions = Decisions(path)
    assert decisions.problems == []
    with pytest.warns(UserWarning, match="line 2 is not a decision"):
        decisions.mark("y.png", B, "keep")
    assert decisions.marks_for(["x.png", "y.png"], [A, B]) == ["stage", "keep"]


@pytest.mark.parametrize(
    "bad",
    [
        b"nonsense",
        b"\xff\xfe",
        b"[]",
        b'{"version": 2, "what": "mark", "path": "x", "sha256": "s", "mark": "keep"}',
        b'{"version": 1, "what": "mark", "path": "x", "sha256": "s", "mark": "shred"}',
        b'{"version": 1, "what": "mark", "path": "x", "sha256": "s"}',
        b'{"version": 1, "what": "mark", "path": 3, "sha256": "s", "mark": "keep"}',
        b'{"version": 1, "what": "not_duplicate", "answer": true, "digests": []}',
        b'{"version": 1, "what": "shred"}',
        b"",
    ],
)
def test_a_bad_line_is_named_and_the_others_hold(tmp_path, bad):
    path = tmp_path / "decisions.jsonl"
    Decisions(path).mark("x.png", A, "stage")
    good = path.read_bytes()
    path.write_bytes(good + bad + b"\n" + good.replace(b"x.png", b"y.png"))
    with pytest.warns(UserWarning, match="line 2 is not a decision"):
        decisions = Decisions(path)
    assert len(decisions.problems) == 1
    assert decisions.marks_for(["x.png", "y.png"], [A, A]) == ["stage", "stage"]


def test_freeze_copies_the_lines_that_were_used_and_overwrites_nothing(tmp_path):
    path = tmp_path / "decisions.jsonl"
    decisions = Decisions(path)
    decisions.mark("x.png", A, "stage")
    used = path.read_bytes()
    with open(path, "ab") as file:
        file.write(b'{"torn')
    decisions.freeze(tmp_path / "frozen.jsonl")
    assert (tmp_path / "frozen.jsonl").read_bytes() == used
    with pytest.raises(FileExistsError):
        decisions.freeze(tmp_path / "frozen.jsonl")


def test_decisions_in_memory_behave_alike_and_can_be_frozen(tmp_path):
    decisions = Decisions(None)
    decisions.mark("x.png", A, "stage")
    decisions.freeze(tmp_path / "frozen.jsonl")
    assert Decisions(tmp_path / "frozen.jsonl").marks_for(["x.png"], [A]) == ["stage"]


def test_only_what_was_appended_is_read_again(tmp_path, monkeypatch):
    path = tmp_path / "decisions.jsonl"
    decisions = Decisions(path)
    decisions.mark("x.png", A, "stage")
    read = []
    real = Decisions._bytes
    monkeypatch.setattr(
        Decisions, "_bytes", lambda self, start: (read.append(start), real(self, start))[1]
    )
    decisions.marks_for(["x.png"], [A])
    assert read == []
    end = path.stat().st_size
    decisions.mark("y.png", B, "keep")
    assert read == [end]


def told(decisions):
    return [
        (line["what"], line.get("mark") or "".join(d[0] for d in line["digests"]))
        for line in decisions.listed()
    ]


def test_every_decision_in_force_is_listed_and_only_those():
    decisions = Decisions(None)
    decisions.mark("x.png", A, "stage")
    decisions.mark("x.png", A, "keep")
    decisions.mark("y.png", B, "stage")
    decisions.mark("y.png", B, None)
    decisions.not_duplicate([("x.png", A), ("y.png", B)])
    decisions.review([("z.png", C)])
    decisions.review([("z.png", C)], False)
    assert told(decisions) == [("mark", "keep"), ("not_duplicate", "ab")]
    decisions.undo()
    assert told(decisions) == [("mark", "keep"), ("not_duplicate", "ab"), ("reviewed", "c")]
    assert len(decisions) == 3


def test_one_decision_is_revoked_wherever_it_lies_and_the_revoking_can_be_undone(tmp_path):
    path = tmp_path / "decisions.jsonl"
    decisions = Decisions(path)
    decisions.not_duplicate([("x.png", A), ("y.png", B)])
    decisions.mark("x.png", A, "keep")
    decisions.not_duplicate([("x.png", A), ("y.png", B), ("z.png", C)])
    first, mark, _ = decisions.listed()
    decisions.revoke(first)
    decisions.revoke(mark)
    again = Decisions(path)
    assert told(again) == [("not_duplicate", "abc")]  # about more: it was not meant
    assert again.marks_for(["x.png"], [A]) == [None]
    again.undo()
    again.undo()
    assert again.marks_for(["x.png"], [A]) == ["keep"]
    assert sorted(map(sorted, again.answers())) == [[A, B], [A, B, C]]


def test_an_answer_is_remembered_across_runs_finders_and_renames_until_somebody_joins(tmp_path):
    path = tmp_path / "decisions.jsonl"
    Decisions(path).not_duplicate([("x.png", A), ("y.png", B)], group="g1", finder="10_phash")
    later = Decisions(path)  # another run, another finder, other names
    assert later.answered([A, B])
    assert not later.answered([A, B, C])
    later.revoke(later.listed()[0])
    assert not Decisions(path).answered([A, B])


GOOD = {"version": 1, "what": "mark", "path": "a.png", "sha256": "0", "mark": "keep"}


@pytest.mark.parametrize(
    "line",
    [
        b"", b"{", b"[]", b"7", b"null", b"\xff\xfe", b"[" * 100_000, b"9" * 5_000,
        *(
            json.dumps(GOOD | change).encode()
            for change in (
                {"version": 2}, {"version": "1" * 9_999}, {"what": ["mark"]}, {"what": None},
                {"mark": ["keep"]}, {"mark": "delete"}, {"path": 5}, {"sha256": None}, {"was": 7},
                {"copies": "a.png"}, {"copies": [1]}, {"when": 5}, {"group": []}, {"finder": {}},
                {"what": "reviewed"}, {"what": "reviewed", "answer": 1, "digests": ["a"]},
                {"what": "reviewed", "answer": True, "digests": "a"},
                {"what": "reviewed", "answer": True, "digests": [[]]},
                {"what": "reviewed", "answer": True, "digests": ["a"], "paths": 5},
            )
        ),
    ],
)  # fmt: skip
def test_a_line_that_is_no_decision_is_counted_and_kept_and_the_others_hold(tmp_path, line):
    path = tmp_path / "decisions.jsonl"
    written = json.dumps(GOOD).encode() + b"\n" + line + b"\n" + line + b"\n"
    path.write_bytes(written)
    with pytest.warns(UserWarning, match="line 2 is not a decision.*; 1 more lines") as told:
        decisions = Decisions(path)
    assert (len(decisions), len(decisions.problems), len(told)) == (1, 2, 1)
    assert max(map(len, decisions.problems)) < 400
    decisions.mark("b.png", "1", "stage")
    assert path.read_bytes().startswith(written)
    assert [d["path"] for d in decisions.listed()] == ["a.png", "b.png"]


def test_an_enormous_line_is_no_decision(tmp_path, monkeypatch):
    monkeypatch.setattr("dedup_nb.groups.decisions.MOST_LINE_BYTES", 150)
    path = tmp_path / "decisions.jsonl"
    path.write_text(json.dumps(GOOD | {"group": "g" * 200}) + "\n" + json.dumps(GOOD) + "\n")
    with pytest.warns(UserWarning, match="at most 150 are read"):
        assert len(Decisions(path)) == 1


def test_a_pipe_or_folder_in_the_place_of_decisions_is_one_sentence(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(ValueError, match="is not a regular file; move it away"):
            Decisions(path)


# ---------------------------------------------------------------- one file a library


def line(when, **values):
    record = {"version": 1, "when": when, "what": "mark", "path": "x.png", "sha256": A}
    return json.dumps(record | values).encode() + b"\n"


def test_decisions_of_earlier_versions_are_read_in_order_of_time(tmp_path):
    one, two, ours = (tmp_path / name for name in ("one.jsonl", "two.jsonl", "ours.jsonl"))
    one.write_bytes(
        line("2025-01-01", mark="keep") + line("2025-01-03", mark="stage", path="y.png")
    )
    two.write_bytes(
        line("2025-01-02", mark="stage") + line("2025-01-04", mark="keep", path="z.png")
    )
    before = one.read_bytes(), two.read_bytes()
    decisions = Decisions(ours, [one, two, tmp_path / "missing.jsonl"])

    assert decisions.marks_for(["x.png", "y.png", "z.png"], [A] * 3) == ["stage", "stage", "keep"]

    decisions.mark("x.png", A, "keep")
    again = Decisions(ours, [two, one])
    assert again.marks_for(["x.png", "y.png", "z.png"], [A] * 3) == ["keep", "stage", "keep"]
    assert len(lines(ours)) == 1 and (one.read_bytes(), two.read_bytes()) == before


def test_a_decision_of_an_earlier_version_can_be_undone_for_good(tmp_path):
    old, ours = tmp_path / "old.jsonl", tmp_path / "ours.jsonl"
    old.write_bytes(
        line("2025-01-01", mark="keep") + line("2025-01-02", mark="stage", path="y.png")
    )
    decisions = Decisions(ours, [old])
    decisions.undo()
    decisions.undo()

    assert decisions.marks_for(["x.png", "y.png"], [A] * 2) == [None, None]
    assert Decisions(ours, [old]).marks_for(["x.png", "y.png"], [A] * 2) == [None, None]


def test_a_clock_that_was_set_back_does_not_change_the_order_of_a_file(tmp_path):
    old, ours = tmp_path / "old.jsonl", tmp_path / "ours.jsonl"
    old.write_bytes(line("2025-06-01", mark="keep") + line("1970-01-01", mark="stage"))
    ours.write_bytes(line("2025-06-02", mark="stage") + line("2025-01-01", mark="keep"))

    assert Decisions(ours, [old]).marks_for(["x.png"], [A]) == ["keep"]


def test_a_frozen_copy_gives_the_same_answers_as_all_files_together(tmp_path):
    old, ours = tmp_path / "old.jsonl", tmp_path / "ours.jsonl"
    old.write_bytes(line("2025-01-02", mark="keep") + b"no decision\n")
    ours.write_bytes(line("2025-01-01", mark="stage") + line("2025-01-03", mark="stage", path="y"))
    with pytest.warns(UserWarning, match=r"old\.jsonl line 2 is not a decision"):
        decisions = Decisions(ours, [old])
    decisions.mark("z", A, "keep")
    decisions.freeze(tmp_path / "frozen.jsonl")

    with pytest.warns(UserWarning, match="is not a decision"):
        frozen = Decisions(tmp_path / "frozen.jsonl")
    places = ["x.png", "y", "z"], [A] * 3
    assert frozen.marks_for(*places) == decisions.marks_for(*places) == ["keep", "stage", "keep"]


def test_processes_that_append_at_once_tear_no_line(tmp_path):
    path = tmp_path / "decisions.jsonl"
    path.write_bytes(b'{"torn')
    code = (
        "import sys; from pathlib import Path; from dedup_nb.groups.decisions import Decisions\n"
        "import warnings; warnings.simplefilter('ignore')\n"
        "decisions = Decisions(Path(sys.argv[1]))\n"
        "for k in range(40): decisions.review([(f'{sys.argv[2]}-{k}', f'{k:064}')] * 50)\n"
    )
    workers = [subprocess.Popen([sys.executable, "-c", code, str(path), str(w)]) for w in range(4)]
    assert [worker.wait(60) for worker in workers] == [0] * 4

    whole = path.read_bytes().splitlines()
    assert len(whole) == 161 and all(json.loads(each) for each in whole[1:])


def test_a_full_disk_is_told_when_a_decision_cannot_be_saved(tmp_path, monkeypatch):
    decisions = Decisions(tmp_path / "decisions.jsonl")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match=r"this decision could not be saved in .*: No space left"):
        decisions.mark("x.png", A, "keep")
    assert decisions.marks_for(["x.png"], [A]) == [None]


def test_decisions_made_together_are_written_and_undone_as_one(tmp_path):
    path = tmp_path / "decisions.jsonl"
    decisions = Decisions(path)
    decisions.mark("a.png", "a", "keep")
    with decisions.together():
        decisions.mark("b.png", "b", "keep")
        decisions.mark("a.png", "a", "stage")
        assert len(path.read_text().splitlines()) == 1  # not before the end
    assert len(decisions.last_together) == 2
    decisions.review([("c.png", "c"), ("d.png", "d")])
    decisions.undo()
    again = Decisions(path)  # another session knows what belongs together
    assert again.undo()["what"] == "mark"
    assert again.marks_for(["a.png", "b.png"], ["a", "b"]) == ["keep", None]
    again.undo()
    assert again.undo() is None and len(again) == 0


def test_of_decisions_made_together_none_is_written_if_one_fails(tmp_path):
    path = tmp_path / "decisions.jsonl"
    decisions = Decisions(path)
    with pytest.raises(ValueError, match="not a mark"), decisions.together():
        decisions.mark("a.png", "a", "keep")
        decisions.mark("b.png", "b", "burn")
    assert not path.exists()
    decisions.mark("b.png", "b", "keep")  # by itself again
    assert len(decisions.last_together) == 1
