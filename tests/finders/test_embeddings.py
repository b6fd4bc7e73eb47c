"""Embedders without weights: near for altered copies, far for others, turned exactly."""

import io

import numpy as np
import pytest
from drawn import measured, photo, save
from PIL import Image, ImageEnhance, ImageOps

from dedup_nb.finders import embeddings, phash
from dedup_nb.pictures import images, orientations

NAMES = [one.name for one in embeddings.EMBEDDERS.values() if one.parts]


def rasters(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    sizes = [images.TRIMMED_LUMA, images.TRIMMED_CHROMA]
    return images.measure(buffer.getvalue(), "a.png", sizes).rasters


def vectors(name, *pictures, invariance="none"):
    stored = embeddings.embedder(name).kind.encode([rasters(p) for p in pictures])
    return embeddings.unpack(name, stored, invariance)


def cosine(name, a, b):
    one, other = vectors(name, a, b)[:, 0]
    return float(one @ other)


def detailed(seed=5, side=256):
    """A picture with more in it than `photo`, as a photograph has."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
    return coarse.resize((side, side), Image.Resampling.BICUBIC)


def jpeg(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=40)
    return Image.open(buffer)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "alter",
    [
        lambda p: p.resize((96, 96)),
        lambda p: p.resize((400, 300)),
        jpeg,
        lambda p: ImageEnhance.Brightness(p).enhance(0.7),
        lambda p: ImageEnhance.Contrast(p).enhance(0.6),
        lambda p: p.convert("L"),
        lambda p: ImageOps.expand(p, 25, "white"),
        lambda p: ImageOps.expand(p, 25, (10, 60, 30)),
        lambda p: p.crop((4, 4, 252, 252)),
    ],
)  # fmt: skip
def test_an_altered_copy_is_near(name, alter):
    assert cosine(name, detailed(), alter(detailed())) >= embeddings.EMBEDDERS[name].min_cosine


@pytest.mark.parametrize("name", NAMES)
def test_other_pictures_are_far_and_vectors_of_unit_length(name):
    found = vectors(name, *(detailed(seed) for seed in range(12)))[:, 0]
    cosines = found @ found.T
    assert np.allclose(np.diag(cosines), 1, atol=1e-5)
    assert cosines[np.triu_indices(12, 1)].max() < embeddings.EMBEDDERS[name].min_cosine


@pytest.mark.parametrize("name", NAMES)
def test_the_eight_orientations_follow_from_one_vector(name):
    base = vectors(name, detailed(), invariance="rotate")[0]
    for place, (transposed, columns, rows) in enumerate(orientations.ORIENTATIONS):
        turned = np.asarray(detailed())
        turned = turned.swapaxes(0, 1) if transposed else turned
        turned = turned[:, ::-1] if columns else turned
        turned = turned[::-1] if rows else turned
        (own,) = vectors(name, Image.fromarray(np.ascontiguousarray(turned)))[:, 0]
        cosines = base @ own
        assert cosines[place] > 0.999 and int(np.argmax(cosines)) == place
    mirrored = vectors(name, ImageOps.mirror(detailed()))[0, 0]
    assert vectors(name, detailed(), invariance="mirror")[0, 1] @ mirrored > 0.999


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_of_one_tone_is_near_nothing(name):
    flat = vectors(name, Image.new("RGB", (200, 150), (120, 40, 40)))
    assert not flat.any()


def test_a_vector_does_not_depend_on_the_company_in_a_batch():
    kind = embeddings.embedder("mix").kind
    several = [rasters(detailed(seed)) for seed in range(4)]
    assert kind.encode(several) == [kind.encode([one])[0] for one in several]


def test_borders_are_found_and_a_flat_picture_is_all_picture():
    grey = np.full((120, 160), 250, np.uint8)
    assert images.content_box(grey) == (0, 0, 160, 120)
    grey[20:100, 30:150] = np.asarray(photo(1, 120, 80).convert("L"))
    left, top, right, bottom = images.content_box(grey)
    assert 30 <= left <= 33 and 20 <= top <= 23 and 147 <= right <= 150 and 97 <= bottom <= 100


def test_vectors_of_another_embedder_are_refused():
    stored = embeddings.embedder("mix").kind.encode([rasters(detailed())])
    with pytest.raises(ValueError, match="these vectors do not come from dct"):
        embeddings.unpack("dct", stored)


def test_what_is_not_known_is_refused_by_name():
    with pytest.raises(ValueError, match="embedder clop is not known; choose one of local"):
        embeddings.embedder("clop")
    with pytest.raises(ValueError, match="invariance twice is not known"):
        embeddings.unpack("dct", [], "twice")
    with pytest.raises(ValueError, match=r"floor 0\.9 is above min_cosine 0\.85"):
        embeddings.embedder("dct").thresholds(None, 0.9)


def test_thresholds_are_the_embedders_own_unless_given():
    dct = embeddings.embedder("dct")
    assert dct.thresholds(None, None) == (0.85, 0.5)
    assert dct.thresholds(0.2, None) == (0.2, 0.2)
    assert dct.thresholds(0.8, 0.1) == (0.8, 0.1)
    assert embeddings.steps(0.0) == [round(0.05 * n, 2) for n in range(21)]


def test_no_pictures_have_no_vectors():
    assert embeddings.unpack("dct", [], "rotate").shape == (0, 8, 120)


def test_they_are_made_in_the_same_decode_as_hashes_and_kept_by_content(tmp_path):
    save(photo(1), tmp_path / "lib/a.png")
    save(photo(1), tmp_path / "lib/b.png")
    kinds = [phash.kind("phash", 64), *(embeddings.embedder(name).kind for name in NAMES)]
    table, kept = measured(tmp_path / "lib", tmp_path / "cache", kinds=kinds)
    assert [len(kept.measures(kind.name, table.sha256)) for kind in kinds] == [1, 1, 1]
