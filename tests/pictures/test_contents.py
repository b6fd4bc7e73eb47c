"""What a picture file holds besides its pixels, each format written in the test."""

import io
import json
import random
import struct
import zlib

import numpy as np
import pytest
from drawn import photo
from PIL import Image, PngImagePlugin, TiffImagePlugin

from dedup_nb.pictures import images
from dedup_nb.pictures.contents import Contents, contents_of

PICTURE = photo(1)
TRANSLUCENT = Image.merge("RGBA", (*PICTURE.split(), PICTURE.convert("L")))
A1111 = "a lighthouse\nNegative prompt: x\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1"
GRAPH = json.dumps({"3": {"class_type": "KSampler", "inputs": {"seed": 1}}})
WORKFLOW = json.dumps({"nodes": [{"id": 1}], "links": []})
FILM = (
    struct.pack(">I4s4sI4s", 20, b"ftyp", b"mp42", 0, b"mp42")
    + struct.pack(">I4s", 16, b"moov")
    + bytes(8)
)


def saved(picture=PICTURE, kind="JPEG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def exif_of(base=(), inner=(), gps=()):
    exif = Image.Exif()
    exif.update(base)
    exif.get_ifd(0x8769).update(inner)
    exif.get_ifd(0x8825).update(gps)
    loaded = Image.Exif()
    loaded.load(exif.tobytes())
    return loaded


def packet(inside, attributes=""):
    """An XMP packet with the namespaces that the tests use."""
    spaces = {
        "dc": "http://purl.org/dc/elements/1.1/",
        "xmp": "http://ns.adobe.com/xap/1.0/",
        "exif": "http://ns.adobe.com/exif/1.0/",
        "photoshop": "http://ns.adobe.com/photoshop/1.0/",
        "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
        "lr": "http://ns.adobe.com/lightroom/1.0/",
        "digiKam": "http://www.digikam.org/ns/1.0/",
        "darktable": "http://darktable.sf.net/",
        "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
        "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
        "own": "http://example.com/catalogue/1.0/",
    }
    named = " ".join(f'xmlns:{prefix}="{address}"' for prefix, address in spaces.items())
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {named} {attributes}>{inside}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def bag(name, *values, kind="Bag"):
    items = "".join(f"<rdf:li>{value}</rdf:li>" for value in values)
    return f"<{name}><rdf:{kind}>{items}</rdf:{kind}></{name}>"


def png_text(*entries):
    info = PngImagePlugin.PngInfo()
    for name, text in entries:
        info.add_text(name, text)
    return info


def iptc(*datasets):
    body = b"".join(struct.pack(">BBBH", 0x1C, 2, n, len(text)) + text for n, text in datasets)
    return (
        b"Photoshop 3.0\0"
        + b"8BIM"
        + struct.pack(">HHI", 0x0404, 0, len(body))
        + body
        + bytes(len(body) % 2)
    )


def with_segment(jpeg, marker, body):
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body + jpeg[2:]


def words(data, kind="JPEG"):
    return tuple(contents_of(data, kind).words)


def held(data, kind="JPEG"):
    return contents_of(data, kind).further


@pytest.mark.parametrize(
    ("base", "inner", "gps", "expected"),
    [
        ({}, {}, {}, ()),
        ({0x010F: "Canon", 0x0110: "EOS R5"}, {}, {}, ("camera",)),
        ({0x010F: " ", 0x0110: "\0"}, {}, {}, ()),
        ({0x0132: "2020:01:01 10:00:00"}, {}, {}, ()),  # an editor sets it
        ({}, {0x9003: "2020:01:01 10:00:00"}, {}, ("time",)),
        ({}, {0x9003: "0000:00:00 00:00:00"}, {}, ()),
        ({}, {0x9003: "2020:13:01 10:00:00"}, {}, ()),
        ({}, {0x9003: "    :  :     :  :  "}, {}, ()),
        ({}, {0x829A: 0.004, 0x8827: 100}, {}, ("exposure",)),
        ({}, {0x8827: 0}, {}, ()),
        ({}, {}, {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 0.0)}, ("place",)),
        ({}, {}, {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)}, ()),
        ({}, {}, {0: b"\2\3\0\0"}, ()),  # only the version
        ({0x010E: "Anna at the lake"}, {}, {}, ("caption",)),
        ({0x010E: "OLYMPUS DIGITAL CAMERA         "}, {}, {}, ()),
        ({0x010E: "SONY DSC"}, {}, {}, ()),
        ({0x010E: A1111}, {}, {}, ("prompt",)),
        ({0x9C9B: "Am See".encode("utf-16-le")}, {}, {}, ("title",)),
        ({0x9C9E: "lake;anna".encode("utf-16-le")}, {}, {}, ("keywords",)),
        ({0x4746: 4}, {}, {}, ("rating",)),
        ({0x4746: 0}, {}, {}, ()),
        ({0x013B: "Anna", 0x8298: "(c) Anna"}, {}, {}, ("author", "copyright")),
        ({0x0131: "GIMP 2.10", 0x0112: 6, 0x011A: 72.0}, {}, {}, ()),  # software, orientation
        ({}, {0x9286: b"UNICODE\0" + A1111.encode("utf-16-be")}, {}, ("prompt",)),
        ({}, {0x9286: b"UNICODE\0" + A1111.encode("utf-16-le")}, {}, ("prompt",)),
        ({}, {0x9286: b"ASCII\0\0\0Screenshot"}, {}, ()),
        ({}, {0x9286: bytes(64)}, {}, ()),
        ({}, {0x9286: b"ASCII\0\0\0" + b'{"mirror":false,"sensor_type":"back"}'}, {}, ()),
    ],
)  # fmt: skip
def test_exif_holds_words_unless_they_are_empty_or_a_default(base, inner, gps, expected):
    assert words(saved(exif=exif_of(base, inner, gps))) == expected


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_every_format_gives_the_words_of_its_exif(kind):
    data = saved(
        kind=kind, exif=exif_of({0x010F: "Canon", 0x0110: "R5"}, {0x9003: "2020:01:01 10:00:00"})
    )

    assert words(data, kind) == ("time", "camera")


@pytest.mark.parametrize(
    ("inside", "attributes", "expected"),
    [
        (bag("dc:subject", "lake", "anna"), "", ("keywords",)),
        (bag("dc:subject"), "", ()),
        (bag("dc:description", "At the lake", kind="Alt"), "", ("caption",)),
        (bag("dc:description", "a hill --v 6 Job ID: 01234567-89ab", kind="Alt"), "", ("prompt",)),
        (bag("dc:title", "Lake", kind="Alt"), "", ("title",)),
        (bag("lr:hierarchicalSubject", "places|lake"), "", ("keywords",)),
        (bag("digiKam:TagsList", "people/anna", kind="Seq"), "", ("keywords",)),
        ("", 'xmp:Rating="5"', ("rating",)),
        ("<xmp:Rating>3</xmp:Rating>", "", ("rating",)),
        ("", 'xmp:Rating="0"', ()),
        ("", 'xmp:Rating="-1"', ()),  # rejected
        ("", 'xmp:Label="Red"', ("rating",)),
        ("", 'photoshop:DateCreated="2020-01-01T10:00:00"', ("time",)),
        ("", 'xmp:CreateDate="2020-01-01T10:00:00" xmp:CreatorTool="14.4.1"', ("time",)),
        ("", 'xmp:CreateDate="2020-01-01T10:00:00" xmp:CreatorTool="Adobe Photoshop 22"', ()),
        ("", 'exif:GPSLatitude="52,31.2N" exif:GPSLongitude="13,24E"', ("place",)),
        ("", 'crs:Exposure2012="+0.50" crs:HasSettings="True"', ("edits",)),
        ("", 'crs:HasSettings="False"', ()),
        ('<darktable:history><rdf:Seq><rdf:li darktable:operation="exposure"/></rdf:Seq></darktable:history>', "", ("edits",)),
        ('<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag><rdf:li mwg-rs:Type="Face" mwg-rs:Name="Anna"/></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>', "", ("people",)),
        ('<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag><rdf:li mwg-rs:Type="Focus"/></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>', "", ()),
        ("", 'own:Shelf="7"', ("other metadata",)),
        ("", 'xmlns:GIMP="http://www.gimp.org/xmp/" GIMP:API="2.0" GIMP:Version="2.10"', ()),
        ("", 'xmpMM:DocumentID="xmp.did:1" xmp:ModifyDate="2020-01-01" photoshop:ColorMode="3"', ()),
    ],
)  # fmt: skip
def test_xmp_holds_words_however_it_is_written(inside, attributes, expected):
    data = saved(xmp=packet(inside, attributes))

    assert words(data) == expected


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_every_format_gives_the_words_of_its_xmp(kind):
    body = packet(bag("dc:subject", "lake"))
    options = {
        "PNG": {"pnginfo": png_text(("XML:com.adobe.xmp", body.decode()))},
        "TIFF": {"tiffinfo": _tag(700, body)},
    }.get(kind, {"xmp": body})

    assert words(saved(kind=kind, **options), kind) == ("keywords",)


def _tag(number, body):
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[number] = body
    tags.tagtype[number] = 1
    return tags


def test_a_document_type_ends_the_reading_of_xmp_before_any_entity():
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + packet(
        "<dc:title>&b;</dc:title>"
    )

    assert words(saved(xmp=bomb)) == ()


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([("parameters", A1111)], ("prompt",)),
        ([("prompt", GRAPH), ("workflow", WORKFLOW)], ("prompt", "workflow")),
        ([("prompt", GRAPH), ("workflow", "{}")], ("prompt",)),
        ([("Software", "NovelAI"), ("Title", "AI generated image"), ("Description", "a hill"), ("Comment", json.dumps({"prompt": "a hill", "uc": ""}))], ("prompt", "caption")),
        ([("invokeai_metadata", json.dumps({"positive_prompt": "a hill"}))], ("prompt",)),
        ([("sd-metadata", json.dumps({"image": {"prompt": "a hill"}}))], ("prompt",)),
        ([("Dream", '"a hill" -s 50 -S 123 -W 512')], ("prompt",)),
        ([("Description", "a hill at dawn --ar 3:2 --v 6.0 Job ID: 01234567-89ab-cdef")], ("prompt",)),
        ([("fooocus_scheme", "fooocus"), ("parameters", json.dumps({"prompt": "a hill"}))], ("prompt",)),
        ([("Title", "Lake"), ("Author", "Anna"), ("Copyright", "Anna")], ("title", "author", "copyright")),
        ([("Comment", "Created with GIMP"), ("Software", "gimp"), ("date:create", "2020-01-01T10:00:00")], ()),
        ([("chara", "eyJuYW1lIjogIkFubmEifQ==")], ("other metadata",)),
        ([("parameters", "")], ()),
    ],
)  # fmt: skip
def test_texts_of_a_png_hold_words(entries, expected):
    assert words(saved(kind="PNG", pnginfo=png_text(*entries)), "PNG") == expected


def test_compressed_and_international_texts_of_a_png_are_read():
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", A1111, zip=True)
    info.add_itxt("workflow", WORKFLOW, zip=True)
    info.add_itxt("Title", "Am Zürichsee")

    assert words(saved(kind="PNG", pnginfo=info), "PNG") == ("prompt", "workflow", "title")


def test_comfyui_stores_workflow_and_prompt_in_the_camera_tags_of_a_webp():
    exif = exif_of({0x010F: f"workflow:{WORKFLOW}", 0x0110: f"prompt:{GRAPH}"})

    assert words(saved(kind="WEBP", exif=exif), "WEBP") == ("prompt", "workflow")


def test_iptc_holds_words():
    body = iptc((120, b"At the lake"), (25, b"anna"), (80, b"Anna"), (55, b"20200101"), (5, b""))

    assert words(with_segment(saved(), 0xED, body)) == ("caption", "keywords", "time", "author")


def test_what_facebook_writes_into_iptc_counts_as_nothing():
    assert words(with_segment(saved(), 0xED, iptc((40, b"FBMD01000a9"), (103, b"x1")))) == ()


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        (b"At the lake", ("caption",)),
        (b"CREATOR: gd-jpeg v1.0 (using IJG JPEG v62), quality = 90\n", ()),
        (b"Lavc58.54.100", ()),
    ],
)
def test_the_comment_of_a_jpeg_is_a_caption_unless_an_encoder_wrote_it(comment, expected):
    assert words(with_segment(saved(), 0xFE, comment)) == expected


# ---------------------------------------------------------------- further contents


def frames(count):
    return [photo(seed) for seed in range(count)]


def animated(kind, count):
    first, *rest = frames(count)
    return saved(first, kind, save_all=True, append_images=rest)


@pytest.mark.parametrize(
    ("kind", "count", "expected"),
    [
        ("GIF", 12, ("12 frames",)),
        ("GIF", 1, ()),
        ("WEBP", 3, ("3 frames",)),
        ("PNG", 3, ("3 frames",)),
        ("AVIF", 3, ("3 frames",)),
        ("TIFF", 4, ("4 pages",)),
        ("TIFF", 1, ()),
    ],
)
def test_frames_and_pages_are_counted(kind, count, expected):
    assert held(animated(kind, count), kind) == expected


def test_a_second_picture_of_the_same_size_is_held_and_a_small_preview_is_not():
    with_second = animated("MPO", 2)
    preview = saved(PICTURE) + saved(PICTURE.resize((48, 32)))

    assert held(with_second) == ("second picture",)
    assert held(preview) == ()


@pytest.mark.parametrize(
    "trailer",
    [
        FILM,
        b"\0" * 24 + b"MotionPhoto_Data" + FILM + b"SEFH" + bytes(40) + b"SEFT",
    ],
)
def test_a_film_after_the_picture_is_held(trailer):
    assert held(saved() + trailer) == ("film",)


def test_xmp_that_promises_a_film_that_is_not_there_counts_as_nothing():
    body = packet(
        "", 'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MicroVideo="1"'
    )

    assert contents_of(saved(xmp=body), "JPEG") == contents_of(saved(), "JPEG")


def test_an_appended_gain_map_is_held():
    gain = packet("", 'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"')
    data = saved() + saved(PICTURE.convert("L").resize((96, 64)), xmp=gain)

    assert held(data) == ("gain map",)


@pytest.mark.parametrize(
    ("trailer", "expected"),
    [
        (bytes(4_000), ()),
        (b"PK\x03\x04" + bytes(100), ("appended file",)),
        (b"@BRCM" + bytes(100), ("raw data",)),
        (b"RIFF\0\0\0\0WAVEfmt " + bytes(100), ("audio",)),
        (b"SEFH" + bytes(40) + b"SEFT", ()),
    ],
)
def test_what_follows_a_jpeg_is_told_by_its_content(trailer, expected):
    assert held(saved() + trailer) == expected


def test_a_thumbnail_in_exif_is_no_further_content():
    thumbnail = saved(PICTURE.resize((96, 64)))
    data = with_segment(saved(), 0xE1, b"Exif\0\0" + b"II*\0\x08\0\0\0\0\0\0\0\0\0" + thumbnail)

    assert contents_of(data, "JPEG") == Contents()


# ---------------------------------------------------------------- depth and damage


def deep_png():
    rows = b"".join(b"\0" + bytes(2 * 3 * 4) for _ in range(4))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


@pytest.mark.parametrize(
    ("data", "kind", "depth", "lossless", "alpha", "palette"),
    [
        (saved(), "JPEG", 8, False, False, False),
        (saved(kind="PNG"), "PNG", 8, True, False, False),
        (saved(PICTURE.convert("RGBA"), "PNG"), "PNG", 8, True, True, False),
        (saved(PICTURE.quantize(16), "PNG"), "PNG", 4, True, False, True),
        (deep_png(), "PNG", 16, True, False, False),
        (saved(Image.fromarray(np.zeros((8, 8), np.uint16)), "TIFF"), "TIFF", 16, True, False, False),
        (saved(kind="TIFF", compression="jpeg"), "TIFF", 8, False, False, False),
        (saved(kind="WEBP", lossless=True), "WEBP", 8, True, False, False),
        (saved(TRANSLUCENT, "WEBP"), "WEBP", 8, False, True, False),
        (saved(kind="GIF"), "GIF", 8, True, False, True),
        (saved(kind="BMP"), "BMP", 8, True, False, False),
    ],
)  # fmt: skip
def test_depth_loss_alpha_and_palette_are_those_of_the_header(
    data, kind, depth, lossless, alpha, palette
):
    made = contents_of(data, kind)

    assert (made.depth, made.lossless, made.alpha, made.palette) == (
        depth,
        lossless,
        alpha,
        palette,
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_content_without_its_end_does_not_hold_intact_data(kind):
    data = saved(kind=kind)

    assert contents_of(data, kind).holds == ("intact data",)
    assert contents_of(data[: len(data) * 3 // 4], kind).holds == ()


LARGE = saved(photo(3, 600, 400), quality=92)


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (LARGE, "a.jpg", ""),
        (LARGE + bytes(100), "a.jpg", ""),
        (LARGE[:-2] + bytes(40) + LARGE[-2:], "a.jpg", ""),  # filled up with zeros
        (LARGE[:-2] + b"some text" * 9 + LARGE[-2:], "a.jpg", "some of its data is damaged"),
        (LARGE[: len(LARGE) * 98 // 100] + b"\xff\xd9", "a.jpg", "data is missing at its end"),
        (saved(PICTURE.convert("L"))[:-40] + b"\xff\xd9", "a.jpg", "data is missing at its end"),
        (saved(PICTURE, progressive=True)[:-40] + b"\xff\xd9", "a.jpg", "data is missing at its end"),
        (saved(PICTURE, "PNG"), "a.png", ""),
        (deep_png()[:-16] + b"\1" + deep_png()[-15:], "a.png", "some of its data is damaged"),
    ],
)  # fmt: skip
def test_a_picture_that_decodes_only_with_complaints_is_damaged(data, name, expected):
    measured = images.measure(data, name, [images.CONTENTS])

    assert measured.status == "ok"
    assert Contents.of_bytes(measured.rasters[images.CONTENTS]).damage == expected


def test_a_gif_without_its_last_byte_is_intact():
    assert contents_of(saved(kind="GIF")[:-1], "GIF").holds == ("intact data",)


def test_facts_survive_being_stored():
    data = (
        saved(exif=exif_of({0x010F: "Canon"}, {0x9003: "2020:01:01 10:00:00", 0x9204: -2.0})) + FILM
    )
    made = contents_of(data, "JPEG")

    assert made.shot[:2] == ("2020-01-01T10:00:00", "Canon")
    assert Contents.of_bytes(made.to_bytes()) == made


@pytest.mark.parametrize("value", [b"", b"[]", b"{", b'{"depth": 8, "colour": 1}'])
def test_damaged_facts_are_refused(value):
    with pytest.raises(ValueError, match=r"\w"):
        Contents.of_bytes(value)


def test_the_facts_come_with_the_decode():
    data = saved(exif=exif_of(inner={0x9003: "2020:01:01 10:00:00"}))

    measured = images.measure(data, "a.jpg", [images.CONTENTS, (32, 32)])

    assert Contents.of_bytes(measured.rasters[images.CONTENTS]) == contents_of(data, "JPEG")


def everything():
    exif = exif_of(
        {0x010F: "Canon", 0x010E: "At the lake"},
        {0x9003: "2020:01:01 10:00:00", 0x829A: 0.01},
        {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 0.0)},
    )
    body = packet(bag("dc:subject", "lake"), 'xmp:Rating="5"')
    yield "JPEG", with_segment(saved(exif=exif, xmp=body), 0xED, iptc((25, b"a"))) + saved() + FILM
    yield "JPEG", animated("MPO", 2)
    for kind in ("WEBP", "AVIF"):
        yield kind, saved(kind=kind, exif=exif, xmp=body)
        yield kind, animated(kind, 3)
    yield "PNG", saved(kind="PNG", exif=exif, pnginfo=png_text(("parameters", A1111)))
    yield "GIF", animated("GIF", 3)
    yield "TIFF", animated("TIFF", 3)
    yield "BMP", saved(kind="BMP")


def mutated(data, random_):
    data = bytearray(data)
    for _ in range(random_.choice((1, 2, 8, 40))):
        action, at = random_.randrange(4), random_.randrange(len(data))
        if action == 0:
            data[at] = random_.randrange(256)
        elif action == 1:
            data[at : at + 4] = random_.choice(
                (b"\xff" * 4, bytes(4), b"\0\0\0\1", b"\x7f\xff\xff\xff")
            )
        elif action == 2:
            del data[at : at + random_.choice((1, 7, 100))]
        else:
            del data[at:]
        if not data:
            return b""
    return bytes(data)


@pytest.mark.parametrize("rounds", [40, pytest.param(4_000, marks=pytest.mark.slow)])
def test_no_damaged_file_raises(rounds):
    random_ = random.Random(1)
    for kind, data in everything():
        for _ in range(rounds):
            made = contents_of(mutated(data, random_), kind)
            assert Contents.of_bytes(made.to_bytes()) == made
