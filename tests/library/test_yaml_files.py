"""YAML: ours means the same to every reader; strangers' is plain data."""

import time

import pytest
import yaml

from dedup_nb.library import yaml_files

VALUES = {
    "nothing": None,
    "words": ["x", "yes", "off", "1:30", "012", "1e-3", "~", "- a", "é😀", "a: b # c"],
    "path": "/pictures/\udc80 q\x85\u2028\ufeff",  # a name that is not UTF-8
    "small": 1e-05,
    "whole": 3.0,
    "count": 8,
    "mapping": {"d:/pictures": "/home/ana/pictures"},
    "rare": "\U0003134b\U0010ffff",  # not printable, and beyond four digits
    "switch": True,
    "n": 5,  # a boolean in YAML 1.1, unless it is quoted
}


@pytest.mark.parametrize("read", [yaml_files.read_flat, yaml.safe_load])
def test_parameters_mean_the_same_to_readers_of_yaml_1_1_and_1_2(read):
    assert read(yaml_files.written_flat(VALUES)) == VALUES


def test_what_version_0_1_0_wrote_is_read():
    values = {k: v for k, v in VALUES.items() if k not in ("path", "n")}
    values["words"] = [word for word in VALUES["words"] if word != "1e-3"]  # PyYAML quotes it not
    assert yaml_files.read_flat(yaml.safe_dump(values, allow_unicode=True)) == values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"a: yes", {"a": True}),  # YAML 1.1, as most programs write it
        (b"a: 1\na: 2", {"a": 2}),
        (b"a: &x {b: 1}\nc: {<<: *x}", {"a": {"b": 1}, "c": {"<<": {"b": 1}}}),
        (b"- !what 1", ["1"]),
    ],
)
def test_strangers_yaml_is_plain_data(text, value):
    assert yaml_files.read_plain(text) == value


BOMB = b"[&a [x,x,x,x,x,x,x,x,x,x], " + b", ".join(
    b"&%c [%s]" % (98 + i, b",".join([b"*%c" % (97 + i)] * 10)) for i in range(9)
) + b"]"  # fmt: skip
HOSTILE = [
    (BOMB, "more than 200,000 values, counting each alias in full"),
    (b"&a [*a, *a]", "more than 200,000 values|undefined alias|recursive"),
    (b"&a [x, " + b"*a, " * 2000 + b"]", "more than 1,000 aliases"),
    (b"[" * 100_000, "nested more than 50 levels deep"),
    (b"{" * 100_000, "nested more than 50 levels deep"),
    (b"- " * 1000, "nested more than 50 levels deep"),
    (b"".join(b" " * i + b"a:\n" for i in range(1, 400)), "nested more than 50 levels deep"),
    (b"a: b\x00", "."),
    (b"a: \xff", "."),
    (b"a" * (yaml_files.MOST_BYTES + 1), "at most 262,144 are read"),
    (b"'open", "."),
    (b"%YAML 9.9\n---\na", "."),
    (b"a: *nothing", "."),
]


@pytest.mark.parametrize(("data", "complaint"), HOSTILE)
@pytest.mark.parametrize("read", [yaml_files.read_plain, yaml_files.read_strict])
def test_hostile_yaml_is_refused_in_one_short_sentence_and_at_once(read, data, complaint):
    started = time.monotonic()
    with pytest.raises(ValueError, match=complaint) as caught:
        read(data)
    assert time.monotonic() - started < 5
    assert len(str(caught.value)) <= 250 and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"a: 2025-02-31", {"a": "2025-02-31"}),  # no such day: text, like every date
        (b"a: " + b"9" * 401, {"a": "9" * 401}),
        (b"a: " + b"1:" * 250 + b"1", {"a": "1:" * 250 + "1"}),  # a number to the base of 60
        (b"a: " + b"9" * 400, {"a": int("9" * 400)}),
        (b"a: !!python/object:os.system [x]", {"a": ["x"]}),
    ],
)
def test_odd_values_stay_text(text, value):
    assert yaml_files.read_plain(text) == value


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\xef\xbb\xbfa: 1\r\nb: [x]\r\n", {"a": 1, "b": ["x"]}),
        ("a: \u00fc\n".encode("utf-16"), {"a": "\u00fc"}),
        (b"a: yes\nb: 012\nc: 2025-07-05", {"a": "yes", "b": 12, "c": "2025-07-05"}),
        (b"a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        (b"", None),
    ],
)
def test_a_parameter_file_is_read_in_every_usual_form(data, value):
    assert yaml_files.read_strict(data) == value


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ("a: ü".encode("latin-1"), "line 1 is not UTF-8 text; save the file as UTF-8"),
        (b"a: 1\nb: \x1b[31m", r"line 2 has a control character \(U\+001B\); remove it"),
        (b"a: 1\nb: 2\na: 3", "line 3: found duplicate key"),
        (b"a: 1\nb: !!bool x", "line 2 has the tag .*bool; remove it"),
        (b"a: !!python/object/apply:os.system [ls]", "has the tag .*os.system"),
    ],
)
def test_a_parameter_file_is_refused_by_line(data, complaint):
    with pytest.raises(ValueError, match=complaint):
        yaml_files.read_strict(data)


def test_damaged_parameters_are_a_value_error():
    for text in ("- a", "a: [", "", "a: 1\x00"):
        with pytest.raises(ValueError, match=r"\w"):
            yaml_files.read_flat(text)
