"""Answers about pairs drawn by chance: append-only, by content and design, revocable."""

import json
import warnings

import pytest

from dedup_nb.groups.labels import Labels, Pair

A, B, C = "a" * 64, "b" * 64, "c" * 64


def answers(labels, design="d"):
    return {pair: label.answer for pair, label in labels.of(design).items()}


def test_an_answer_is_on_disk_at_once_and_read_by_another_notebook(tmp_path):
    path = tmp_path / "of" / "labels.jsonl"
    labels = Labels(path)
    labels.answer("d", Pair(A, B), "y", paths=("a.png", "b.png"), finder="10_phash")
    record = json.loads(path.read_text())
    assert record | {"when": ""} == {
        "version": 1, "when": "", "what": "label", "design": "d", "finder": "10_phash",
        "a": A, "b": B, "paths": ["a.png", "b.png"], "answer": "y",
    }  # fmt: skip
    other = Labels(path)
    labels.answer("d", Pair(A, C), "?")
    assert answers(other) == answers(labels) == {Pair(A, B): "y", Pair(A, C): "?"}


def test_an_answer_counts_only_under_the_design_that_drew_its_pair():
    labels = Labels(None)
    labels.answer("d", Pair(A, B), "y")
    assert answers(labels, "other") == {}


def test_a_pair_has_a_direction():
    labels = Labels(None)
    labels.answer("d", Pair(A, B), "y")
    labels.answer("d", Pair(B, A), "n")
    assert answers(labels) == {Pair(A, B): "y", Pair(B, A): "n"}


def test_undo_takes_back_one_answer_after_the_other_and_nothing_of_another_design(tmp_path):
    labels = Labels(tmp_path / "labels.jsonl")
    labels.answer("other", Pair(A, B), "n")
    for answer in ("y", "n"):
        labels.answer("d", Pair(A, B), answer)
    labels.answer("d", Pair(A, C), "?")
    seen = []
    for _ in range(4):
        seen.append((labels.undo("d"), answers(Labels(labels.path))))
    assert seen == [
        (Pair(A, C), {Pair(A, B): "n"}),
        (Pair(A, B), {Pair(A, B): "y"}),
        (Pair(A, B), {}),
        (None, {}),
    ]
    assert answers(labels, "other") == {Pair(A, B): "n"}
    assert labels.path.read_text().count("\n") == 7  # nothing was rewritten


def test_each_answer_can_be_revoked_and_that_can_be_undone():
    labels = Labels(None)
    labels.answer("d", Pair(A, B), "y", paths=("a.png", "b.png"))
    labels.answer("d", Pair(A, C), "n")
    labels.revoke(labels.listed()[0])
    assert answers(labels) == {Pair(A, C): "n"}
    labels.undo("d")
    assert answers(labels) == {Pair(A, C): "n", Pair(A, B): "y"}


@pytest.mark.parametrize("answer", ["yes", "", "Y", 1])
def test_what_is_no_answer_is_refused(answer):
    with pytest.raises(ValueError, match="is not an answer"):
        Labels(None).answer("d", Pair(A, B), answer)


def test_an_image_without_a_digest_is_refused():
    with pytest.raises(ValueError, match="has no digest"):
        Labels(None).answer("d", Pair(A, ""), "y")


GOOD = {"version": 1, "when": "", "what": "label", "design": "d", "a": A, "b": B, "answer": "n"}
ODD = [
    b"", b"{", b"[]", b"5", b"null", b"\xff", b"[" * 9_999, b'{"version": 2}',
    *(json.dumps(GOOD | change).encode() for change in (
        {"what": "mark"}, {"answer": "maybe"}, {"answer": ["y"]}, {"answer": {}}, {"design": ""},
        {"design": 5}, {"a": None}, {"b": ["x"]}, {"paths": "ab"}, {"paths": [1, 2]},
        {"paths": ["a", "b", "c"]}, {"when": 5}, {"finder": []}, {"version": [[]]},
    )),
]  # fmt: skip


@pytest.mark.parametrize("line", ODD)
def test_a_line_that_is_no_answer_is_named_and_left_alone(tmp_path, line):
    path = tmp_path / "labels.jsonl"
    before = json.dumps(GOOD | {"answer": "y"}).encode() + b"\n" + line + b"\n"
    path.write_bytes(before)
    with pytest.warns(UserWarning, match="line 2 is not an answer"):
        labels = Labels(path)
    labels.answer("d", Pair(A, C), "?")
    assert answers(labels) == {Pair(A, B): "y", Pair(A, C): "?"}
    assert path.read_bytes().startswith(before)


def test_a_torn_last_line_is_ended_by_the_next_answer(tmp_path):
    path = tmp_path / "labels.jsonl"
    path.write_bytes(json.dumps(GOOD).encode() + b'\n{"version": 1, "wh')
    labels = Labels(path)
    assert (answers(labels), labels.problems) == ({Pair(A, B): "n"}, [])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        labels.answer("d", Pair(A, C), "y")
        assert answers(Labels(path)) == {Pair(A, B): "n", Pair(A, C): "y"}


def test_a_folder_in_its_place_is_one_sentence(tmp_path):
    (tmp_path / "labels.jsonl").mkdir()
    with pytest.raises(ValueError, match="is not a regular file; move it away"):
        Labels(tmp_path / "labels.jsonl")
