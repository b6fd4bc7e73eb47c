"""Reports: readable offline, safe whatever a file is called."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from drawn import photo
from html_pages import Page
from PIL import Image

from dedup_nb import report
from dedup_nb.library import files
from dedup_nb.pictures import images
from dedup_nb.report import pages
from dedup_nb.report.links import Links
from dedup_nb.report.sheets import figure_text

HOSTILE = "<script>alert(1)</script>\"'&.png"


def member(path, role="stage", value=3.0):
    return {"path": path, "role": role, "value": value, "measure": "hamming_bits", "reason": path,
            "badges": [path], "width": 10, "height": 20, "bytes": 1_500_000}  # fmt: skip


def group(path):
    return {"id": "g", "title": path, "members": [member(path, "keeper"), member(path)]}


@pytest.fixture
def thumbnail():

    buffer = io.BytesIO()
    photo(1).save(buffer, "PNG")
    jpeg = images.measure(buffer.getvalue(), "x", []).thumbnail
    return lambda path: jpeg


def write(folder, groups, thumbnail, **more):
    text = {"title": "t", "lead": HOSTILE, "facts": [("groups", "1")], "notes": [HOSTILE]}
    frames = {"Freed": pd.DataFrame({"folder": [HOSTILE], "MB": [1.5]})}
    pages.write_html(folder, **text, frames=frames, groups=groups, thumbnail=thumbnail, **more)
    return (folder / "report.html").read_text()


def test_a_report_is_one_file_with_its_pictures_and_asks_for_nothing(tmp_path, thumbnail):
    chart = report.histogram([1, 2, 2, 9], 8, "bits")
    html = write(tmp_path, [group("a.png")], thumbnail, charts=[chart])
    assert html.count("data:image/jpeg;base64,") == 2
    assert html.count("data:image/png;base64,") == 1
    assert 'src="file:' not in html
    assert "http" not in html.lower().replace("http-equiv", "")
    assert "<script" not in html.lower()
    assert len(html) < 60_000


def test_hostile_names_are_text_in_html_and_markdown(tmp_path, thumbnail):
    html = write(tmp_path, [group(HOSTILE)], thumbnail)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html
    sheet = report.Sheet([group(HOSTILE)], thumbnail)._repr_html_()
    assert "<script>alert" not in sheet
    pages.write_markdown(
        tmp_path / "r.md", title="t", lead=HOSTILE, facts=[], groups=[group("a|b\n# c.png")]
    )
    text = (tmp_path / "r.md").read_text()
    assert "<script>" not in text
    assert "a\\|b \\# c.png" in text


def test_names_that_are_no_text_are_shown_with_a_replacement(tmp_path, thumbnail):
    assert "bad\ufffd.png" in write(tmp_path, [group("bad\udcff.png")], thumbnail)


def test_many_groups_are_paged(tmp_path, thumbnail, monkeypatch):
    monkeypatch.setattr(pages, "GROUPS_A_PAGE", 2)
    write(tmp_path, [group(f"{k}.png") for k in range(5)], thumbnail)
    assert sorted(p.name for p in tmp_path.glob("*.html")) == [
        "report-2.html",
        "report-3.html",
        "report.html",
    ]
    assert "4.png" in (tmp_path / "report-3.html").read_text()


def test_a_report_is_never_overwritten(tmp_path, thumbnail):
    write(tmp_path, [], thumbnail)
    with pytest.raises(FileExistsError):
        write(tmp_path, [], thumbnail)


def test_a_sheet_says_what_it_leaves_out(thumbnail):
    assert "3 more groups" in report.Sheet([group("a")] * 5, thumbnail, limit=2)._repr_html_()
    assert "no groups" in report.Sheet([], thumbnail)._repr_html_()
    folded = report.Sheet([group("a")] * 5, thumbnail, folded=True)._repr_html_()
    assert "<details><summary>5 groups as a static sheet" in folded and "<img" in folded
    assert "<details" not in report.Sheet([], thumbnail, folded=True)._repr_html_()


def test_bytes_freed_by_folder_biggest_first():
    table = pd.DataFrame(
        {"path": ["a/1", "a/2", "b/c/3", "4", "a/5"], "role": ["stage", "stage", "stage", "stage", "keeper"],
         "bytes": [10**6, 10**6, 5 * 10**6, 10**5, 9 * 10**6]}
    )  # fmt: skip
    assert report.freed_by(table).to_numpy().tolist() == [
        ["b/c", 1, 5.0],
        ["a", 2, 2.0],
        [".", 1, 0.1],
    ]


def test_a_chart_shows_in_a_notebook_and_says_what_it_is_without_pictures():
    bundle = report.curve([0, 1], {"pairs": [1, 2]}, 1, "bits")._repr_mimebundle_()
    assert bundle["image/png"].startswith("iVBOR")
    assert bundle["text/plain"] == "pairs by threshold, currently 1 bits."


def test_groups_csv_writes_whole_values_plainly(tmp_path):
    table = pd.DataFrame({"path": ["a", "b", "c"], "value": [3.0, 0.92134, float("nan")]})
    pages.write_groups(tmp_path / "g.csv", table, ["path", "value"])
    assert (tmp_path / "g.csv").read_text() == "path,value\na,3\nb,0.9213\nc,\n"


def test_json_is_new_and_readable(tmp_path):
    files.write_json(tmp_path / "s.json", {"a": 1})
    assert json.loads((tmp_path / "s.json").read_text()) == {"a": 1}
    with pytest.raises(FileExistsError):
        files.write_json(tmp_path / "s.json", {})


def test_a_table_shows_every_name_whole_and_safe_and_says_what_it_leaves_out():
    frame = pd.DataFrame({"name": [HOSTILE + "x" * 80] * 5, "bytes": [1.0, 2, 3, 4, None]})
    table = report.Table(frame, rows=2)
    html = table._repr_html_()
    assert "<script>alert" not in html and "x" * 80 in html and "..." not in html
    assert "3 more rows" in html and "nth-child(2)" in html and "nth-child(1)" not in html
    assert "nan" not in html.lower() and "NaN" not in repr(table)


def test_only_thresholds_at_which_anything_changes_are_listed():
    table = pd.DataFrame({"threshold": [0, 1, 2, 3], "pairs": [5, 5, 6, 6], "MB": [1, 1, 1, 2]})
    assert report.changes(table)["threshold"].tolist() == [0, 2, 3]
    assert report.changes(table[:0]).empty


def test_a_histogram_of_very_many_exact_copies_still_shows_the_few():
    few = report.histogram([0] * 3 + [9], 8, "bits")
    many = report.histogram([0] * 3000 + [9], 8, "bits")
    small, tall = (
        np.asarray(Image.open(io.BytesIO(chart.png)).convert("RGB")) for chart in (few, many)
    )
    blue = lambda picture: ((picture == (0x48, 0x78, 0xA8)).all(-1)).any(0).nonzero()[0]  # noqa: E731
    assert blue(tall)[-1] > 0.8 * tall.shape[1] and blue(small)[-1] > 0.8 * small.shape[1]


def test_markdown_says_in_which_order_the_groups_come_and_what_is_left_out(tmp_path):
    text = {"title": "t", "lead": "", "facts": []}
    order = "The groups that free most come first. 3 smaller groups are in groups.csv alone."
    pages.write_markdown(tmp_path / "r.md", **text, groups=[group("a")], order=order)
    assert f"## Groups\n\n{order}\n\n### a" in (tmp_path / "r.md").read_text()


NAMES = ["a b#c%d?e&f.png", "\"quoted\" 'it'.png", "<script>.png", "line\nend.png", "\u202eltr.png",
         "bytes\udcff.png", "sub/ü.png"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_links_to_its_file_whatever_it_is_called(tmp_path, thumbnail, name):
    library = tmp_path / "my # library"
    (library / name).parent.mkdir(parents=True)
    (library / name).write_bytes(b"x")
    links = Links(library, {name})
    frames = {"Names": pd.DataFrame({"path": [name, "elsewhere"]})}
    pages.write_html(
        tmp_path, title="t", lead="", facts=[], frames=frames, groups=[group(name)],
        thumbnail=thumbnail, links=links,
    )  # fmt: skip
    page = Page(tmp_path / "report.html")
    files = [link for link in page.links if link.startswith("file:")]
    assert page.broken() == [] and len(set(files)) == 1
    assert len(files) == 5  # below and behind each of two pictures, and in the table
    assert "<script" not in page.html


def test_a_picture_enlarges_by_its_button_without_a_script(tmp_path, thumbnail):
    pages.write_html(
        tmp_path, title="t", lead="", facts=[], groups=[group("a.png"), group("b.png")],
        thumbnail=thumbnail, links=Links(tmp_path),
    )  # fmt: skip
    page = Page(tmp_path / "report.html")
    large = [tag[1]["id"] for tag in page.tags if "popover" in tag[1]]
    opened = [tag[1]["popovertarget"] for tag in page.tags if tag[1].get("class") == "enlarge"]
    assert opened == large and len(set(large)) == 4
    assert page.html.count("data:image/jpeg;base64,") == 4  # each small picture is there once
    whole = [tag[1] for tag in page.tags if tag[1].get("class") == "whole"]
    assert all(image["loading"] == "lazy" for image in whole)  # not read before it is enlarged


def test_the_contents_list_every_heading_and_lead_there(tmp_path, thumbnail):
    frames = {"One_table": pd.DataFrame({"a_b": [1]}), "Empty": pd.DataFrame({"c": []})}
    pages.write_html(
        tmp_path, title="t", lead="", facts=[], groups=[group("a.png")], frames=frames,
        thumbnail=thumbnail, charts=[report.histogram([1], 1, "bits")],
    )  # fmt: skip
    page = Page(tmp_path / "report.html")
    assert list(page.headings.values()) == ["Charts", "One_table", "Empty", "Groups"]
    assert page.contents() == set(page.headings) and page.broken() == []
    assert "wbr" not in page.html and "none" in page.text


def test_the_pages_of_a_report_and_of_its_run_lead_to_each_other(tmp_path, thumbnail, monkeypatch):
    monkeypatch.setattr(pages, "GROUPS_A_PAGE", 2)
    (tmp_path / "10_phash").mkdir()
    (tmp_path / "index.html").write_text("")
    around = [("../index.html", "front page"), ("", "10_phash")]
    every = [group(f"{k}.png") for k in range(5)]
    pages.write_html(
        tmp_path / "10_phash", title="t", lead="", facts=[], groups=every, thumbnail=thumbnail,
        around=around,
    )  # fmt: skip
    made = [Page(path) for path in sorted((tmp_path / "10_phash").glob("*.html"))]
    assert [page.broken() for page in made] == [[], [], []]
    assert all("../index.html" in page.links for page in made)
    assert {"report.html", "report-3.html"} <= set(made[0].links)  # of page 2, by name


def test_a_report_without_groups_says_what_to_do(tmp_path):
    pages.write_html(tmp_path, title="t", lead="", facts=[], empty="Try `seconds: 9`.")
    pages.write_markdown(tmp_path / "r.md", title="t", lead="", facts=[], empty="Try `seconds: 9`.")
    page = Page(tmp_path / "report.html")
    assert page.headings == {"groups": "Groups"} and "<code>seconds: 9</code>" in page.html
    assert "seconds: 9" in (tmp_path / "r.md").read_text()


@pytest.mark.parametrize(
    ("cell", "shown"),
    [(12345, "12,345"), (1234.5, "1,234.5"), (0.85000001, "0.85"), (3.0, "3"), (True, "yes"),
     (np.int64(1000), "1,000"), (float("nan"), ""), ("2020-01", "2020-01")],
)  # fmt: skip
def test_numbers_in_reports_have_separators_and_few_decimals(cell, shown):
    assert figure_text(cell) == shown


def test_a_line_end_in_a_cell_is_a_line_end_in_a_notebook():
    html = report.table_html(pd.DataFrame({"paths": ["a/x.png\nb/x.png"]}))
    assert "a/x.png<br>b/x.png" in html and "\\n" not in html


def test_both_forms_of_a_report_have_the_same_figures(tmp_path, thumbnail):
    facts = [("images to stage", "1,234"), ("freed", "5.6 MB")]
    pages.write_html(tmp_path, title="t", lead="", facts=facts)
    pages.write_markdown(tmp_path / "r.md", title="t", lead="", facts=facts)
    html, text = (tmp_path / "report.html").read_text(), (tmp_path / "r.md").read_text()
    for name, value in facts:
        assert f"<b>{value}</b>{name}" in html and f"- {name}: {value}" in text
