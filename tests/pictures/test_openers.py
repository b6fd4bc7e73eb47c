"""Every format in which a picture may come: it is read, upright, within limits, and says what it holds."""

import struct
import zlib

import encoded
import numpy as np
import pytest
from drawn import photo
from encoded import heic, jxl, psd, raw, saved
from PIL import Image, ImageCms

from dedup_nb.library import formats
from dedup_nb.pictures import contents, images, openers

PICTURE = photo(1, 192, 128)
SIZES = [(32, 32), images.CONTENTS]
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _as_in_a_decoder_process(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)


def measured(data, name="a.bin"):
    return images.measure(data, name, SIZES)


def held(data, name="a.bin"):
    return contents.Contents.of_bytes(measured(data, name).rasters[images.CONTENTS])


def seen(one):
    """The size as shown, and the small grey picture."""
    return (one.width, one.height), np.frombuffer(one.rasters[32, 32], np.uint8).astype(int)


def assert_same_picture(one, levels=4.0, size=(192, 128)):
    assert one.status == "ok", one.error
    own, grey = seen(one)
    _, wanted = seen(measured(saved(PICTURE, "PNG")))
    assert own == size
    assert np.abs(grey - wanted).mean() < levels


WRITTEN = {
    "HEIF": lambda p: heic(p),
    "JXL": lambda p: jxl(p),
    "JXL without loss": lambda p: jxl(p, lossless=True),
    "JPEG2000": lambda p: saved(p, "JPEG2000"),
    "JPEG2000 codestream": lambda p: saved(p, "JPEG2000", no_jp2=True),
    "PSD": lambda p: psd(p),
    "DDS": lambda p: saved(p, "DDS"),
    "QOI": lambda p: saved(p, "QOI"),
    "PPM": lambda p: saved(p, "PPM"),
    "PPM with a comment": lambda p: saved(p, "PPM").replace(b"P6\n", b"P6\n# made by hand\n", 1),
    "ICO": lambda p: saved(p, "ICO", sizes=[p.size]),
    "TGA": lambda p: saved(p, "TGA"),
    "RAW with its preview": lambda p: raw(p, preview=saved(p, "JPEG", quality=95)),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_picture_is_the_same_in_every_format(name):
    one = measured(WRITTEN[name](PICTURE), f"a.{'tga' if name == 'TGA' else 'bin'}")
    assert one.format == name.split()[0]
    assert_same_picture(one)


def test_every_format_has_exactly_one_way_to_be_opened():
    for name, entry in formats.FORMATS.items():
        assert bool(entry.pillow) != (name in openers.MODULES)
        assert entry.packages and name in contents.READERS


@pytest.mark.parametrize("orientation", TURNS)
def test_a_heic_that_its_container_turns_is_shown_upright(orientation):
    turned = PICTURE.transpose(TURNS[orientation])
    assert_same_picture(measured(heic(turned, exif=encoded.exif(orientation))))


def test_exif_data_turn_no_heic_and_no_jpeg_xl():
    for data in (heic(PICTURE, exif=encoded.tags(6)), jxl(PICTURE, exif=encoded.exif(6))):
        plain = measured(data)
        assert (plain.width, plain.height) == (192, 128)


@pytest.mark.parametrize("orientation", [1, 6, 8])
def test_a_jpeg_xl_that_was_a_jpeg_is_that_jpeg(orientation, tmp_path):
    turned = PICTURE if orientation == 1 else PICTURE.transpose(TURNS[orientation])
    jpeg = saved(turned, "JPEG", quality=90, exif=encoded.exif(orientation))
    both = [measured(jpeg), measured(encoded.jxl_of_jpeg(jpeg, tmp_path / "a.jpg"))]
    assert both[1].format == "JXL"
    assert both[0].rasters == both[1].rasters  # the small picture, and what is held
    assert seen(both[0])[0] == seen(both[1])[0] == (192, 128)


@pytest.mark.parametrize("preview", ["none", "as the sensor saw it", "turned"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_raw_file_is_shown_upright(preview, orientation):
    if preview == "turned" and orientation < 5:
        return  # it cannot be told from one that is not
    turned = PICTURE if orientation == 1 else PICTURE.transpose(TURNS[orientation])
    shown = {"none": None, "turned": PICTURE}.get(preview, turned)
    jpeg = saved(shown, "JPEG", quality=95) if shown else b""
    assert_same_picture(measured(raw(turned, jpeg, orientation), "a.dng"), 30)


def test_a_raw_file_with_a_tiny_preview_is_developed():
    large = PICTURE.resize((1152, 768))
    tiny = saved(Image.new("RGB", (160, 107)), "JPEG")
    assert_same_picture(measured(raw(large, tiny), "a.dng"), 30, (1152, 768))


def test_a_raw_file_without_its_end_is_damaged_though_its_preview_is_shown():
    whole = raw(PICTURE, saved(PICTURE, "JPEG", quality=95))
    count = struct.pack("<HHII", 279, 4, 1, 192 * 128 * 2)
    assert count in whole and held(whole, "a.dng").damage == ""
    longer = whole.replace(count, struct.pack("<HHII", 279, 4, 1, 10**7))
    assert held(longer, "a.dng").damage == "its end is missing"


def test_the_largest_picture_of_an_icon_is_shown():
    icon = saved(PICTURE, "ICO", sizes=[(16, 16), (192, 128), (48, 48)])
    assert_same_picture(measured(icon))
    assert held(icon).further == ("3 pictures",)


# ---------------------------------------------------------------- what cannot be shown


def sequence():
    return b"\0\0\0\x18ftypmsf1\0\0\0\0msf1hevc" + b"\0\0\0\x10moov" + b"\0\0\0\x08trak"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (psd(PICTURE, flattened=False), "it has layers but no flattened picture"),
        (psd(PICTURE, version=2), "it is a large document (PSB)"),
        (psd(PICTURE, bits=16), "its channels have 16 bits"),
        (sequence(), "it is an image sequence without a still picture"),
        (b"RIFF" + bytes(60), "the content is not a known image format"),
        (heic(PICTURE)[:300], "damaged HEIF"),
        (jxl(PICTURE)[:300], "damaged JXL"),
        (raw(PICTURE)[:200], "damaged RAW"),
        (b"FUJIFILMCCD-RAW 0201" + bytes(80), "damaged RAW: Unsupported file format"),
        (raw(PICTURE)[:-5000], "damaged RAW: its end is missing"),
        (saved(PICTURE, "QOI")[:300], "damaged QOI"),
        (b"qoif" + bytes(3), "damaged QOI"),
        (b"8BPS" + bytes(3), "damaged PSD"),
        (b"\xff\x0a", "damaged JXL: its header is cut off"),
        (b"P5\n3 3\nx" + bytes(60), "damaged PPM"),
    ],
)
def test_what_cannot_be_shown_is_told_in_one_sentence(data, words):
    one = measured(data, "a.dng" if "RAW" in words else "a.jpg")
    assert one.status == "unreadable" and words in one.error
    assert "\n" not in one.error


@pytest.mark.parametrize(("package", "data", "name", "extra"), [
    ("rawpy", raw(PICTURE), "a.dng", "camera raw is not read yet; pip install 'dedup_nb[raw]' adds it"),
    ("pillow-jxl-plugin", jxl(PICTURE), "a.jxl", "JPEG XL is not read yet; pip install 'dedup_nb[jxl]' adds it"),
])  # fmt: skip
def test_a_missing_extra_is_named_and_its_files_are_tried_again_with_it(
    monkeypatch, package, data, name, extra
):
    image_format = measured(data, name).format
    others = {one: openers.decoders_of(one) for one in formats.FORMATS if one != image_format}
    with_it = openers.decoders_of(image_format)
    real = openers._version
    caches = openers.decoders_of, openers.missing_extras
    for cache in caches:
        cache.cache_clear()
    monkeypatch.setattr(openers, "_version", lambda p: "missing" if p == package else real(p))
    try:
        one = measured(data, name)
        assert (one.status, one.error) == ("unreadable", extra)
        assert openers.decoders_of(image_format) != with_it
        assert others == {one: openers.decoders_of(one) for one in others}
    finally:
        for cache in caches:
            cache.cache_clear()


# ---------------------------------------------------------------- declared sizes

HUGE = 60_000


def png_head():
    body = b"IHDR" + struct.pack(">IIBBBBB", HUGE, HUGE, 8, 2, 0, 0, 0)
    head = b"\x89PNG\r\n\x1a\n\0\0\0\r" + body + struct.pack(">I", zlib.crc32(body))
    return head + b"\0\0\0\x04IDATxxxx" + bytes(40)


def jxl_head():
    """A codestream that begins with a size: both sides in 30 bits."""
    bits = 0 | 3 << 1 | (HUGE - 1) << 3 | 0 << 33 | 3 << 36 | (HUGE - 1) << 38
    return b"\xff\x0a" + bits.to_bytes(12, "little") + bytes(40)


def icon_head():
    inner = png_head()
    return (
        b"\0\0\1\0\1\0"
        + bytes([0, 0, 0, 0, 1, 0, 32, 0])
        + struct.pack("<II", len(inner), 22)
        + inner
    )


def jpeg2000_head():
    siz = struct.pack(
        ">HHHIIIIIIIIHBBB", 0xFF51, 41, 0, HUGE, HUGE, 0, 0, HUGE, HUGE, 0, 0, 1, 7, 1, 1
    )
    return (
        b"\xff\x4f" + siz + b"\xff\x52" + struct.pack(">HBBHBBBBBB", 12, 0, 0, 1, 0, 5, 4, 4, 0, 1)
    )


def heic_head():
    data = bytearray(heic(PICTURE))
    at = data.find(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", HUGE, HUGE)
    return bytes(data)


def raw_head():
    data = raw(PICTURE)
    for tag, side in ((256, 192), (257, 128)):
        entry = struct.pack("<HHII", tag, 4, 1, side)
        data = data.replace(entry, struct.pack("<HHII", tag, 4, 1, HUGE))
    return data


BOMBS = {
    "JXL": jxl_head(),
    "ICO": icon_head(),
    "PPM": b"P6\n60000 60000\n255\n" + bytes(40),
    "QOI": b"qoif" + struct.pack(">IIBB", HUGE, HUGE, 3, 0) + bytes(40),
    "RAW": raw_head(),
    "TGA": bytes([0, 0, 10]) + bytes(9) + struct.pack("<HHBB", HUGE, HUGE, 24, 0) + bytes(40),
    "PSD": psd(PICTURE)[:14] + struct.pack(">II", HUGE, HUGE) + psd(PICTURE)[22:400],
    "DDS": saved(PICTURE, "DDS")[:12] + struct.pack("<II", HUGE, HUGE) + saved(PICTURE, "DDS")[20:400],
    "JPEG2000": jpeg2000_head(),
    "HEIF": heic_head(),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_picture_that_declares_too_many_pixels_is_refused_before_it_is_decoded(name):
    one = measured(BOMBS[name], {"TGA": "a.tga", "RAW": "a.dng"}.get(name, "a.bin"))
    assert one.format == name
    assert one.status == "too_large", one.error
    assert (one.width, one.height) == (HUGE, HUGE)


# ---------------------------------------------------------------- what is held besides the pixels

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="3"/></rdf:RDF></x:xmpmeta>'
)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (heic(PICTURE, exif=encoded.exif(), xmp=XMP), {"camera", "time", "rating"}),
        (jxl(PICTURE, exif=encoded.exif(), xmp=XMP), {"camera", "time", "rating"}),
        (raw(PICTURE), {"camera", "time"}),
        (psd(PICTURE, resources=b"8BIM\x04\x24\0\0" + struct.pack(">I", len(XMP)) + XMP + b"\0" * (len(XMP) % 2)), {"rating"}),
        (saved(PICTURE, "PPM").replace(b"P6\n", b"P6\n# a lighthouse\n", 1), {"caption"}),
        (saved(PICTURE, "PPM").replace(b"P6\n", b"P6\n# Created by GIMP\n", 1), set()),
    ],
)  # fmt: skip
def test_words_are_read_from_every_format_that_holds_them(data, words):
    assert set(held(data, "a.dng" if data.startswith(b"II") else "a.bin").words) == words


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def full(kind, *parts, version=0, flags=0):
    return box(kind, bytes([version]) + flags.to_bytes(3, "big"), *parts)


def heif(items, references=(), properties=(), owners=(), primary=1):
    """The list of items of a HEIF file: (number, type, hidden), (type, from, to), properties."""
    infe = [
        full(b"infe", struct.pack(">HH", number, 0), kind, b"\0", version=2, flags=int(hidden))
        for number, kind, hidden in items
    ]
    refs = [box(k, struct.pack(f">HH{len(to)}H", own, len(to), *to)) for k, own, to in references]
    told = b"".join(struct.pack(">HB", number, len(own)) + bytes(own) for number, own in owners)
    iprp = box(
        b"iprp", box(b"ipco", *properties), full(b"ipma", struct.pack(">I", len(owners)), told)
    )
    meta = full(
        b"meta", full(b"pitm", struct.pack(">H", primary)),
        full(b"iinf", struct.pack(">H", len(infe)), *infe), iprp, full(b"iref", *refs),
    )  # fmt: skip
    return b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + meta


def auxiliary(urn):
    return full(b"auxC", urn, b"\0")


def hvcc(bits):
    return box(b"hvcC", bytes(17), bytes([0xF8 | (bits - 8)] * 2), bytes(4))


ONE, TILES = (1, b"hvc1", False), [(1, b"grid", False), (2, b"hvc1", True), (3, b"hvc1", True)]


@pytest.mark.parametrize(
    ("data", "further", "depth", "alpha"),
    [
        (heif([ONE], properties=[hvcc(10)], owners=[(1, [1])]), (), 10, False),
        (heif(TILES, [(b"dimg", 1, [2, 3])], [hvcc(12)], [(2, [1]), (3, [1])]), (), 12, False),
        (heif([ONE, (2, b"hvc1", False)], [(b"thmb", 2, [1])]), (), 8, False),
        (heif([ONE, (2, b"hvc1", False)]), ("2 pictures",), 8, False),
        (heif([ONE, (2, b"hvc1", True)]), (), 8, False),
        *[
            (heif([ONE, (2, b"hvc1", False)], [(b"auxl", 2, [1])], [auxiliary(urn)], [(2, [1])]), what, 8, False)
            for urn, what in {
                b"urn:mpeg:hevc:2015:auxid:2": ("depth map",),
                b"urn:com:apple:photo:2020:aux:hdrgainmap": ("gain map",),
                b"urn:com:apple:photo:2018:aux:portraiteffectsmatte": ("matte",),
                b"urn:of:somebody": ("auxiliary picture",),
            }.items()
        ],
        (heif([ONE, (2, b"hvc1", False)], [(b"auxl", 2, [1])],
              [auxiliary(b"urn:mpeg:hevc:2015:auxid:1")], [(2, [1])]), (), 8, True),
        (heif([(1, b"tmap", False), (2, b"hvc1", False), (3, b"hvc1", True)], [(b"dimg", 1, [2, 3])], primary=2),
         ("gain map",), 8, False),
    ],
)  # fmt: skip
def test_the_items_of_a_heic_tell_what_else_it_holds(data, further, depth, alpha):
    made = contents.contents_of(data, "HEIF")
    assert (made.further, made.depth, made.alpha) == (further, depth, alpha)


def test_several_pictures_in_a_heic_are_told_and_the_first_is_shown():
    other = photo(2)
    several = saved(PICTURE, "HEIF", save_all=True, append_images=[other], quality=90)
    one = measured(several)
    assert_same_picture(one)
    assert one.animated and held(several).further == ("2 pictures",)


@pytest.mark.parametrize(
    ("data", "further"),
    [
        (psd(PICTURE, layers=3), ("3 layers",)),
        (psd(PICTURE, layers=-1), ("1 layer",)),
        (psd(PICTURE), ()),
        (raw(PICTURE), ("raw data",)),
        (jxl(PICTURE, exif=encoded.exif(), compress_metadata=True), ("compressed metadata",)),
        (saved(PICTURE, "DDS")[:112] + struct.pack("<I", 0xFE00) + saved(PICTURE, "DDS")[116:], ("6 pictures",)),
    ],
)  # fmt: skip
def test_what_a_file_holds_besides_its_first_picture(data, further):
    assert held(data, "a.dng" if data.startswith(b"II") else "a.bin").further == further


def test_depth_and_loss_are_those_that_the_file_declares():
    deep = Image.fromarray(np.asarray(PICTURE.convert("L")).astype(np.uint16) * 257)
    told = {
        "HEIF": heic(PICTURE), "JXL": jxl(PICTURE), "JXL lossless": jxl(deep, lossless=True),
        "JP2 lossy": saved(PICTURE, "JPEG2000", irreversible=True), "JP2": saved(deep, "JPEG2000"),
        "PGM": saved(deep, "PPM"), "PFM": saved(deep.convert("F"), "PPM"),
    }  # fmt: skip
    made = {name: held(data) for name, data in told.items()}
    assert {name: (one.depth, one.lossless) for name, one in made.items()} == {
        "HEIF": (8, False), "JXL": (8, False), "JXL lossless": (16, True), "JP2 lossy": (8, False),
        "JP2": (16, True), "PGM": (16, True), "PFM": (32, True),
    }  # fmt: skip


@pytest.mark.parametrize(("width", "height"), [(8, 8), (640, 480), (100, 3), (5000, 7), (256, 256)])
def test_the_header_of_a_jpeg_xl_tells_its_size(width, height):
    header = contents.jxl.header(jxl(Image.new("RGB", (width, height)), lossless=True))
    assert (header.width, header.height, header.is_animated) == (width, height, False)


def test_the_same_bytes_give_the_same_picture_each_time():
    for data in (heic(PICTURE), jxl(PICTURE), raw(PICTURE)):
        name = "a.dng" if data.startswith(b"II") else "a.bin"
        assert measured(data, name) == measured(data, name)


def test_the_colour_profile_of_a_heic_is_kept():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    whole = images.whole(heic(PICTURE, icc_profile=profile), "a.bin")
    assert whole.info["icc_profile"] == profile
