"""The transforms that benchmarks make copies with."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import bench_dask
import made_library
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
