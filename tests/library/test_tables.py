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


# ---------------------------------------------------------------- saved from a spreadsheet

NEEDED = ("bundle", "src", "size")
EDITED = [
    ("as written", "bundle,src,size\nb,a.png,1\n", "utf-8"),
    ("BOM, CRLF", "bundle,src,size\r\nb,a.png,1\r\n", "utf-8-sig"),
    ("old Mac", "bundle,src,size\rb,a.png,1\r", "utf-8"),
    ("semicolons", "bundle;src;size\nb;a.png;1\n", "utf-8"),
    ("tabs, UTF-16", "bundle\tsrc\tsize\r\nb\ta.png\t1\r\n", "utf-16"),
    ("bars", "bundle|src|size\nb|a.png|1\n", "utf-8"),
    ("sep line", "sep=;\nbundle;src;size\nb;a.png;1\n", "utf-8-sig"),
    ("sep line, quoted", '"sep=;"\nbundle;src;size\nb;a.png;1\n', "utf-8"),
    ("all quoted", '"bundle","src","size"\n"b","a.png","1"\n', "utf-8"),
    ("blank rows", "\n,,\nbundle,src,size\n\n , ,\nb,a.png,1\n,,\n\n", "utf-8"),
    ("blank columns", "bundle,src,size,,\nb,a.png,1,,\n", "utf-8"),
    ("blank first column", ",bundle,src,size\n,b,a.png,1\n", "utf-8"),
    ("commas after the header's", "bundle,src,size\nb,a.png,1,,\n", "utf-8"),
    ("padded header", " bundle ,src\t, size\nb,a.png,1\n", "utf-8"),
    ("no end of line", "bundle,src,size\nb,a.png,1", "utf-8"),
]


@pytest.mark.parametrize(
    ("text", "encoding"), [row[1:] for row in EDITED], ids=[r[0] for r in EDITED]
)
def test_what_a_spreadsheet_saves_is_read_as_it_was(tmp_path, text, encoding):
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    rows = list(tables.read_edited(tmp_path / "t.csv", NEEDED))
    assert rows == [{"bundle": "b", "src": "a.png", "size": "1"}]


def test_cells_that_are_not_needed_may_be_missing_at_the_end_of_a_row(tmp_path):
    text = "bundle,src,size,covers\nb,a.png,1\nc,c.png,2,[]\nd,d.png,3\n"
    (tmp_path / "t.csv").write_text(text)
    rows = list(tables.read_edited(tmp_path / "t.csv", NEEDED))
    assert [row["covers"] for row in rows] == ["", "[]", ""]


def test_names_with_blanks_and_every_delimiter_survive_a_spreadsheet(tmp_path):
    names = [" a;b,c\td|e .png", "=x", "'=x", "sep=;", "caf\udce9.png", 'q"q']
    for delimiter in tables.DELIMITERS:
        with open(tmp_path / "t.csv", "w", newline="", errors="surrogateescape") as file:
            rows = [["b", tables.guard(name), "1"] for name in names]
            csv.writer(file, delimiter=delimiter).writerows([NEEDED, *rows])
        read = [row["src"] for row in tables.read_edited(tmp_path / "t.csv", NEEDED)]
        assert read == names


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "is empty"),
        (b"\n\r\n , ;\n", "is empty"),
        (b"bundle,src\nb,a\n", "lacks the columns size"),
        (b"bundle,src,size,src\n", "two columns of the same name"),
        (b"bundle,src,size\nb,a\n", "line 2 has 2 cells, the header has 3; was the file cut"),
        (b"bundle,src,size\nb,a,1,x\n", "line 2 has 4 cells"),
        (b"bundle,src,size,\nb,a,1,x\n", "line 2 has a value in a column without a name"),
        (b"bundle,src,size,covers\nb,a,1", "ends inside its last row"),
        (b'bundle,src,size\nb,"a,1\n', "is not CSV"),
        (b"PK\x03\x04xlsx", "is an .xlsx or .ods file; save it as CSV"),
        (b"\xd0\xcf\x11\xe0xls", "is an .xls file; save it as CSV"),
        ("bundle,src,size\n".encode("utf-16-le"), "UTF-16 without a mark"),
        ("bundle,src,size\nb,a,1\n".encode("utf-16")[:-1], "not whole UTF-16"),
        (b"\xff\xfe\x00\xd8", "not whole UTF-16|is empty"),
    ],
)
def test_what_cannot_be_read_for_sure_is_refused_with_the_reason(tmp_path, data, complaint):
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(ValueError, match=complaint):
        list(tables.read_edited(tmp_path / "t.csv", NEEDED))


def test_half_a_character_is_written_escaped_and_a_byte_that_is_not_utf8_as_it_is(tmp_path):
    tables.write_csv(tmp_path / "t.csv", ["path"], [{"path": "a\ud800b\udce9c"}])
    assert (tmp_path / "t.csv").read_bytes() == b"path\na\\ud800b\xe9c\n"
    tables.write_columns(tmp_path / "c.csv", {"path": ["a\ud800b\udce9c"]})
    assert (tmp_path / "c.csv").read_bytes() == b"path\na\\ud800b\xe9c\n"


def test_columns_are_read_as_rows_are(tmp_path):
    rows = [
        {"a": cell, "b": str(k)} for k, cell in enumerate(["=1", "x\ny", "\udcff", "'", "", 'q"'])
    ]
    tables.write_csv(tmp_path / "t.csv", ["a", "b"], rows)
    read = tables.read_columns(tmp_path / "t.csv", ["b", "a", "not there"])
    assert read["a"] == [row["a"] for row in tables.read_csv(tmp_path / "t.csv")]
    assert (read["b"], read["not there"]) == ([row["b"] for row in rows], [""] * 6)


@pytest.mark.parametrize("text", ["", "a,a\n1,2\n", "a,b\n1\n", 'a,b\n1,"2\n'])
def test_columns_of_a_damaged_file_are_refused_as_its_rows_are(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError) as one:
        list(tables.read_csv(tmp_path / "t.csv"))
    with pytest.raises(ValueError) as other:
        tables.read_columns(tmp_path / "t.csv", ["a"])
    assert str(one.value) == str(other.value)
