"""Images beside each other: true pixels in squares, aligned as they were verified."""

import io
import os

import numpy as np
import pytest
from drawn import measured, save, tree
from PIL import Image, ImageOps
from test_holding import scene

from dedup_nb.compare.beside import Beside
from dedup_nb.compare.beside.kept import Kept
from dedup_nb.compare.full_size import HOLDINGS, Compared, FullSize, _packed
from dedup_nb.compare.look_words import Look
from dedup_nb.compare.verdicts import Verdicts
from dedup_nb.pictures.engines import LOCAL, Failure, Item
from dedup_nb.pictures.engines.tasks import TASKS

PHOTO = scene(5, (1100, 700))
FINE = {"quality": 95, "subsampling": 0}
TURNED = Image.Transpose.ROTATE_90


def edited(picture):
    copy = picture.copy()
    copy.paste((200, 30, 30), (600, 300, 700, 380))
    return copy


def opened(tmp_path, **pictures):
    """A library of these pictures, with `PHOTO` as `a.png`, and what shows it."""
    library = tmp_path / "library"
    for name, (picture, options) in {"a.png": (PHOTO, {}), **pictures}.items():
        save(picture, library / name.replace("_", "."), **options)
    catalogue, store = measured(library, tmp_path / "cache")
    full_size = FullSize(catalogue, library, store)
    return Beside(catalogue, library, Verdicts(catalogue, store, full_size=full_size))


def drawn(square):
    return Image.open(io.BytesIO(square))


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    return opened(
        tmp_path_factory.mktemp("copies"),
        again_jpg=(PHOTO, FINE),
        trimmed_png=(PHOTO.crop((3, 2, 1097, 698)), {}),
        half_png=(PHOTO.resize((550, 350), Image.Resampling.LANCZOS), {}),
        mirrored_jpg=(ImageOps.mirror(PHOTO), FINE),
        turned_jpg=(PHOTO.transpose(TURNED).resize((350, 550)), FINE),
        edited_jpg=(edited(PHOTO), FINE),
        edited2_jpg=(ImageOps.mirror(edited(PHOTO)).transpose(TURNED), FINE),
        other_png=(scene(9, (1100, 700)), {}),
        same_png=(PHOTO, {}),
    )


# -- alignment -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "most"),
    [
        ("again.jpg", "aligned: pixel by pixel", 0.002),
        ("trimmed.png", "aligned: shifted by 3 px across and 2 px down", 0.001),
        ("half.png", "aligned: scaled by 0.5", 0.002),
        ("mirrored.jpg", "aligned: mirrored", 0.002),
        ("turned.jpg", "aligned: rotated by -90°, scaled by 0.5", 0.01),
        ("same.png", "the same content", 0.0),
    ],
)
def test_a_copy_is_aligned_before_differences_are_counted_and_says_how(copies, name, text, most):
    pair = copies.placed("a.png", name)
    assert (pair.text, pair.aligned) == (text, True)
    assert pair.differing <= most


@pytest.mark.parametrize("name", ["trimmed.png", "half.png", "mirrored.jpg", "turned.jpg"])
def test_the_way_back_is_the_same_way(copies, name):
    there, back = copies.placed("a.png", name), copies.placed(name, "a.png")
    maps = [np.vstack([np.reshape(pair.matrix, (2, 3)), [0, 0, 1]]) for pair in (there, back)]
    place = maps[1] @ maps[0] @ [500, 300, 1]
    assert np.abs(place - [500, 300, 1]).max() < 1


def test_different_pictures_are_not_aligned_and_differ_nearly_everywhere(copies):
    pair = copies.placed("a.png", "other.png")
    assert (pair.text, pair.aligned, pair.boxes) == ("not aligned", False, ())
    assert pair.differing > 0.9


def test_the_map_from_thumbnails_is_told_without_opening_a_file(copies, monkeypatch):
    monkeypatch.setattr(copies, "_judged", None)
    pair = copies.near("a.png", "half.png")
    assert pair.text == "aligned by their thumbnails"
    assert pair.matrix == pytest.approx((0.5, 0, -0.25, 0, 0.5, -0.25), abs=0.01)


# -- areas ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["edited.jpg", "edited2.jpg"])
def test_the_area_that_held_a_pair_back_lies_around_the_edit(copies, name):
    pair = copies.placed("a.png", name)
    ((left, top, right, bottom),) = pair.boxes
    edit = (600 / 1100, 300 / 700, 700 / 1100, 380 / 700)
    assert left <= edit[0] + 0.02 and top <= edit[1] + 0.02
    assert right >= edit[2] - 0.02 and bottom >= edit[3] - 0.02
    assert (right - left) * (bottom - top) < 0.06
    assert pair.outlined.endswith("of the area differs")


def test_the_area_in_the_turned_copy_lies_around_the_edit_there(copies):
    ((left, top, right, bottom),) = copies.placed("edited2.jpg", "a.png").boxes
    pixels = np.asarray(Image.open(copies._file("edited2.jpg").decode()))
    ys, xs = np.nonzero(np.abs(pixels.astype(int) - (200, 30, 30)).max(axis=2) < 12)
    height, width = pixels.shape[:2]
    assert left <= np.median(xs) / width <= right
    assert top <= np.median(ys) / height <= bottom


def test_what_a_second_look_found_is_outlined_in_the_picture_that_is_asked_about(tmp_path):
    beside = opened(tmp_path, mirrored_png=(ImageOps.mirror(PHOTO), {}))
    first, second = sorted(beside.digests)
    look = Look("edited", "", ((0.1, 0.2, 0.3, 0.4),), 2.0, 0.04)
    packed = _packed(Compared(look=look))
    beside.verdicts.store.put([], measures=[(HOLDINGS, f"{first} {second}", packed)])
    a, b = ("a.png", "mirrored.png")[:: 1 if beside.digests[beside.rows["a.png"]] == first else -1]
    assert beside.placed(a, b).boxes == (pytest.approx((0.1, 0.2, 0.3, 0.4)),)
    assert beside.placed(b, a).boxes == (pytest.approx((0.7, 0.2, 0.9, 0.4), abs=0.003),)
    assert "4.0 % of the area differs" in beside.placed(a, b).outlined


# -- squares -------------------------------------------------------------------------------------


def test_squares_in_full_size_are_the_pixels_of_the_file(copies):
    made = copies.tiles("a.png", 0, [(0, 0), (2, 1)])
    assert [drawn(square).size for square in made] == [(512, 512), (76, 188)]
    assert np.array_equal(np.asarray(drawn(made[1])), np.asarray(PHOTO)[512:, 1024:])


@pytest.mark.parametrize(("level", "size"), [(1, (512, 350)), (2, (275, 175)), (12, (1, 1))])
def test_reduced_squares_cover_the_whole_picture(copies, level, size):
    (square,) = copies.tiles("again.jpg", level, [(0, 0)])
    assert drawn(square).size == size


def test_a_transparent_picture_keeps_its_transparency(tmp_path):
    clear = Image.new("RGBA", (300, 200), (250, 120, 0, 0))
    clear.paste((10, 20, 30, 255), (0, 0, 100, 200))
    beside = opened(tmp_path, clear_png=(clear, {}))
    for level in (0, 1):
        square = drawn(beside.tiles("clear.png", level, [(0, 0)])[0])
        assert square.mode == "RGBA"
        assert square.getpixel((20, 20)) == (10, 20, 30, 255)
        assert square.getpixel((120, 20))[3] == 0


def test_the_difference_of_a_trimmed_copy_is_dark_and_of_an_edit_bright(copies):
    (square,) = copies.differences("a.png", "trimmed.png", 0, [(0, 0)])
    pixels = np.asarray(drawn(square)).astype(int)
    assert np.ptp(pixels[10:, 10:], axis=2).max() < 9  # grey: no difference
    assert tuple(pixels[0, 0]) == (58, 62, 84)  # the copy shows nothing there
    (square,) = copies.differences("a.png", "edited2.jpg", 1, [(0, 0)])
    heat = np.ptp(np.asarray(drawn(square)).astype(int), axis=2)
    assert heat[150:190, 300:350].mean() > 10 * heat[:100, :100].mean()


@pytest.mark.parametrize(
    ("path", "level", "tiles", "why"),
    [
        ("none.png", 0, [(0, 0)], "not in the catalogue"),
        ("a.png", 0, [(3, 0)], "outside of the picture"),
        ("a.png", 0, [(-1, 0)], "outside of the picture"),
        ("a.png", 99, [(0, 0)], "more squares"),
        ("a.png", 0, [(0, 0)] * 49, "more squares"),
    ],
)
def test_squares_that_there_are_not_are_refused_in_one_sentence(copies, path, level, tiles, why):
    with pytest.raises(ValueError, match=why):
        copies.tiles(path, level, tiles)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "CMYK"])
def test_pictures_of_every_mode_are_shown_in_colour_and_upright(tmp_path, mode):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    name, suffix = ("odd_jpg", "jpg") if mode == "CMYK" else ("odd_png", "png")
    beside = opened(tmp_path, **{name: (PHOTO.convert(mode), {"exif": exif})})
    for level, size in ((0, (512, 512)), (1, (350, 512)), (3, (88, 138))):
        square = drawn(beside.tiles(f"odd.{suffix}", level, [(0, 0)])[0])
        assert square.mode == ("RGBA" if mode == "LA" else "RGB")
        assert square.size == size


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path):
    path = save(Image.new("1", (20_000, 20_000)), tmp_path / "large.png")
    facts = {"sha256": "", "size": [20_000, 20_000], "tiles": [[0, 0]]}
    for level in (0, 3):
        (result,) = LOCAL.judge("tiles", [Item({**facts, "level": level}, [os.fsencode(path)])], 1)
        assert result == Failure("20000x20000 pixels; max_pixels allows 300,000,000")


def test_a_file_that_changed_since_is_said_so_and_not_shown(tmp_path):
    beside = opened(tmp_path)
    beside.tiles("a.png", 0, [(0, 0)])
    save(scene(9, (1100, 700)), tmp_path / "library/a.png")
    os.utime(tmp_path / "library/a.png")
    for level in (0, 1):
        with pytest.raises(ValueError, match=r"^cannot be shown: changed since"):
            beside.tiles("a.png", level, [(0, 0)])
    (tmp_path / "library/a.png").unlink()
    with pytest.raises(ValueError, match=r"cannot be read: No such file"):
        beside.tiles("a.png", 0, [(0, 0)])


def test_looking_changes_nothing_in_the_library(tmp_path):
    beside = opened(tmp_path, again_jpg=(PHOTO, FINE))
    before = tree(tmp_path / "library")
    beside.tiles("a.png", 0, [(0, 0)])
    beside.differences("a.png", "again.jpg", 0, [(0, 0)])
    assert tree(tmp_path / "library") == before


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"matrix": [1, 0, 0, 0, 1], "differing": 0.1},
        {"matrix": [0, 0, 0, 0, 0, 0], "differing": 0.1},
        {"matrix": [1, 0, 0, 0, 1, 1e12], "differing": 0.1},
        {"matrix": [1, 0, 0, 0, 1, 0], "differing": 2},
        {"matrix": [1, 0, 0, 0, 1, 0], "differing": "0.1"},
        {"matrix": "abcdef", "differing": 0.1},
    ],
)
def test_what_a_process_may_not_send_is_not_believed(copies, monkeypatch, facts):
    monkeypatch.setattr(copies, "_judged", lambda task, item: Item(facts))
    monkeypatch.setattr(copies, "_placed", {})
    with pytest.raises(ValueError, match="sent what it should not"):
        copies.placed("a.png", "again.jpg")


def test_squares_that_are_no_pictures_are_not_believed(copies, monkeypatch):
    for blocks in ([], [b"<svg>"], [b"\xff\xd8\xff"] * 2):
        monkeypatch.setattr(copies, "_judged", lambda task, item, blocks=blocks: Item({}, blocks))
        with pytest.raises(ValueError, match="sent what it should not"):
            copies.tiles("a.png", 0, [(0, 0)])


# -- what is kept --------------------------------------------------------------------------------


def test_a_picture_is_decoded_once_until_it_was_not_used_for_long(tmp_path, monkeypatch):
    path = os.fsencode(save(PHOTO, tmp_path / "a.png"))
    time = [0.0]
    kept = Kept(now=lambda: time[0])
    first = kept.whole(path, "")
    kept.tidy()
    assert kept.whole(path, "") is first
    time[0] = 100.0
    kept.tidy()
    assert kept.kept_bytes == 0


def test_no_more_is_kept_than_the_limit(tmp_path):
    kept = Kept(most_bytes=PHOTO.width * PHOTO.height * 4)
    paths = [os.fsencode(save(scene(k, PHOTO.size), tmp_path / f"{k}.png")) for k in (1, 2, 3)]
    for path in paths:
        kept.whole(path, "")
        kept.tidy()
    assert kept.kept_bytes == PHOTO.width * PHOTO.height * 3
    kept.whole(paths[2], "")
    assert len(kept._entries) == 1


def test_processes_may_keep_pictures_between_two_looks_and_others_may_not():
    keeping = {name for name, task in TASKS.items() if task.keeps_bytes}
    assert keeping == {"tiles", "differences", "beside"}


def test_a_picture_that_hangs_or_crashes_costs_one_look(tmp_path):
    item = Item({"sha256": "", "size": [9, 9], "level": 0, "tiles": [[0, 0]]}, [b"/nowhere"])
    (result,) = LOCAL.judge("tiles", [item], 1)
    assert isinstance(result, Failure) and "cannot be read" in str(result)
