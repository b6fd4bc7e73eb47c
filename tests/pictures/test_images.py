"""Images: strangers' files become pixels, or one line that says why not."""

import io

import imagehash
import numpy as np
import pytest
from drawn import photo
from PIL import Image

from dedup_nb.finders import phash
from dedup_nb.library import files
from dedup_nb.pictures import decoding, images

SIZES = [(32, 32)]


def encoded(picture, name="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, name, **options)
    return buffer.getvalue()


def grey(data):
    measured = images.measure(data, "x", SIZES)
    assert measured.status == "ok", measured.error
    return np.frombuffer(measured.rasters[32, 32], np.uint8).astype(int)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "1", "CMYK", "LA", "I;16"])
def test_every_mode_shows_the_same_picture(mode):
    picture = photo(4)
    if mode == "I;16":  # 16 bits a pixel: clipped instead of scaled it would be all white
        deep = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
        data = encoded(deep)
    else:
        data = encoded(picture.convert(mode), "TIFF" if mode == "CMYK" else "PNG")
    difference = np.abs(grey(data) - grey(encoded(picture)))
    assert difference.mean() < (30 if mode == "1" else 6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    picture = photo(5)
    turns = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_90",
             7: "TRANSVERSE", 8: "ROTATE_270"}  # fmt: skip
    stored = picture.transpose(Image.Transpose[turns[orientation]]) if orientation > 1 else picture
    exif = Image.Exif()
    exif[images.ORIENTATION_TAG] = orientation
    for name in ("JPEG", "PNG"):
        measured = images.measure(encoded(stored, name, exif=exif), "x", SIZES)
        assert (measured.width, measured.height) == picture.size
        raster = np.frombuffer(measured.rasters[32, 32], np.uint8).astype(int)
        assert np.abs(raster - grey(encoded(picture))).mean() < 4


def test_transparent_pictures_are_seen_over_white():
    clear = photo(6).convert("RGBA")
    clear.putalpha(0)
    assert (grey(encoded(clear)) == 255).all()


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
def test_reducing_first_changes_hardly_a_bit_of_the_hash(name):
    for seed in range(5):
        data = encoded(photo(seed, 1500, 1100), name)
        fast = phash.hash_rasters(
            "phash",
            np.frombuffer(images.measure(data, "x", SIZES).rasters[32, 32], np.uint8).reshape(
                1, 32, 32
            ),
        )
        slow = imagehash.phash(Image.open(io.BytesIO(data)))
        assert (imagehash.hex_to_hash(phash.hex_digits(fast[0])) - slow) <= 2


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", "unreadable", "the file is empty"),
        (b"text that calls itself a picture", "unreadable", "not a known image format"),
        (
            b"%!PS-Adobe-3.0 EPSF-3.0\n",
            "unreadable",
            "not a known image format",
        ),  # never Ghostscript
        (encoded(photo(1))[:900], "unreadable", "damaged PNG"),  # truncated
        (b"\xff\xd8\xff" + b"\0" * 50, "unreadable", "header cannot be read"),
        (b"\0\0\0\x18ftypheic", "unreadable", "damaged HEIF: Invalid input"),
    ],
)
def test_a_bad_file_is_told_with_its_reason(data, status, words):
    measured = images.measure(data, "a.png", SIZES)
    assert measured.status == status
    assert words in measured.error
    assert len(measured.sha256) == 64


def test_a_bad_file_is_told_in_the_same_words_each_time():
    data = b"\x89PNG\r\n\x1a\n" + bytes(40)
    told = {images.measure(data, "a.png", [(32, 32)]).error for _ in range(3)}
    assert told == {"damaged PNG: its header cannot be read"}


def test_too_many_pixels_are_refused_before_decoding():
    measured = images.measure(encoded(photo(1, 200, 100)), "a.png", SIZES, max_pixels=19_999)
    assert (measured.status, measured.rasters) == ("too_large", {})
    assert "200x100 pixels; max_pixels allows 19,999" in measured.error


def test_an_animation_is_known_and_a_cameras_preview_is_none():
    frames = [photo(seed) for seed in range(3)]
    moving = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert images.measure(moving, "x", SIZES).animated
    assert not images.measure(
        encoded(frames[0], "MPO", save_all=True, append_images=frames[1:]), "x", SIZES
    ).animated


def test_flat_pictures_have_hardly_any_contrast():
    flat = images.measure(encoded(Image.new("RGB", (300, 200), "grey")), "x", SIZES)
    assert (
        flat.contrast
        < images.FLAT_CONTRAST
        < images.measure(encoded(photo(1)), "x", SIZES).contrast
    )


def test_a_thumbnail_is_small_and_upright():
    exif = Image.Exif()
    exif[images.ORIENTATION_TAG] = 6
    measured = images.measure(encoded(photo(1, 900, 600), "JPEG", exif=exif), "x", SIZES)
    assert Image.open(io.BytesIO(measured.thumbnail)).size == (171, 256)
    assert max(Image.open(io.BytesIO(images.smaller(measured.thumbnail, 160))).size) == 160


def test_links_and_pipes_are_never_read(tmp_path):
    import os

    (tmp_path / "a.png").write_bytes(encoded(photo(1)))
    (tmp_path / "link.png").symlink_to("a.png")
    os.mkfifo(tmp_path / "pipe.png")
    for name in ("link.png", "pipe.png"):
        with pytest.raises(OSError):
            files.read_file(os.fsencode(tmp_path / name))


def test_a_png_of_one_line_or_column_is_read_as_what_it_is():
    for size in ((300, 1), (1, 300), (1, 1)):
        for mode in ("RGB", "RGBA", "L"):
            buffer = io.BytesIO()
            Image.new(mode, size, "white").save(buffer, "PNG")
            found = images.measure(buffer.getvalue(), "a.png", [(8, 8)])
            assert (found.width, found.height) == size
            assert set(found.rasters[8, 8]) == {255}


def thumbnail(picture):
    return images.measure(encoded(picture), "x.png", []).thumbnail


def test_the_difference_of_two_thumbnails_is_black_where_they_agree():
    one = photo(1)
    other = one.copy()
    other.paste((255, 0, 0), (0, 0, 64, 64))
    apart = images.pixels(images.difference(thumbnail(one), thumbnail(other))).astype(int)
    assert apart[:40, :40].mean() > 100 > 5 > apart[:, 100:].mean()
    larger = other.resize((2 * one.width, 2 * one.height))
    assert images.pixels(images.difference(thumbnail(one), thumbnail(larger))).shape == apart.shape


def test_a_difference_in_tone_is_that_of_the_whole_picture():
    one = images.pixels(thumbnail(photo(1)))
    assert images.tone_difference(one, one) == 0
    lighter = np.clip(one.astype(int) + 10, 0, 255).astype(np.uint8)
    assert 8 < images.tone_difference(one, lighter) <= 10


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 30}]
)
@pytest.mark.parametrize("size", [(1200, 900), (901, 603), (300, 200), (40, 17)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_fast_decoder_of_jpegs_gives_the_pixels_of_pillow(size, mode, options):
    buffer = io.BytesIO()
    photo(1, *size).convert(mode).save(buffer, "JPEG", **options)
    reduced = [Image.open(io.BytesIO(buffer.getvalue())) for _ in range(2)]
    for one in reduced:
        one.draft(mode, (size[0] // 3, size[1] // 3))

    fast = decoding._decoded_jpeg(reduced[0], buffer.getvalue())

    assert np.array_equal(fast, np.asarray(reduced[1]))


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("size", [(192, 128), (1920, 1280)])
def test_malformed_exif_makes_no_picture_unreadable(name, size):
    data = encoded(photo(1, *size), name, exif=b"Exif\0\0no TIFF at all")
    measured = images.measure(data, "a", SIZES)

    assert (measured.status, measured.width, measured.exposure) == ("ok", size[0], "")
