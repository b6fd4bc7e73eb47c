"""The kinds of words that companions hold."""

import json

import pytest

from dedup_nb.library.companion_words import MOST_BYTES, words_of_companion

A1111 = "a lighthouse\nNegative prompt: x\nSteps: 20, Sampler: Euler a, Seed: 1"
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="%d"/></rdf:RDF></x:xmpmeta>'
)
TAKEOUT = {
    "title": "IMG_1.jpg",
    "description": "",
    "photoTakenTime": {"timestamp": "1577872800"},
    "geoData": {"latitude": 52.5, "longitude": 13.4},
}
NOWHERE = {"latitude": 0.0, "longitude": 0.0}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.jpg.xmp", XMP % 5, {"rating"}),
        ("a.xmp", XMP % 0, set()),
        ("a.xmp", "<x/>", set()),
        ("a.XMP", "no XML", set()),
        ("a.txt", A1111, {"prompt"}),
        ("a.txt", "a hill at dawn", {"caption"}),
        ("a.caption", "1girl, hill", {"caption"}),
        ("a.caption", " \n", set()),
        ("a.yaml", "prompt: a hill\nseed: 1\n", {"prompt"}),
        ("a.yaml", "prompt: ''\nstatus: done\n", set()),
        ("a.yml", "tags: [hill]\n", {"keywords"}),
        ("a.yaml", "{", set()),
        ("a.json", json.dumps(TAKEOUT), {"time", "place"}),
        ("a.json", json.dumps(TAKEOUT | {"geoData": NOWHERE, "people": [{"name": "Anna"}]}), {"time", "people"}),
        ("a.json", json.dumps({"3": {"class_type": "KSampler"}}), {"prompt"}),
        ("a.json", json.dumps({"nodes": [], "links": []}), {"workflow"}),
        ("a.json", "[" * 100_000, set()),
        ("a.json", '{"photoTakenTime": {"timestamp": "1e999"}}', set()),
        ("a.aae", "<plist/>", {"edits"}),
        ("a.pp3", "[Exposure]", {"edits"}),
        ("a.cropped", "", set()),
        ("a.bin", "a hill", set()),
    ],
)  # fmt: skip
def test_a_companion_holds_the_kinds_of_words_that_it_really_has(name, text, expected):
    assert words_of_companion(name, text.encode()) == expected


def test_a_huge_companion_is_read_only_in_part():
    assert words_of_companion("a.json", b'{"prompt": "%s"}' % (b"a" * MOST_BYTES)) == set()
    assert words_of_companion("a.txt", b"a hill " * MOST_BYTES) == {"caption"}
