"""Acceptance samples: the bound of a plan, its draw, and what `warranty.json` may say."""

import itertools
import json
import math
import random

import pytest

from dedup_nb.library.acceptance import bounds, drawing, warranty
from dedup_nb.library.acceptance.drawing import Going
from dedup_nb.library.acceptance.warranty import Answered, Warranty

SHA = "ab" * 32


def hypergeometric(images, answers, wrong, number):
    ways = math.comb(number, wrong) * math.comb(images - number, answers - wrong)
    return ways / math.comb(images, answers)


def going(k, sha256="11" * 32):
    return Going(f"a/{k}.jpg", sha256, "k.jpg", "22" * 32)


# ---------------------------------------------------------------- the bound


@pytest.mark.parametrize(
    ("images", "answers", "wrong", "most"),
    [
        (48_212, 0, 0, 48_212),
        (48_212, 304, 0, 480),  # 1.00 %; 477 of 48,212 with 300 answers, if looked at only once
        (1_000_000, 621, 0, 4_998),
        (10, 10, 2, 2),  # everything was looked at
        (100, 100, 3, 4),  # and one more may have been passed by a slip
        (1, 1, 1, 1),
        (0, 0, 0, 0),
    ],
)
def test_the_bound_of_a_plan(images, answers, wrong, most):
    assert bounds.most_wrong(images, answers, wrong) == most


def test_the_bound_is_never_below_the_one_of_a_sample_that_is_looked_at_once():
    for images, answers, wrong in itertools.product((20, 60), (5, 12, 20), (0, 1, 3)):
        once = max(
            number
            for number in range(wrong, images - answers + wrong + 1)
            if sum(hypergeometric(images, answers, k, number) for k in range(wrong + 1)) > 0.05
        )
        assert bounds.most_wrong(images, answers, wrong) >= once


@pytest.mark.parametrize(("answers", "wrong"), [(-1, 0), (11, 0), (3, 4), (3, -1)])
def test_an_impossible_count_is_refused(answers, wrong):
    with pytest.raises(ValueError, match="impossible"):
        bounds.most_wrong(10, answers, wrong)


@pytest.mark.parametrize(
    ("images", "most", "wrong", "answers"),
    [
        (1_000_000, 10_000, 0, 304),  # 1 %
        (1_000_000, 5_000, 0, 621),  # 0.5 %
        (1_000_000, 10_000, 1, 715),
        (500, 5, 0, 198),  # of a small plan, fewer
        (50, 0, 0, 48),
        (100, 1, 2, None),  # more are wrong already
        (0, 0, 0, 0),
    ],
)
def test_answers_that_a_bound_needs(images, most, wrong, answers):
    assert bounds.answers_needed(images, most, wrong) == answers


def covered(images, wrong, runs, *, slips=0.0, looks=400, seed=1):
    """Return the share of plans whose bound holds after each of the first answers."""
    draw = random.Random(f"{seed} {images} {wrong} {slips}")
    held = 0
    for _ in range(runs):
        plan = draw.sample([True] * wrong + [False] * (images - wrong), min(looks, images))
        called, good = 0, True
        for n, is_wrong in enumerate(plan, 1):
            called += is_wrong != (draw.random() < slips)
            good = good and bounds.most_wrong(images, n, called) >= wrong
        held += good
    return held / runs


@pytest.mark.parametrize(("images", "wrong"), [(40, 1), (300, 6), (5_000, 50)])
def test_the_bound_holds_for_whoever_looks_after_each_answer(images, wrong):
    assert covered(images, wrong, 150, looks=150) >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("slips", [0.0, 0.02])  # 2 % of the answers are not what is so
@pytest.mark.parametrize("images", [30, 200, 1_000, 20_000])
@pytest.mark.parametrize("share", [0.0, 0.005, 0.01, 0.03, 0.1, 0.3])
def test_the_bound_covers_the_truth_in_a_thousand_plans(images, share, slips):
    wrong = round(images * share)
    assert covered(images, wrong, 1_000, slips=slips, looks=700) >= 0.93


# ---------------------------------------------------------------- the draw


def test_the_order_follows_from_the_manifest_and_another_manifest_has_another():
    images = [going(k) for k in range(200)]
    order = drawing.in_order(SHA, images)
    assert order == drawing.in_order(SHA, reversed(images)) != images
    assert order != drawing.in_order("cd" * 32, images)
    assert sorted(order) == sorted(images)


def test_each_image_is_as_likely_to_be_drawn_first_as_any_other():
    images = [going(k) for k in range(10)]
    firsts = [drawing.in_order(f"{k:064x}", images)[0] for k in range(2_000)]
    assert min(firsts.count(image) for image in images) > 150  # of 200


BUNDLES = [
    (["a.jpg", "a.xmp", "a.json"], False, ["a.jpg"]),
    (["a.jpg", "a.png"], False, ["a.jpg", "a.png"]),
    (["a.jpg", "a.nef"], False, ["a.jpg"]),  # a raw file goes only if the keeper has the same
    (["b.dat", "a.txt"], False, ["a.txt"]),  # nothing goes uncounted
    (["20250705_215218.decision"], True, []),  # of a series, whose images are counted
    (["s/1.PNG", "s/2.heic"], False, ["s/1.PNG", "s/2.heic"]),
    ([], False, []),
]


@pytest.mark.parametrize(("names", "shared", "counted"), BUNDLES)
def test_images_of_a_bundle(names, shared, counted):
    files = [Going(name, SHA, "k.jpg", SHA) for name in names]
    assert [image.path for image in drawing.images_of(files, shared_only=shared)] == counted


# ---------------------------------------------------------------- the file


def made(answers="yyny?", asked=20, images=25):
    order = drawing.in_order(SHA, [going(k) for k in range(asked)])
    sample = tuple(
        Answered(g, a, "2026-01-02T03:04:05Z") for g, a in zip(order, answers, strict=False)
    )
    return Warranty(SHA, images, asked, sample, "2026-01-02T03:04:05Z"), order


def test_a_warranty_says_what_it_is():
    assert made()[0].says() == (
        "25 images go; with 95 % confidence at most 17 (68.0 %) of them are wrong; of 5 drawn by "
        "chance you called 2 wrong (1 of them ?); 5 more are byte for byte what is kept."
    )
    equal = Warranty(SHA, 3, 0, ())
    assert (equal.bound, equal.says()) == (
        0, "3 images go; each is byte for byte what is kept, so there is no doubt.",
    )  # fmt: skip


def test_a_warranty_reads_as_it_was_written(tmp_path):
    written, order = made()
    warranty.write(tmp_path / "warranty.json", written)
    assert warranty.read(tmp_path / "warranty.json") == written
    warranty.fits(written, SHA, order, 25)


def test_numbers_in_the_file_are_not_believed(tmp_path):
    content = made()[0].as_json() | {"bound": 0, "share": 0.0, "confidence": 1.0, "wrong": 0}
    assert warranty.of_json(content).bound == 17


ODD = [
    ({"version": 2}, "its version is 2"),
    ({"version": [[]]}, "its version is a list"),
    ({"manifest": "AB" * 32}, "names no manifest"),
    ({"images": 19}, "do not fit"),
    ({"images": -1}, "not a number of images"),
    ({"images": True}, "not a number of images"),
    ({"asked": 4}, "do not fit"),
    ({"asked": 2**40}, "not a number of images"),
    ({"sample": {}}, "do not fit"),
    ({"sample": [5]}, "not an object"),
    ({"when": 5}, "when is not text"),
]


@pytest.mark.parametrize(("changes", "why"), ODD)
def test_what_is_no_warranty_is_named(changes, why):
    with pytest.raises(ValueError, match=why):
        warranty.of_json(made()[0].as_json() | changes)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda sample: sample.reverse(), "in the order"),
        (lambda sample: sample.append(sample[-1]), "in the order"),
        (lambda sample: sample[0].update(answer="yes"), "an answer is 'yes'"),
        (lambda sample: sample[0].update(answer=["y"]), "an answer is a list"),
        (lambda sample: sample[0].update(sha256="5"), "no digest"),
        (lambda sample: sample[0].update(path=None), "path is not text"),
    ],
)
def test_an_odd_sample_is_named(change, why):
    content = json.loads(json.dumps(made()[0].as_json()))
    change(content["sample"])
    with pytest.raises(ValueError, match=why):
        warranty.of_json(content)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b"[" * 100_000, b"\xff\xfe", b'{"version": 1}']
)
def test_a_damaged_file_is_one_sentence(tmp_path, data):
    path = tmp_path / "warranty.json"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"warranty\.json is damaged: ") as error:
        warranty.read(path)
    assert "\n" not in str(error.value)


def test_a_warranty_is_void_for_another_manifest_or_sample():
    written, order = made()
    with pytest.raises(ValueError, match="the manifest has changed"):
        warranty.fits(written, "cd" * 32, order, 25)
    for other, images in (
        (order[1:], 25),
        (order[:-1], 25),
        (order, 26),
        ([going(99), *order[1:]], 25),
    ):
        with pytest.raises(ValueError, match="not the one that this manifest draws"):
            warranty.fits(written, SHA, other, images)
