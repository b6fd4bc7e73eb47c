"""Where a person is in a gallery is kept beside the decisions, and a new run takes over a part."""

import json

import pytest

from dedup_nb.session import kept_view
from dedup_nb.session.kept_view import KeptView

VIEW = {
    "order": "bytes", "filter": {"root": "mojo1"}, "group": "g-1", "image": "a.png", "size": 208,
    "full": True, "compare": {"mode": "heat", "zoom": None},
}  # fmt: skip


@pytest.fixture
def path(tmp_path):
    return tmp_path / "views/mine/10_phash.json"


def left(path, run, view=VIEW, digest="d1"):
    kept = KeptView(path, run)
    kept.put(view, digest)
    kept.flush()
    return kept


def test_the_same_run_begins_exactly_where_it_was_left(path):
    left(path, "monday")
    kept = KeptView(path, "monday")
    assert kept.view == {name: value for name, value in VIEW.items() if name != "full"}
    assert (kept.digest, kept.of_run, kept.problem) == ("d1", "monday", "")


def test_a_new_run_takes_over_all_but_what_hides_groups(path):
    left(path, "monday")
    left(path, "tuesday", VIEW | {"size": 96, "filter": {}})
    kept = KeptView(path, "wednesday")
    assert kept.view == {"order": "bytes", "group": "g-1", "image": "a.png", "size": 96}
    assert kept.of_run == "tuesday"
    assert KeptView(path, "monday").view["filter"] == {"root": "mojo1"}


def test_nothing_is_written_until_the_view_rests(path, monkeypatch):
    monkeypatch.setattr(kept_view, "REST_S", 60)
    kept = KeptView(path, "monday")
    for size in (96, 128, 160):
        kept.put(VIEW | {"size": size}, "d")
    assert not path.exists()
    kept.flush()  # as when the kernel ends
    assert json.loads(path.read_text())["runs"]["monday"]["view"]["size"] == 160


def test_only_the_latest_runs_are_kept(path):
    for k in range(kept_view.KEPT_RUNS + 3):
        left(path, f"run {k:02}")
    assert len(json.loads(path.read_text())["runs"]) == kept_view.KEPT_RUNS


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"[]", b"\xff\x00", b'{"version": 1}', b'{"version": 9, "runs": {}}',
        b'{"version": 1, "runs": {"monday": []}}', b'{"version": 1, "runs": {"monday": {"view": 3}}}',
        b"[" * 100_000, b"{" + b" " * 2**21 + b"}",
    ],
)  # fmt: skip
def test_a_damaged_file_gives_one_sentence_and_is_ignored(path, content):
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    kept = KeptView(path, "monday")
    assert kept.view == {} and str(path) in kept.problem and "\n" not in kept.problem
    assert kept.problem.endswith("it is ignored: the gallery begins at its first group")
    left(path, "monday")  # and it is replaced by what comes next
    assert KeptView(path, "monday").view["size"] == 208


@pytest.mark.parametrize(
    "odd",
    [{"order": 3}, {"filter": "all"}, {"filter": {"root": ["x"]}}, {"group": {}}, {"size": "big"}],
)
def test_what_no_gallery_tells_is_left_out(path, odd):
    left(path, "monday", VIEW | odd)
    assert not set(odd) & set(KeptView(path, "monday").view)


def test_a_place_that_cannot_be_written_is_told_once(tmp_path):
    told = []
    (tmp_path / "views").write_text("a file")
    kept = KeptView(tmp_path / "views/10_phash.json", "monday", told.append)
    for size in (96, 128):
        kept.put(VIEW | {"size": size}, "d")
        kept.flush()
    assert len(told) == 1 and told[0].startswith("where you are in the gallery is not kept: ")


def test_no_other_file_is_left_behind(path):
    left(path, "monday")
    assert list(path.parent.iterdir()) == [path]
