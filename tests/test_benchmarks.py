"""The transforms that benchmarks make copies with."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import bench
import bench_curve
import bench_dask
import made_library
import results
import scaled_library
import transforms


@pytest.fixture(scope="module")
def picture():
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
    return coarse.resize((240, 180), Image.Resampling.BICUBIC)


def test_there_are_38_old_and_21_new_transforms():
    assert [len(transforms.made(group)) for group in ("old", "new")] == [38, 21]


@pytest.mark.parametrize("name", list(transforms.TRANSFORMS))
def test_a_transform_makes_the_same_file_twice(name, picture):
    one = transforms.TRANSFORMS[name]

    first = one.data(picture, 3, [picture] * 3)

    assert first == one.data(picture, 3, [picture] * 3)


def test_a_photograph_gets_no_transform_twice_and_each_transform_its_share():
    bases = [Path(f"{n}.jpg") for n in range(59)]

    rounds = list(made_library.dealt(bases, 4, seed=1))

    given = [(base, one.name) for pairs in rounds for base, one in pairs]
    assert len(set(given)) == len(given) == 4 * 59
    counts = [[name for _, name in given].count(name) for name in transforms.TRANSFORMS]
    assert max(counts) - min(counts) <= 2


def test_the_cost_of_joins_grows_with_the_square_and_of_the_rest_with_the_number():
    few, many = bench_dask.predicted(10**6, 64), bench_dask.predicted(10**7, 64)

    assert many.vectors_h / few.vectors_h == pytest.approx(100, rel=1e-3)
    assert many.fingerprints_h / few.fingerprints_h == pytest.approx(10)
    assert few.fingerprints_h == max(few.decode_h, few.head_h, few.network_h)


def test_what_a_benchmark_prints_becomes_its_section_unless_it_fails(tmp_path, capsys):
    file, one = tmp_path / "RESULTS.md", bench.Bench("any", "what a thing costs")

    ran = bench.run(one, [sys.executable, "-c", "print('first 1 ms')"], file)
    again = bench.run(one, [sys.executable, "-c", "print('now 2 ms')"], file)
    failed = bench.run(one, [sys.executable, "-c", "print('half'); raise SystemExit(1)"], file)

    text = file.read_text()
    assert (ran, again, failed) == (True, True, False)
    assert "## What a thing costs" in text and "```text\nnow 2 ms\n```" in text
    assert "first" not in text and "half" not in text and "half" in capsys.readouterr().out


def test_every_benchmark_is_in_the_list_of_make_bench():
    files = Path(bench.__file__).parent.glob("bench_*.py")

    assert {f"bench_{one.name}" for one in bench.BENCHES} >= {file.stem for file in files}


@pytest.mark.parametrize(
    ("name", "names", "photographs", "browser", "why"),
    [
        ("index", [], "", False, ""),
        ("index", ["curve"], "", False, "not named"),
        ("local", [], "", False, f"needs {bench.PHOTOGRAPHS}"),
        ("local", ["local"], "photographs", False, ""),
        ("slider", ["slider"], "", False, "needs Chromium, which is not installed"),
        ("slider", ["slider"], "", True, ""),
        ("clip", [], "", True, "takes about 5 minutes; name it to run it"),
    ],
)
def test_a_benchmark_is_left_out_for_a_reason(name, names, photographs, browser, why):
    [one] = [one for one in bench.BENCHES if one.name == name]

    assert bench.left_out(one, names, photographs, browser) == why


def test_results_replace_their_own_section_and_leave_the_others(tmp_path):
    file = tmp_path / "RESULTS.md"
    for name, text in (("a", "first"), ("b", "other"), ("a", "second")):
        results.write(name, name.upper(), text, file)

    text = file.read_text()

    assert [text.count(word) for word in ("first", "second", "other", "## A", "Measured on")] == [
        *(0, 1, 1, 1, 2)
    ]


def test_a_scaled_library_is_the_same_twice_and_a_third_of_it_are_groups():
    first, again = (dict(scaled_library.files(600)) for _ in range(2))
    made = scaled_library.shape(600)
    members = np.bincount(made.base, minlength=600)[made.base] > 1
    assert first == again
    assert 190 <= int(members.sum()) <= 210


def test_growth_is_the_cpu_time_a_picture_from_one_size_to_the_next():
    def part(cpu_s):
        return {"name": "scan", "cpu_s": cpu_s, "wall_s": 1, "peak_bytes": 1e6} | {
            "disk_bytes": 0,
            "count": 0,
        }

    text = bench_curve.curve({1_000: [part(0.5)], 10_000: [part(10.0)]})

    assert "| scan | 500.0 | 1,000.0 | 2.00 |" in text
