"""YAML: ours means the same to every reader; strangers' is plain data."""

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
    "switch": True,
}


@pytest.mark.parametrize("read", [yaml_files.read_flat, yaml.safe_load])
def test_parameters_mean_the_same_to_readers_of_yaml_1_1_and_1_2(read):
    assert read(yaml_files.written_flat(VALUES)) == VALUES


def test_what_version_0_1_0_wrote_is_read():
    values = {k: v for k, v in VALUES.items() if k != "path"}
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
