"""What the bundle of a keeper lacks of that of a member."""

import json
from datetime import timedelta

import pandas as pd
import pytest

from dedup_nb.compare.companions import Companions
from dedup_nb.library import catalogue, companions, takeout
from tests.drawn import write

JPEG = b"\xff\xd8\xff\xe0 a picture"
OWN = {"time": "2020-07-05T21:52:18", "place": "48.13743, 11.57549"}
TAKEN = {"photoTakenTime": {"timestamp": "1593978738"}}  # 19:52:18 UTC
AT_HOME = {"geoData": {"latitude": 48.1374, "longitude": 11.5755}}
NOWHERE = {"geoData": {"latitude": 0.0, "longitude": 0.0}}


def compared(folder, member, keeper, own=OWN):
    """Make the bundles m/a.jpg and k/a.jpg of files given as name -> content, and compare them."""
    for side, files in (("m", member), ("k", keeper)):
        write(folder / side / "a.jpg", JPEG)
        for name, content in files.items():
            write(folder / side / name, content)
    images = catalogue.scan(folder, ["."]).images
    table = pd.DataFrame({"path": [i.path for i in images], "format": "JPEG"})
    table = companions.with_columns(table, [image.beside for image in images])
    rows = {path: row for row, path in enumerate(table["path"])}
    made = Companions(table, folder, lambda row: own if row == rows["k/a.jpg"] else {})
    return made, rows["m/a.jpg"], rows["k/a.jpg"]


@pytest.mark.parametrize(
    ("member", "keeper", "lacking"),
    [
        ({"a.xmp": b"x"}, {}, (".xmp",)),
        ({"a.xmp": b"x"}, {"a.jpg.txt": b"x"}, ()),  # the same content under another name
        ({"a.xmp": b"x"}, {"a.jpg.txt": b"y"}, (".xmp",)),
        ({"a.xmp": b"x"}, {"b.txt": b"x"}, (".xmp",)),  # not in its bundle
        ({"a.jpg.json": json.dumps(TAKEN | NOWHERE).encode()}, {}, ()),
        ({"a.jpg.json": json.dumps(TAKEN | AT_HOME).encode()}, {}, ()),
        (
            {"a.jpg.json": json.dumps(TAKEN | {"geoData": {"latitude": 1, "longitude": 2}})},
            {}, (".json",),
        ),
        ({"a.jpg.json": json.dumps(TAKEN | {"description": "at home"})}, {}, (".json",)),
        ({"a.jpg.json": json.dumps(TAKEN | {"favorited": True})}, {}, (".json",)),
        ({"a.jpg.json": json.dumps({"photoTakenTime": {"timestamp": "1"}})}, {}, (".json",)),
        ({"a.json": b'{"prompt": "a hill"}'}, {}, (".json",)),
        ({"a.json": b"not json"}, {}, (".json",)),
    ],
)  # fmt: skip
def test_a_keeper_lacks_a_kind_unless_it_has_or_says_the_same(tmp_path, member, keeper, lacking):
    files = {n: c.encode() if isinstance(c, str) else c for n, c in member.items()}
    made, *ends = compared(tmp_path, files, keeper)
    assert made.lacking(*ends, tuple(companions.split(made.kinds[ends[0]]))) == lacking


def test_a_keeper_without_a_time_does_not_say_what_a_json_says(tmp_path):
    made, *ends = compared(tmp_path, {"a.jpg.json": json.dumps(TAKEN).encode()}, {}, own={})
    assert made.lacking(*ends, (".json",)) == (".json",)


def test_words_of_a_picture_may_stand_in_the_companions_of_its_keeper(tmp_path):
    beside = {"a.jpg.json": json.dumps(TAKEN | AT_HOME).encode(), "a.txt": b"a hill at dawn"}
    made, *ends = compared(tmp_path, {}, beside)
    words = ("caption", "place", "prompt", "time")
    assert made.lacking(*ends, words) == ("prompt",)


@pytest.mark.parametrize(
    ("member", "keeper", "lacking"),
    [
        ({"a.mov": b"film"}, {"a.mov": b"film"}, []),
        ({"a.mov": b"film"}, {"a.mp4": b"film"}, []),
        ({"a.mov": b"film"}, {"a.mov": b"FILM"}, ["a.mov"]),
        ({"a.mov": b"film"}, {}, ["a.mov"]),
        ({"a.mov": b"film"}, {"b.mov": b"film"}, ["a.mov"]),
        ({"a.nef": b"raw", "a.nef.xmp": b"x"}, {"a.nef": b"raw"}, []),
        ({"a.nef": b"raw"}, {"a.nef": b"RAW"}, ["a.nef"]),
        ({"a.safetensors": b"1", "a.mp4": b"2"}, {"a.mp4": b"2"}, ["a.safetensors"]),
        ({"a.txt": b"no work"}, {}, []),
        ({"a.dat": b"\0\0\0\x14ftypqt  "}, {}, ["a.dat"]),  # told by its content
    ],
)
def test_a_work_needs_a_copy_beside_the_keeper(tmp_path, member, keeper, lacking):
    made, *ends = compared(tmp_path, member, keeper)
    assert made.works_lacking(*ends) == lacking


@pytest.mark.parametrize(
    ("hours", "seconds", "same"),
    [(0, 0, True), (2, 1, True), (5.75, 0, True), (-14, 0, True), (15, 0, False), (0, 60, False)],
)
def test_a_time_agrees_up_to_a_time_zone(hours, seconds, same):
    told = takeout.read(json.dumps(TAKEN).encode())
    stamp = told.time + timedelta(hours=hours, seconds=seconds)
    assert told.agrees(stamp, None) == same


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xmp", b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF></x:xmpmeta>', ("rating",)),
        ("a.yaml", b"prompt: a hill\nseed: 3\n", ("prompt",)),
        ("a.caption", b"a hill at dawn", ("caption",)),
    ],
)  # fmt: skip
def test_sidecars_of_every_kind_may_hold_the_words(tmp_path, name, content, words):
    made, *ends = compared(tmp_path, {}, {name: content})
    assert made.lacking(*ends, words) == ()
    assert made.lacking(*ends, ("workflow",)) == ("workflow",)
