"""Tuning: the slider cuts again, the buttons save the results."""

import pytest
from drawn import make_library, write

from dedup_nb.finders import phash
from dedup_nb.groups.decisions import Decisions
from dedup_nb.session import parameters, workbench
from dedup_nb.widgets import tuning


@pytest.fixture
def tuner(tmp_path):
    """A tuner on a small library, opened with a profile."""
    make_library(tmp_path / "lib")
    profile = write(
        tmp_path / "params/mine.yaml", b"library: ../lib\n10_phash:\n  max_distance: 8  # bits\n"
    )
    values = parameters.load(profile).flat("10_phash") | {
        "cache_dir": str(tmp_path / "cache"), "run_dir": str(tmp_path / "outputs/mine/run"), "profile": str(profile),
    }  # fmt: skip
    run = workbench.start("10_phash", values)
    hashes, rows = run.hashes("phash", 64)
    pairs, bound = phash.near_pairs(hashes, 16, rows=rows)
    candidates = run.candidates(pairs)
    run.verify(candidates, [8])
    return tuning.Tuner(run, candidates, "max_distance", low=0, high=bound)


def test_the_slider_starts_at_the_parameter_and_cuts_again(tuner):
    assert tuner.slider.value == 8
    assert len(tuner.gallery.groups) == 3
    tuner.slider.value = 0
    assert tuner.cut.threshold == 0
    assert tuner.gallery.count == len(tuner.cut.groups)


def test_pairs_that_joined_and_left_are_told_since_the_slider_rested(tuner, monkeypatch):
    now = 1_000.0
    monkeypatch.setattr(tuning.time, "monotonic", lambda: now)
    values = sorted(tuner.candidates.pairs.hamming_bits.tolist())
    now += 10
    tuner.slider.value = 0
    left = tuner.gallery.changed
    assert (left["joined"], left["count"]) == (False, sum(0 < v <= 8 for v in values))
    tuner.slider.value = 2  # in one go with the move before: still counted from 8
    assert tuner.gallery.changed["count"] == sum(2 < v <= 8 for v in values)
    now += 10
    tuner.slider.value = 16
    joined = tuner.gallery.changed
    assert (joined["joined"], joined["count"]) == (True, sum(2 < v <= 16 for v in values))
    shown = [int(pair[2].split()[0]) for pair in joined["pairs"]]
    assert shown == sorted((v for v in values if 2 < v <= 16), reverse=True)[: tuning.PAIRS_SHOWN]


def test_a_mark_changes_the_plan_at_once(tuner):
    before = tuner.cut.totals["images"]
    rows = tuner.run.catalogue.set_index("path")
    path = "mojo1/plain small.png"
    tuner.gallery.decisions.mark(path, rows.loc[path].sha256, "keep")
    for callback in tuner.gallery._callbacks:
        callback({})
    assert tuner.cut.totals["images"] == before - 1


def test_saving_writes_the_threshold_on_show_beside_what_is_there(tuner):
    tuner.slider.value = 0
    tuner.buttons[0].click()
    assert "saved in" in tuner.said.value
    first = tuner.run.folder / "10_phash"
    assert "max_distance=0" in (first / "manifest.csv").read_text()
    tuner.slider.value = 8
    tuner.buttons[0].click()
    (second,) = first.glob("saved-*")
    assert "max_distance=8" in (second / "manifest.csv").read_text()


def test_writing_the_threshold_keeps_the_rest_of_the_profile(tuner):
    tuner.slider.value = 5
    tuner.buttons[1].click()
    profile = tuner.run.folder.parents[2] / "params/mine.yaml"
    assert profile.read_text() == "library: ../lib\n10_phash:\n  max_distance: 5  # bits\n"


def test_a_written_threshold_is_said_to_apply_to_new_runs_and_not_to_this_one(tuner):
    tuner.slider.value = 5
    tuner.buttons[1].click()
    assert "10_phash uses it in new runs. This run keeps max_distance 8" in tuner.said.value
    assert "80_review merges its results" in tuner.said.value
    tuner.candidates.needs_keeper = False  # as clusters, which 80_review leaves out
    tuner.buttons[1].click()
    assert "80_review" not in tuner.said.value


def test_a_decision_of_another_notebook_is_shown_by_the_gallery(tuner):
    rows = tuner.run.catalogue.set_index("path")
    path = "mojo1/plain small.png"
    before = tuner.cut.totals["images"]
    Decisions(tuner.run.live_decisions.path).mark(path, rows.loc[path].sha256, "keep")
    assert tuner.follower.look() and tuner.cut.totals["images"] == before - 1
    assert not tuner.follower.look()  # it was seen
    tuner.run.live_decisions.undo()
    tuner._decided()
    assert not tuner.follower.look()  # one's own decisions are not followed


def test_without_a_profile_it_says_where_to_write_it(tuner):
    tuner.run.values["profile"] = None
    tuner.buttons[1].click()
    assert "opened without a profile" in tuner.said.value


def test_where_no_widget_can_load_a_sentence_is_shown(tuner, monkeypatch):
    bundles = []
    monkeypatch.setattr(tuning, "display", lambda bundle, raw: bundles.append(bundle))
    tuner.show()
    (bundle,) = bundles
    assert "application/vnd.jupyter.widget-view+json" in bundle
    for kind in ("text/plain", "text/html"):  # what is shown by who cannot show the widget
        assert "the static sheet above shows the same groups" in bundle[kind]


def test_nothing_is_shown_when_not_interactive(tuner):
    assert (
        tuning.tune(tuner.run, tuner.candidates, "max_distance", high=16, interactive=False) is None
    )
