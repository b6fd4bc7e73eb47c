"""Calibration: pairs drawn with a known probability, intervals that cover, a threshold that holds."""

import nbformat
import numpy as np
import pytest
from drawn import make_library

from dedup_nb.finders import phash
from dedup_nb.groups.labels import Pair
from dedup_nb.session import notebooks, parameters, workbench
from dedup_nb.session.run import WrongInput
from dedup_nb.steps.calibrate import calibrating, reading
from dedup_nb.steps.calibrate.drawing import Population
from dedup_nb.steps.calibrate.estimates import Estimates, Threshold, answers_for
from dedup_nb.steps.calibrate.intervals import Number, Sample, limits, ratio

CUT = 8.0
BITS = np.arange(0, 17, 2)


def population(n, wrong, seed=0):
    """Return pairs of even distances, of which `wrong(distance)` differ, and which are the same."""
    draw = np.random.default_rng(seed)
    distances = 2.0 * np.minimum(draw.geometric(0.4, n) - 1, 8)
    distances[: n // 3] = 2.0 * draw.integers(2, 9, n // 3)
    same = draw.random(n) >= np.array([wrong(value) for value in distances])
    proposed = draw.random(n) < np.where(same, 0.8, 0.2)
    contents = [(f"a{k}", f"b{k}") for k in range(n)]
    return Population("10_phash", "hamming_bits", distances, contents, proposed), same


def thresholds(made):
    near = [made.distances <= bits for bits in BITS]
    return [Threshold(float(b), n, n & made.proposed) for b, n in zip(BITS, near, strict=True)]


# ---------------------------------------------------------------- drawing


def test_a_pair_near_the_cut_is_drawn_with_a_higher_probability():
    made, _ = population(4_000, lambda d: 0.0)
    chances = made.allotted(300, CUT) / np.maximum(made.sizes, 1)
    at = 1 + 2 * int(np.searchsorted(made.edges, CUT))
    assert chances[at] > 2.5 * chances[1] > 0  # of what is proposed
    assert int(chances.argmax()) // 2 == at // 2


@pytest.mark.parametrize(("sample", "drawn"), [(1, 1), (300, 300), (10**6, 500)])
def test_no_more_are_drawn_than_wished_and_than_there_are(sample, drawn):
    made, _ = population(500, lambda d: 0.0)
    allotted = made.allotted(sample, CUT)
    assert (allotted <= made.sizes).all()
    assert drawn - 18 <= allotted.sum() <= max(drawn, 3 * 18)


def test_the_same_seed_draws_the_same_pairs_in_the_same_order_and_another_others():
    made, _ = population(900, lambda d: 0.0)
    allotted = made.allotted(200, CUT)
    first, second = made.design(1), made.design(2)
    assert made.drawn(first, allotted).tolist() == made.drawn(first, allotted).tolist()
    assert first != second
    assert made.drawn(first, allotted).tolist() != made.drawn(second, allotted).tolist()


def test_a_larger_sample_of_a_stratum_goes_on_where_the_smaller_one_ended():
    made, _ = population(900, lambda d: 0.0)
    design = made.design(1)
    few, many = (set(made.drawn(design, np.minimum(made.sizes, n)).tolist()) for n in (5, 9))
    assert few < many


def test_answers_belong_to_the_finder_the_values_the_strata_and_the_seed():
    made, _ = population(50, lambda d: 0.0)
    other = made.distances.copy()
    other[0] += 2
    flags = made.proposed.copy()
    flags[1] = not flags[1]
    designs = [
        made.design(1),
        Population("30_clip_faiss", "hamming_bits", made.distances, made.contents, made.proposed).design(1),
        Population("10_phash", "hamming_bits", other, made.contents, made.proposed).design(1),
        Population("10_phash", "hamming_bits", made.distances, made.contents, flags).design(1),
        Population("10_phash", "hamming_bits", made.distances[1:], made.contents[1:], made.proposed[1:]).design(1),
        made.design(2),
    ]  # fmt: skip
    assert len(set(designs)) == len(designs)


def test_nobody_is_asked_about_two_copies_of_one_content():
    made = Population("f", "m", np.zeros(3), [("a", "a"), ("a", "b"), ("c", "d")], np.ones(3, bool))
    assert made.sizes.sum() == 2
    assert sorted(made.drawn(made.design(1), made.allotted(9, 0)).tolist()) == [1, 2]


@pytest.mark.parametrize("n", [0, 1])
def test_a_population_of_none_or_one_pair_is_drawn(n):
    made = Population("f", "m", np.zeros(n), [("a", "b")] * n, np.ones(n, bool))
    assert len(made.drawn(made.design(1), made.allotted(600, CUT))) == n


# ---------------------------------------------------------------- intervals


@pytest.mark.parametrize(
    ("events", "low", "high"),  # the exact Poisson interval of 95 %
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (3, 0.6187, 8.767), (10, 4.795, 18.39)],
)
def test_equal_weights_give_the_exact_poisson_interval(events, low, high):
    assert limits(np.ones(events), 1.0, 0.05) == pytest.approx((low, high), rel=1e-3)


def test_nothing_seen_in_the_heaviest_stratum_does_not_mean_that_nothing_is_there():
    sample = Sample(np.repeat([0, 1], [10, 300]), np.array([1_000, 300]))
    none = np.zeros(310, bool)
    found = sample.number(none, ~none, np.array([1_000, 300]))
    assert found.estimate == 0 and found.high > 300


def test_a_stratum_that_was_asked_about_whole_leaves_nothing_to_chance():
    sample = Sample(np.zeros(20, np.int64), np.array([20]))
    assert sample.number(np.zeros(20, bool), np.ones(20, bool), np.array([20])).high == 0


def test_a_stratum_without_an_answer_may_be_all_wrong():
    sample = Sample(np.zeros(5, np.int64), np.array([5, 40]))
    none = np.zeros(5, bool)
    assert sample.number(none, ~none, np.array([5, 40])) == Number(0.0, 0.0, 40.0)
    assert np.isnan(sample.number(none, none, np.array([0, 40])).estimate)
    assert sample.number(~none, ~none, np.array([5, 40])).estimate == 45  # as in the other


def test_each_answer_weighs_what_its_probability_says():
    sample = Sample(np.repeat([0, 1], [10, 10]), np.array([1_000, 20]))
    so = np.zeros(20, bool)
    so[[0, 15]] = True  # one of 10 answers for 1,000 pairs, one of 10 for 20
    assert sample.number(so, np.ones(20, bool), np.array([1_000, 20])).estimate == 102


def test_a_share_of_two_numbers_lies_between_its_ends():
    assert ratio(Number(90, 80, 95), Number(10, 2, 30)) == Number(0.9, 80 / 110, 95 / 97)
    assert ratio(Number(0, 0, 0), Number(0, 0, 0)).estimate == 1.0


# ---------------------------------------------------------------- estimates


def estimated(made, same, sample=300, slips=0.0, seed=0, part=1.0):
    design = made.design(seed)
    drawn = made.drawn(design, made.allotted(sample, CUT))
    drawn = drawn[: int(len(drawn) * part)]
    slip = np.random.default_rng(seed).random(len(drawn)) < slips
    return Estimates(made, thresholds(made), drawn, same[drawn] ^ slip)


def covered(n, wrong, sample, slips, worlds, precision=0.97):
    """Return how often intervals cover the truth, and how often a shown threshold is too loose."""
    held, too_loose = [], []
    for seed in range(worlds):
        made, same = population(n, wrong, seed)
        found = estimated(made, same, sample, slips, seed, part=0.9)
        table = found.table()
        for k, each in enumerate(found.thresholds):
            truth = np.count_nonzero(each.removed & ~same)
            recall = np.count_nonzero(each.near & same) / max(np.count_nonzero(same), 1)
            held.append(table["wrong_low"][k] - 1e-9 <= truth <= table["wrong_high"][k] + 1e-9)
            held.append(table["recall_low"][k] - 1e-9 <= recall <= table["recall_high"][k] + 1e-9)
        loosest = found.loosest(precision)
        if loosest is not None:
            truth = np.count_nonzero(loosest.removed & ~same)
            too_loose.append(truth > (1 - precision) * np.count_nonzero(loosest.removed))
    return np.mean(held), sum(too_loose) / worlds


WRONG = {
    "none": lambda d: 0.0,
    "rising with the distance": lambda d: 0.002 * 1.35**d,
    "the same everywhere": lambda d: 0.03,
    "hidden where few are asked": lambda d: 0.05 if d == 0 else 0.001,
    "right at the wished precision": lambda d: 0.11,
}


@pytest.mark.parametrize("wrong", ["rising with the distance", "hidden where few are asked"])
def test_intervals_cover_the_truth_in_some_libraries(wrong):
    held, too_loose = covered(900, WRONG[wrong], 150, 0.02, 12)
    assert held >= 0.93 and too_loose <= 0.17


@pytest.mark.slow
@pytest.mark.parametrize("slips", [0.0, 0.02])  # 2 % of the answers are not what is so
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize(("n", "sample", "worlds"), [(120, 60, 1_000), (400, 100, 1_000)])
def test_intervals_cover_the_truth_in_a_thousand_libraries(n, sample, worlds, wrong, slips):
    held, too_loose = covered(n, wrong, sample, slips, worlds)
    assert held >= 0.93 and too_loose <= 0.07


def test_more_answers_narrow_the_interval():
    made, same = population(3_000, lambda d: 0.01)
    widths = [
        (table["wrong_high"] - table["wrong_low"])[4]
        for table in (estimated(made, same, n).table() for n in (60, 300, 1_200))
    ]
    assert widths == sorted(widths, reverse=True) and widths[0] > 2 * widths[2]


def test_with_every_pair_answered_the_estimate_is_the_truth():
    made, same = population(400, lambda d: 0.02 * d)
    table = estimated(made, same, 10_000).table()
    for k, each in enumerate(thresholds(made)):
        assert table["wrong"][k] == np.count_nonzero(each.removed & ~same)
        assert table["recall"][k] == pytest.approx(np.count_nonzero(each.near & same) / same.sum())


def test_the_loosest_threshold_is_the_last_of_an_unbroken_row():
    made, same = population(2_000, lambda d: 0.0 if d < 10 else 0.9)
    found = estimated(made, same, 1_500)
    shown = [each.value for each in found.thresholds if found.shows(each, 0.98)]
    assert shown == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert found.loosest(0.98).value == 10.0
    assert found.loosest(0.9999) is None  # a sample cannot show that
    assert not found.could_show(found.thresholds[4], 0.9999)


def test_answers_that_a_precision_needs():
    assert answers_for(0.995, 48_212, 48_212) == 600
    assert answers_for(0.99, 48_212, 48_212) == 300
    assert answers_for(0.999, 100, 80) == 80  # all


# ---------------------------------------------------------------- a run


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A run of pHash on a small library, and a notebook that calibrates it."""
    folder = tmp_path_factory.mktemp("world")
    make_library(folder / "lib")
    profile = folder / "params/mine.yaml"
    profile.parent.mkdir()
    profile.write_text(f"library: {folder / 'lib'}\n10_phash:\n  max_distance: 6 # mine\n")
    values = {
        "library": str(folder / "lib"),
        "cache_dir": str(folder / "cache"),
        "run_dir": str(folder / "outputs/mine/run"),
        "profile": str(profile),
        "max_distance": 6,
    }
    run = workbench.start("10_phash", values)
    hashes, rows = run.hashes("phash", 64)
    pairs, _ = phash.near_pairs(hashes, 16, 10**6, rows, twins=run.twins)
    run.save(run.candidates(pairs), 6, name="max_distance")
    del values["max_distance"]
    return workbench.start("70_calibrate", values), profile


def answered(run, made, answer=lambda k: "y"):
    for k in made.drawn.tolist():
        run.labels.answer(made.design, Pair(*made.taken.population.contents[k]), answer(k))


def test_headless_it_says_what_is_missing_and_saves_what_there_is(world, capsys):
    run, _ = world
    made = calibrating.draw(run, ["10_phash"], 600, 1, 0.9)
    assert made.taken.name == "max_distance" and made.taken.threshold == 6
    n = len(made.drawn)
    assert n > 2
    assert calibrating.ask(made, interactive=False) is None
    assert f"{n} pairs are not answered; to go on, open 70_calibrate: " in capsys.readouterr().out
    folder = made.save()
    assert {path.name for path in folder.iterdir()} >= {
        "thresholds.csv", "asked.csv", "summary.json", "report.html", "params.yaml",
    }  # fmt: skip
    assert not list(folder.glob("groups.csv"))


def test_answers_show_a_threshold_that_the_button_writes_to_the_profile(world):
    run, profile = world
    made = calibrating.draw(run, ["10_phash"], 600, 2, 0.9)
    asking = calibrating.ask(made)
    asking.write.click()
    assert "not written" in asking.said.value and "max_distance: 6 # mine" in profile.read_text()
    answered(run, made)
    found = made.estimates.loosest(0.9)
    asking.write.click()
    assert f"wrote max_distance: {found.value:g}" in asking.said.value
    assert parameters.load(profile).sections["10_phash"]["max_distance"] == found.value
    assert "# mine" in profile.read_text()


def test_another_seed_begins_again_and_the_first_one_goes_on(world):
    run, _ = world
    first = calibrating.draw(run, ["10_phash"], 600, 3, 0.9)
    answered(run, first, lambda k: "n")
    assert len(first.answered) == len(first.drawn)
    assert calibrating.draw(run, ["10_phash"], 600, 4, 0.9).answered == []
    assert len(calibrating.draw(run, ["10_phash"], 600, 3, 0.9).answered) == len(first.drawn)
    assert "were called different" in first.advice(first.estimates)
    assert len(first.wrong_pairs()) == np.count_nonzero(first.current.removed[first.drawn])


def test_what_cannot_be_calibrated_is_refused_in_a_sentence(world, tmp_path):
    run, _ = world
    with pytest.raises(WrongInput, match="has no results of 30_clip_faiss"):
        reading.read(run, ["30_clip_faiss"])
    folder = run.folder / "10_phash"
    kept = (folder / "pairs.parquet").read_bytes()
    try:
        (folder / "pairs.parquet").write_bytes(b"PAR1 not really")
        with pytest.raises(WrongInput, match=r"pairs.parquet cannot be read: .*; run it again"):
            reading.read(run, ["10_phash"])
    finally:
        (folder / "pairs.parquet").write_bytes(kept)


def test_the_cells_of_the_notebook_run_headless(world, capsys):
    run, _ = world
    path = notebooks.notebooks_folder() / "70_calibrate.ipynb"
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    given = {name: run.values[name] for name in ("library", "cache_dir", "run_dir", "profile")}
    names = {"__name__": "__main__"}
    exec(code[0].source, names)
    names |= given | {"interactive": False, "inputs": ["10_phash"], "sample": 5}
    for cell in code[1:]:
        exec(cell.source, names)
    assert "pairs are not answered; to go on, open 70_calibrate: " in capsys.readouterr().out
    assert (names["results"] / "asked.csv").exists() and names["asking"] is None
