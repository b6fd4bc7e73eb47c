"""Tables: CSV that survives every file name and every spreadsheet."""

import csv

import pytest

from dedup_nb.library import tables

NAMES = ["plain.png", "a,b.png", 'quo"te.png', "new\nline.png", "cr\rname.png", "=1+1.png", "-x.png",
         "@a.png", "'quoted.png", "'=x", "\tt.png", " lead.png", "gr\u00fc\u00dfe.png", "bad\udcffbyte.png", ""]  # fmt: skip


def test_every_file_name_comes_back_as_it_was(tmp_path):
    tables.write_csv(tmp_path / "t.csv", ["path"], [{"path": name} for name in [*NAMES[:-1], "x"]])
    assert [row["path"] for row in tables.read_csv(tmp_path / "t.csv")] == [*NAMES[:-1], "x"]


def test_a_formula_is_text_to_a_spreadsheet(tmp_path):
    tables.write_csv(tmp_path / "t.csv", ["path"], [{"path": "=cmd()"}])
    with open(tmp_path / "t.csv", newline="") as file:
        assert list(csv.reader(file)) == [["path"], ["'=cmd()"]]


def test_values_are_written_plainly(tmp_path):
    row = {"a": None, "b": float("nan"), "c": True, "d": 3, "e": 0.25}
    tables.write_csv(tmp_path / "t.csv", list("abcde"), [row])
    assert (tmp_path / "t.csv").read_text() == "a,b,c,d,e\n,,true,3,0.25\n"


@pytest.mark.parametrize("at_once", [1, 4, 20_000])
def test_columns_are_written_as_their_rows_are(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(tables, "ROWS", at_once)
    columns = {
        "plain": [f"{k}.png" for k in range(len(NAMES))],
        "awkward": NAMES,
        **{f"one {k}": [*NAMES[:1] * (len(NAMES) - 1), name] for k, name in enumerate(NAMES)},
        "mixed": [True, None, 2.5, 3, float("nan"), *NAMES[5:]],
        "whole": list(range(-3, len(NAMES) - 3)),
    }
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    tables.write_csv(tmp_path / "rows.csv", list(columns), rows)
    tables.write_columns(tmp_path / "columns.csv", columns)
    assert (tmp_path / "columns.csv").read_bytes() == (tmp_path / "rows.csv").read_bytes()
    with pytest.raises(ValueError):
        tables.write_columns(tmp_path / "uneven.csv", {"a": [1, 2, 3], "b": [1, 2]})
    with pytest.raises(FileExistsError):
        tables.write_columns(tmp_path / "columns.csv", {})


def test_an_existing_file_is_never_overwritten(tmp_path):
    tables.write_csv(tmp_path / "t.csv", ["a"], [])
    with pytest.raises(FileExistsError):
        tables.write_csv(tmp_path / "t.csv", ["a"], [])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("", "is empty"), ("a,a\n1,2\n", "two columns of the same name"), ("a,b\n1\n", "line 2 has 1 cells"),
     ('a\n"open', "is not CSV")],
)  # fmt: skip
def test_a_damaged_file_is_named_with_its_line(tmp_path, text, complaint):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match=complaint):
        list(tables.read_csv(tmp_path / "t.csv"))
