"""Key points: where they are, what describes them, and that a mirror changes nothing else."""

import numpy as np
import pytest
from PIL import Image

from dedup_nb.pictures import features, sift

FIND = {"most": 250, "first": 100, "contrast": 0.02, "edge": 12.0}


def grey(size=(224, 150)):
    """Clouds of noise at every scale."""
    rng = np.random.default_rng(0)
    layers = [
        np.asarray(Image.fromarray(rng.normal(0, 1, (n, n)).astype(np.float32)).resize(size))
        for n in (6, 12, 24, 48, 96)
    ]
    whole = sum(layers)
    return (128 + 100 * whole / np.abs(whole).max()).astype(np.uint8)


def test_a_mirror_image_has_the_mirrored_points():
    picture = grey()
    both = (picture, np.ascontiguousarray(picture[:, ::-1]))
    plain, mirrored = (sift.find(one, **FIND) for one in both)
    places = mirrored.places * [-1, 1] + [picture.shape[1] - 1, 0]
    apart = np.linalg.norm(places[:, None] - plain.places, axis=2)
    found = apart.min(axis=1) < 0.5
    assert found.mean() > 0.85  # an octave keeps every second pixel, from the left
    same = mirrored.descriptors[:, features.MIRRORED].astype(int)
    off = np.linalg.norm(same[:, None] - plain.descriptors.astype(int), axis=2)
    assert np.median(np.where(apart < 0.5, off, np.inf).min(axis=1)[found]) < 20


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_quarter_turn_keeps_places_and_descriptors(turn):
    picture = grey()
    plain = sift.find(picture, **FIND)
    turned = sift.find(np.ascontiguousarray(np.rot90(picture, turn)), **FIND)
    off = np.linalg.norm(
        turned.descriptors[:, None].astype(int) - plain.descriptors.astype(int), axis=2
    )
    assert np.median(off.min(axis=1)) < 60  # of unrelated ones, some 300


def test_a_dot_is_found_at_its_centre_with_its_size():
    y, x = np.mgrid[:100, :120]
    for sigma in (3, 6):
        dot = np.exp(-((x - 50.25) ** 2 + (y - 40.5) ** 2) / (2 * sigma**2))
        found = sift.find((60 + 150 * dot).astype(np.uint8), **FIND)
        best = np.argmax(found.strengths)
        assert np.abs(found.places[best] - [50.25, 40.5]).max() < 0.3
        assert found.sizes[best] == pytest.approx(sigma, rel=0.3)


def test_the_first_points_are_the_largest_and_the_strongest_others():
    found = sift.find(grey(), **FIND)
    assert len(found.places) == FIND["most"]
    half = FIND["first"] // 2
    assert found.sizes[:half].min() >= found.sizes[half:].max()
    assert (np.diff(found.strengths[FIND["first"] :]) <= 0).all()  # some places count twice


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((1, 1), np.uint8),
        np.full((224, 3), 200, np.uint8),  # a strip
        np.full((150, 224), 77, np.uint8),  # one tone
        np.tile(np.arange(224, dtype=np.uint8), (9, 1)),
    ],
)
def test_a_picture_without_points_gives_none(picture):
    found = sift.find(picture, **FIND)
    assert [len(part) for part in found] == [0, 0, 0, 0]
    assert found.descriptors.shape == (0, sift.WIDTH)


def test_points_near_the_border_are_described():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (40, 40)).astype(np.uint8)
    found = sift.find(noise, **FIND)
    lengths = np.linalg.norm(found.descriptors.astype(float), axis=1)
    assert len(lengths) and np.abs(lengths - 512).max() < 12
