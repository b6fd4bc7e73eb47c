"""Sidecars: what YAML and PNG text tell, read as plain data, and compared."""

import io
import json
import zlib

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from dedup_nb.library import sidecars
from dedup_nb.library.sidecars import DIFFERS, INCONCLUSIVE, SAME, Told


def png(**texts):
    """A tiny PNG with text, compressed where the keyword ends in z."""
    info = PngInfo()
    for word, text in texts.items():
        info.add_text(word.rstrip("z"), text, zip=word.endswith("z"))
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


STORY = b"""\
prompt: "a hill"
stage: stage2_upscaled
loras:
  character:
    path: characters/mira.safetensors
    weight: 0.8
image_filename: a.png
status: done
seed: 7
"""


def test_what_describes_the_picture_is_taken_and_names_of_files_are_not():
    assert sidecars.compared(sidecars.read_yaml(STORY)) == {
        "prompt": "a hill",
        "stage": "stage2_upscaled",
        "seed": "7",
        "loras": "characters/mira.safetensors",
    }


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (b"size: !!python/tuple\n- 832\n- 1216", {"size": [832, 1216]}),
        (b"a: !!python/object:os.system {b: 1}", {"a": {"b": 1}}),
        (b"a: !!python/object/apply:os.system ['echo no > ran']", {"a": ["echo no > ran"]}),
        (b"a: !mine x\nb: !!python/name:os.system ''", {"a": "x", "b": ""}),
        (b"base: &b {x: 1}\na: *b", {"base": {"x": 1}, "a": {"x": 1}}),
    ],
)
def test_unknown_tags_become_plain_data_and_nothing_is_run(text, content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sidecars.read_yaml(text) == content
    assert list(tmp_path.iterdir()) == []


BOMB = b"a: &a [x, x]\n" + b"".join(
    b"%c: &%c {<<: [*%c, *%c, *%c, *%c, *%c, *%c, *%c, *%c]}\n" % (k + 1, k + 1, *[k] * 8)
    for k in range(ord("a"), ord("p"))
)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"- a\n- b", "not a mapping"),
        (b"", "not a mapping"),
        (b"prompt: 'unfinished", "found unexpected end"),
        (b"\xff\xfe\x00\xd8", "."),
        (b"a: " + b"[" * 50_000, "."),  # deeper than any stack
        (b"x: " + b"y" * 2**20, "at most"),
        (b"a: &a 1\nb: [" + b"*a," * 2_000 + b"]", "more than 1,000 aliases"),
    ],
)
def test_what_is_no_plain_mapping_is_said_to_be_unreadable(data, why):
    with pytest.raises(ValueError, match=why):
        sidecars.read_yaml(data)
    assert sidecars.told(b"", data).problem.startswith("YAML cannot be read")


def test_nested_merges_do_not_flood_the_memory():
    with pytest.raises(ValueError, match="more than 200,000 values"):
        sidecars.read_yaml(BOMB)


def test_prompts_in_a_png_are_read_plain_compressed_and_after_the_pixels():
    assert sidecars.png_texts(png(parameters="a hill", Comment="no prompt")) == {
        "parameters": "a hill"
    }
    assert sidecars.png_texts(png(promptz="a hill")) == {"prompt": "a hill"}
    data = png()
    text = b"parameters\0late"
    chunk = len(text).to_bytes(4, "big") + b"tEXt" + text + zlib.crc32(b"tEXt" + text).to_bytes(4)
    assert sidecars.png_texts(data[:-12] + chunk + data[-12:]) == {"parameters": "late"}
    info = PngInfo()
    info.add_itxt("parameters", "Grüße", zip=True)
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2)).save(buffer, "PNG", pnginfo=info)
    assert sidecars.png_texts(buffer.getvalue()) == {"parameters": "Grüße"}


def test_other_files_hold_no_prompts_and_malformed_ones_are_told():
    assert sidecars.png_texts(b"\xff\xd8\xff parameters\0x") == {}
    assert sidecars.png_texts(png(parameters="a hill")[:40]) == {}
    broken = png(parametersz="a hill " * 50).replace(b"parameters\0\0x", b"parameters\0\0y")
    assert sidecars.told(broken, None).problem.startswith("text in the PNG cannot be read")
    flood = png(parametersz="x" * 2**21)
    assert "more than" in sidecars.told(flood, None).problem


def test_the_name_of_the_file_in_a_graph_of_comfyui_is_no_difference():
    graphs = [
        json.dumps({"3": {"inputs": {"text": text, "filename_prefix": name}}})
        for text, name in (("hill", "a"), ("hill", "b"), ("sea", "a"))
    ]
    hill, again, sea = (sidecars.told(png(prompt=graph), None) for graph in graphs)
    assert sidecars.compare(hill, again) == (SAME, "")
    assert sidecars.compare(hill, sea) == (DIFFERS, "PNG prompt")


HILL = Told({"prompt": "a hill", "seed": "7"})


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        (HILL, HILL, (SAME, "")),
        (HILL, Told({"prompt": "a hill"}), (SAME, "")),  # seed and model are optional
        (HILL, Told({"prompt": "the sea"}), (DIFFERS, "YAML prompt")),
        (HILL, Told({"prompt": "a hill", "seed": "8"}), (DIFFERS, "YAML seed")),
        (HILL, Told(), (INCONCLUSIVE, "YAML is missing on one side")),
        (HILL, Told({"seed": "7"}), (INCONCLUSIVE, "the prompt is missing in one YAML")),
        (HILL, Told(problem="YAML cannot be read: x"), (INCONCLUSIVE, "YAML cannot be read: x")),
        (Told(), Told(), (INCONCLUSIVE, "no prompt in YAML or PNG")),
        (Told(texts={"prompt": "p"}), Told(texts={"prompt": "p"}), (SAME, "")),
        (
            Told({"prompt": "a hill"}, {"parameters": "p"}),
            HILL,
            (INCONCLUSIVE, "the prompt in the PNG is missing on one side"),
        ),
        (
            Told({"prompt": "a hill"}, {"parameters": "p"}),
            Told({"prompt": "a hill"}, {"parameters": "q"}),
            (DIFFERS, "PNG parameters"),
        ),
    ],
)
def test_missing_is_inconclusive_and_a_difference_weighs_more(one, other, verdict):
    assert sidecars.compare(one, other) == verdict
    assert sidecars.compare(other, one) == verdict
