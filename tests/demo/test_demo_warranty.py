"""In the demo library the truth is known: what answers from it say must be so."""

import json

import numpy as np
import pytest

from dedup_nb import demo, staging
from dedup_nb.finders import phash
from dedup_nb.groups.labels import Pair
from dedup_nb.library import tables
from dedup_nb.session import acceptance, workbench
from dedup_nb.steps.calibrate import calibrating
from dedup_nb.widgets.labelling import warrant

pytestmark = pytest.mark.slow  # it draws the demo library

DISTANCE = 14  # loose, so that without the comparison of pixels some proposals are wrong


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A small demo library, its truth, and a plan by hashes alone."""
    folder = tmp_path_factory.mktemp("demo")
    demo.make_library(folder / "lib", share=0.1)
    values = {
        "library": str(folder / "lib"),
        "cache_dir": str(folder / "cache"),
        "run_dir": str(folder / "outputs/mine/run"),
        "verify": False,
        "same_stage_only": False,
    }
    run = workbench.start("10_phash", values | {"max_distance": DISTANCE, "ceiling": 16})
    hashes, rows = run.hashes("phash", 64)
    pairs, _ = phash.near_pairs(hashes, 16, 10**6, rows, twins=run.twins)
    results = run.save(run.candidates(pairs), DISTANCE, name="max_distance")
    truth = demo.read_truth(folder / "lib")
    of = {path: n for n, paths in enumerate(truth["hard_clusters"]) for path in paths}
    return run, results, values, lambda a, b: of.get(a, -1) == of.get(b, -2)


def answer_by_truth(run, sample, same, spoiled=()):
    for going in sample.order:
        right = same(going.path, going.keeper) and going.path not in spoiled
        run.labels.answer(sample.design, acceptance.pair_of(going), "y" if right else "n")


def test_calibration_says_what_the_truth_says(world):
    _, _, values, same = world
    notebook = workbench.start("70_calibrate", values)
    made = calibrating.draw(notebook, ["10_phash"], 60, 1, 0.9)
    paths, pairs = notebook.catalogue["path"].to_numpy(object), made.taken.pairs
    truth = np.array(
        [same(paths[i], paths[j]) for i, j in zip(pairs["i"], pairs["j"], strict=True)]
    )
    for k in made.drawn.tolist():
        pair = Pair(*made.taken.population.contents[k])
        notebook.labels.answer(made.design, pair, "y" if truth[k] else "n")
    table = made.estimates.table()
    assert 0 < len(made.drawn) < np.count_nonzero(~made.taken.population.equal)
    for k, each in enumerate(made.taken.thresholds):
        wrong = np.count_nonzero(each.removed & ~truth)
        recall = np.count_nonzero(each.near & truth) / np.count_nonzero(truth)
        assert table["wrong_low"][k] <= wrong <= table["wrong_high"][k]
        assert table["recall_low"][k] <= recall <= table["recall_high"][k]
    assert made.chart(made.estimates).png.startswith(b"\x89PNG")


def test_a_plan_whose_answers_are_right_is_shown_and_one_that_was_spoiled_is_refused(
    world, tmp_path
):
    run, results, _, same = world
    sample = acceptance.Acceptance(run, results)
    answer_by_truth(run, sample, same)
    made = sample.write()
    wrong = sum(not same(going.path, going.keeper) for going in sample.order)
    assert made.wrong == wrong <= made.bound <= wrong + 4  # all were asked about
    if wrong == 0:
        pytest.fail("a plan by hashes alone should hold something wrong")

    # leave out what was called wrong: another plan, with another sample
    called = {each.going.path for each in made.sample if each.wrong}
    rows = list(tables.read_csv(results / "manifest.csv"))
    bundles = {row["bundle"] for row in rows if row["src"] in called}
    good = tmp_path / "good"
    good.mkdir()
    tables.write_csv(
        good / "manifest.csv", list(rows[0]), [row for row in rows if row["bundle"] not in bundles]
    )
    (good / "warranty.json").write_bytes((results / "warranty.json").read_bytes())
    plan = staging.read_manifest(good / "manifest.csv")
    assert "the manifest has changed" in staging.warranties.of_plan(plan)[1]
    clean = acceptance.Acceptance(run, good)
    assert clean.warranty.sample == ()
    answer_by_truth(run, clean, same)
    assert clean.write().bound == 0
    assert staging.warranties.of_plan(plan)[0] is not None

    # spoiled on purpose: three images that may not go
    spoiled = {going.path for going in clean.order[:3]}
    answer_by_truth(run, clean, same, spoiled)
    assert clean.write().wrong >= 3
    batch = staging.stage(plan, run.library, run.roots)
    assert batch.batch and "you called" in batch.warranty
    token = staging.approval_token(run.library, batch.batch)
    with pytest.raises(staging.StagingError, match="leave out what you called wrong") as error:
        staging.approve(run.library, batch.batch, token, max_wrong=0.01)
    assert error.value.status == 3
    assert staging.restore(run.library, batch.batch).status == 0
    assert json.loads((good / "warranty.json").read_text())["wrong"] >= 3


def test_headless_each_plan_of_a_notebook_says_what_it_has(world, capsys):
    run, results, *_ = world
    warrant(run, interactive=False)
    assert str(results / "manifest.csv") in capsys.readouterr().out
