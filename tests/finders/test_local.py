"""Local features: codes, the search among them, crowds, and pictures with few features."""

import io

import numba
import numpy as np
import pytest
from drawn import make_library, photo, save
from PIL import Image, ImageOps
from test_workbench import start

from dedup_nb.finders import index as joins
from dedup_nb.finders.local import codes, kept, proposing, search, whole
from dedup_nb.pictures import features, images, store
from dedup_nb.steps.clip_faiss import likeness, matching

SIZE = (256, 171)


def stored(picture):
    """The codes of a picture, by its thumbnail."""
    return kept.encode(features.extract(images.pixels(images._thumbnail(picture))))


def searched(pictures):
    return proposing.Pictures(codes.decoded([stored(picture) for picture in pictures]))


def proposed(pictures, **options):
    made = proposing.propose(searched(pictures), lambda: np.arange(len(pictures)), **options)
    return list(zip(made.i.tolist(), made.j.tolist(), strict=True))


def jpeg(picture, quality):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def on_a_screen(picture):
    sheet = Image.new("RGB", (600, 420), (40, 44, 52))
    sheet.paste(picture.resize((360, 240)), (190, 110))
    return sheet


def page(seed, width=300, height=400):
    """A page of text-like strokes, many of which are the same."""
    rng = np.random.default_rng(seed)
    sheet = np.full((height, width), 250, np.uint8)
    glyphs = np.random.default_rng(0).integers(0, 2, (12, 9, 6)) * 200
    for y in range(12, height - 12, 14):
        for x in range(12, width - 12, 8):
            if rng.random() > 0.15:
                sheet[y : y + 9, x : x + 6] -= glyphs[rng.integers(12)].astype(np.uint8)
    return Image.fromarray(sheet).convert("RGB")


CHANGES = {
    "saved again": lambda p: jpeg(p, 40),
    "half as large": lambda p: p.resize((p.width // 2, p.height // 2)),
    "mirrored": ImageOps.mirror,
    "turned by a quarter": lambda p: p.rotate(90, expand=True),
    "turned by 20 degrees": lambda p: p.rotate(20, Image.Resampling.BICUBIC),
    "cropped": lambda p: p.crop((60, 30, 330, 260)),
    "mirrored and cropped": lambda p: ImageOps.mirror(p).crop((60, 30, 330, 260)),
    "on a screen": on_a_screen,
    "brighter": lambda p: p.point([min(255, int(1.3 * v)) for v in range(256)] * 3),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_copy_has_by_far_the_most_matches(change):
    pictures = [photo(seed, 432, 288) for seed in range(12)]  # drawn of the same dots
    every = [*pictures, change(pictures[3])]
    made = proposing.propose(searched(every), lambda: np.arange(13))
    best = np.argsort(-made.matches, kind="stable")
    assert (made.i[best[0]], made.j[best[0]]) == (3, 12)
    assert made.matches[best[0]] > made.matches[best[1:]].max(initial=0)
    assert len(made.i) <= 2 * len(every)


def test_a_mirrored_feature_has_the_same_code():
    rng = np.random.default_rng(0)
    descriptors = rng.integers(0, 120, (500, 128)).astype(np.uint8)
    places = np.zeros((100, 2), np.uint16)
    made = [
        codes.decoded([codes.encode(places, d[:100])])
        for d in (descriptors, descriptors[:, features.MIRRORED])
    ]
    assert (made[0].values == made[1].values).all()
    assert (made[0].turned != made[1].turned).all()


def test_codes_are_the_same_in_any_order_and_number():
    rng = np.random.default_rng(0)
    descriptors = rng.integers(0, 255, (100, 128)).astype(np.uint8)
    places = rng.integers(0, 999, (100, 2)).astype(np.uint16)
    every = codes.encode(places, descriptors)
    each = [codes.encode(places[k : k + 1], descriptors[k : k + 1]) for k in range(100)]
    assert b"".join(each) == every


def test_the_nearest_cells_are_those_of_a_plain_search():
    even, odd = codes.basis().halves
    rng = np.random.default_rng(0)
    for value in rng.integers(0, 256, (20, codes.WIDTH)).astype(np.uint8):
        a = ((value[::2].astype(int) - even) ** 2).sum(axis=1)
        b = ((value[1::2].astype(int) - odd) ** 2).sum(axis=1)
        every = (a[:, None] + b).ravel()
        cells = np.empty(search.PROBES, np.int64)
        last = codes.nearest_cells(value, even, odd, cells)
        assert every[cells].tolist() == np.sort(every)[: search.PROBES].tolist()
        assert last == every[cells[-1]]


def library(count=24):
    """Photographs with copies, a crowd, pages of text: everything with ties."""
    pictures = [photo(seed, 432, 288) for seed in range(count)]
    copies = [list(CHANGES.values())[k % 9](picture) for k, picture in enumerate(pictures)]
    crowd = [jpeg(pictures[0], quality) for quality in range(30, 90, 4)]
    return [stored(p) for p in [*pictures, *copies, *crowd, *(page(seed) for seed in range(8))]]


def pairs_of(values):
    """The pairs of contents, each named by its codes."""
    order = sorted(range(len(values)), key=lambda k: values[k])  # stands for the digest
    made = proposing.propose(
        proposing.Pictures(codes.decoded([values[k] for k in order])),
        lambda: np.arange(len(values)),
    )
    return list(zip(made.i.tolist(), made.j.tolist(), made.matches.tolist(), strict=True))


def test_neither_the_order_of_files_nor_threads_nor_blocks_change_the_pairs(monkeypatch):
    values = library()
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    expected = pairs_of(values)
    numba.set_num_threads(threads)
    assert len(expected) > 100
    for seed in (1, 2):
        shuffled = [values[k] for k in np.random.default_rng(seed).permutation(len(values))]
        assert pairs_of(shuffled) == expected
    monkeypatch.setattr(proposing, "BLOCK", 7)
    assert pairs_of(values) == expected


def test_every_copy_of_a_crowd_is_paired_with_its_best_picture():
    crowd = [jpeg(photo(1, 432, 288), quality) for quality in range(20, 90)]
    others = [photo(seed, 432, 288) for seed in range(2, 20)]
    made = proposing.propose(searched([*crowd, *others]), lambda: np.arange(88)[::-1])
    best = len(crowd) - 1  # of the crowd, in this order
    ends = set(zip(made.i.tolist(), made.j.tolist(), strict=True))
    assert {(k, best) for k in range(best)} <= ends
    assert len(ends) < (search.PARTNERS + proposing.LEADERS) * len(crowd)


def test_a_crowd_does_not_hide_the_copy_of_another_picture():
    crowd = [jpeg(photo(1, 432, 288), quality) for quality in range(20, 60)]
    pages = [page(seed) for seed in range(40)]
    one = photo(2, 432, 288)
    assert (0, 1) in proposed([one, ImageOps.mirror(one), *crowd, *pages])


def test_equal_codes_are_asked_for_once_but_all_are_paired():
    one = stored(photo(1, 432, 288))
    made = proposing.propose(
        proposing.Pictures(codes.decoded([one] * 300)), lambda: np.arange(300)[::-1]
    )
    ends = set(zip(made.i.tolist(), made.j.tolist(), strict=True))
    assert {(k, 299) for k in range(299)} <= ends
    assert len(ends) < 300 * (1 + proposing.LEADERS)


def test_partners_are_not_spent_on_pictures_of_other_stages():
    stages = [jpeg(photo(1, 432, 288), quality) for quality in range(20, 90, 2)]
    labels = np.arange(len(stages), dtype=np.int32) % 12
    pictures = proposing.Pictures(codes.decoded([stored(p) for p in stages]), labels)
    made = proposing.propose(pictures, lambda: np.arange(len(stages)))
    ends = set(zip(made.i.tolist(), made.j.tolist(), strict=True))
    assert ends == {(i, j) for j in range(len(stages)) for i in range(j) if labels[i] == labels[j]}


def test_a_picture_without_a_stage_is_paired_with_all_stages():
    labels = np.array([0, 1, -1], np.int32)
    one = stored(photo(1, 432, 288))
    made = proposing.propose(
        proposing.Pictures(codes.decoded([one] * 3), labels), lambda: np.arange(3)
    )
    assert list(zip(made.i.tolist(), made.j.tolist(), strict=True)) == [(0, 2), (1, 2)]


def test_pictures_without_features_are_no_crowd():
    assert proposed([Image.new("RGB", (64, 64), (tone, 9, 9)) for tone in range(40)]) == []


# ---------------------------------------------------------------- few features


def sky(seed):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(90, 220, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((300, 200), Image.Resampling.BICUBIC)


def test_a_cosine_counts_as_matches():
    cosines = np.array([whole.NEAR, (1 + whole.NEAR) / 2, 1.0])
    assert whole.matches(cosines).tolist() == [proposing.FEWEST, 14, proposing.MOST]


def test_a_picture_with_few_features_is_compared_as_a_whole_in_every_orientation(tmp_path):
    for k in range(5):
        save(sky(k), tmp_path / f"lib/{k}.png")
    save(ImageOps.mirror(sky(3)).rotate(90, expand=True), tmp_path / "lib/turned.png")
    save(photo(1, 300, 200), tmp_path / "lib/photo.png")
    run = start(tmp_path, tmp_path / "lib", "30_clip_faiss", roots=["."])
    found = matching.Matching(run)
    pairs, _ = found.near_pairs(4)
    names = run.catalogue["path"].to_numpy()
    assert [(names[i], names[j]) for i, j in pairs[["i", "j"]].to_numpy()] == [
        ("3.png", "turned.png")
    ]
    assert "6 images with fewer than 20 features" in found.notes[0]


# ---------------------------------------------------------------- in a run


def test_only_new_contents_are_encoded_and_damaged_codes_are_made_again(tmp_path):
    pictures = {f"{k:064x}": images._thumbnail(photo(k, 300, 200)) for k in range(1, 4)}
    cache = store.Store(tmp_path)
    cache.put([], thumbnails=list(pictures.items()))
    digests = sorted(pictures)
    first = kept.of_contents(cache, digests[:2], lambda lost: None)
    assert first.encoded == 2
    grown = kept.of_contents(cache, digests, lambda lost: None)
    assert grown.encoded == 1
    assert (grown.coded.values[: first.coded.starts[-1]] == first.coded.values).all()
    cache.put([], measures=[(kept.KIND, digests[1], b"damaged")])
    mended = kept.of_contents(cache, digests, lambda lost: None)
    assert (mended.encoded, cache.damaged) == (1, 1)
    assert (mended.coded.values == grown.coded.values).all()


def test_a_content_without_a_thumbnail_is_named(tmp_path):
    cache = store.Store(tmp_path)
    asked = []
    made = kept.of_contents(cache, ["0" * 64], asked.extend)
    assert (made.failed, asked) == ({"0" * 64: "its thumbnail cannot be made"}, ["0" * 64])
    assert made.coded.starts.tolist() == [0, 0]


def test_all_files_of_a_content_are_paired(tmp_path):
    folder = make_library(tmp_path / "lib")
    save(photo(3), folder / "selected/alone again.png")  # the same bytes
    save(ImageOps.mirror(photo(3)), folder / "selected/alone mirrored.png")
    run = start(tmp_path, folder, "30_clip_faiss")
    pairs, _ = likeness.search(run, "local").near_pairs(4)
    names = run.catalogue["path"].to_numpy()
    of_three = {
        (names[i], names[j])
        for i, j in pairs[["i", "j"]].to_numpy()
        if "alone" in names[i] or "alone" in names[j]
    }
    assert of_three == {
        ("mojo1/alone.png", "selected/alone again.png"),
        ("mojo1/alone.png", "selected/alone mirrored.png"),
        ("selected/alone again.png", "selected/alone mirrored.png"),
    }


def test_more_pairs_than_allowed_raise_the_bound_and_say_so(tmp_path):
    for quality in range(20, 60, 4):
        save(photo(1, 300, 200), tmp_path / f"lib/{quality}.jpg", quality=quality)
    run = start(tmp_path, tmp_path / "lib", "30_clip_faiss", roots=["."])
    pairs, bound = likeness.search(run, "local").near_pairs(4, max_pairs=5)
    assert len(pairs) <= 5 and bound > 4
    assert "more than max_pairs 5 pairs" in pairs.attrs["bound"]["reason"]


def test_the_scale_of_whole_pictures_is_that_of_their_finder():
    assert pytest.approx(0.85) == whole.NEAR
    assert joins.MARGIN < 1 - whole.NEAR
