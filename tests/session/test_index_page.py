"""The front page of a run: figures, commands and links, whatever files are called."""

import json
import os
import re
import subprocess
from shlex import split

import pytest
from drawn import photo, save
from html_pages import Page
from test_totals import DIGEST, SIZE, finder, run  # noqa: F401

from dedup_nb.library import tables
from dedup_nb.pictures import images, store
from dedup_nb.session import index_page, runs

HOSTILE = "<script>alert(1)<\u202e\nscript> #%&'\"\udcff.png"


def page(run):  # noqa: F811
    index_page.write_index(run)
    return Page(run / "index.html")


def report(run, name, text=""):  # noqa: F811
    (run / name / "report.html").write_text(text)


def test_it_says_how_much_from_where_what_is_doubtful_and_what_to_type(run):  # noqa: F811
    finder(run, "10_phash", [("a.png", "l.png")], [("b.png", "edited: 3%", "")])
    finder(run, "30_clip_faiss", [("a.png", "l.png")])
    made = page(run)
    assert "1 of 5 images could go, which frees 100 bytes" in made.text
    assert "20% of all" in made.text and "6.7% of 1.5 kB" in made.text
    assert "most often: edited" in made.text
    lab, stage, restore = made.commands
    assert split(lab)[-3:] == ["lab", "--run", str(run)]
    assert split(stage)[-2:] == ["stage", str(run / "10_phash" / "manifest.csv")]
    assert split(restore)[-2:] == ["--library", str(run.parent / "lib")]


@pytest.mark.parametrize(
    "name", ["my pictures", "it's #1 & $HOME", "line\nend", "b\udcff\u202e\\'"]
)
def test_a_command_can_be_pasted_whatever_the_library_is_called(tmp_path, name):
    folder, library = tmp_path / "run", tmp_path / name
    folder.mkdir()
    library.mkdir()
    runs.begin(folder, library, ["."], None)
    finder(folder, "10_phash", [("a.png", "l.png")])
    pasted = page(folder).commands[-1].partition("--library ")[2]
    done = subprocess.run(["bash", "-c", f"printf %s {pasted}"], capture_output=True, check=True)
    assert done.stdout == os.fsencode(library)


def test_every_link_leads_somewhere_and_every_section_is_in_the_contents(run):  # noqa: F811
    finder(run, "10_phash", [("a.png", "l.png")], [("b.png", "edited: 3%", "")])
    report(run, "10_phash", '<section id="g">')
    made = page(run)
    assert made.broken() == []
    assert "10_phash/report.html#g" in made.links
    assert set(made.headings) - {"next"} <= made.contents()


def test_a_plan_of_the_review_is_what_to_stage_the_newest_first(run):  # noqa: F811
    finder(run, "10_phash", [("a.png", "l.png")])
    finder(run, "80_review", [])
    assert "10_phash/manifest.csv" in page(run).commands[1]
    finder(run, "80_review/saved-20250101T000000Z", [("a.png", "l.png")])
    assert "80_review/saved-20250101T000000Z/manifest.csv" in page(run).commands[1]


def test_names_of_strangers_are_text_and_their_links_lead_to_them(run, monkeypatch):  # noqa: F811
    monkeypatch.setitem(SIZE, HOSTILE, 1000)
    monkeypatch.setitem(DIGEST, HOSTILE, "h")
    (run.parent / "lib" / HOSTILE).write_bytes(bytes(1000))
    finder(run, "10_phash", [(HOSTILE, "l.png")], [("b.png", HOSTILE.partition("#")[0], "")])
    made = page(run)
    assert "<script" not in made.html.lower()
    assert "<script>alert(1)<" in made.text
    assert [link for link in made.broken() if link != "10_phash/report.html"] == []
    files = [link for link in made.links if link.startswith("file:")]
    assert any("script" in link for link in files)
    assert not any(set(link) & set(" '\"<>\n") for link in files)


def test_the_biggest_groups_have_pictures_from_the_cache(run, monkeypatch):  # noqa: F811
    path = run.parent / "lib" / "a.png"
    save(photo(1), path)
    cache = run.parent / "cache"
    monkeypatch.setitem(DIGEST, "a.png", "f" * 64)
    rows = [row | {"sha256": "f" * 64} for row in tables.read_csv(run / "catalogue.csv")]
    (run / "catalogue.csv").unlink()
    tables.write_csv(run / "catalogue.csv", list(rows[0]), rows)
    finder(run, "10_phash", [("a.png", "l.png")])
    (run / "10_phash" / "params.yaml").write_text(f"cache_dir: {json.dumps(str(cache))}\n")
    assert "data:image" not in page(run).html
    jpeg = images.measure(path.read_bytes(), "x", []).thumbnail
    opened = store.Store(cache)
    opened.db.execute("insert into thumbnail values (?, ?)", ("f" * 64, jpeg))
    opened.db.commit()
    made = page(run)
    assert made.html.count("data:image/jpeg;base64,") == 2  # all share one content here
    targets = [tag[1]["popovertarget"] for tag in made.tags if "popovertarget" in tag[1]]
    assert set(targets) <= set(made.ids) and len(made.ids) == len(set(made.ids))


@pytest.mark.parametrize(
    ("state", "summary", "warning"),
    [
        ("failed", {}, "10_phash is failed: its results are missing here"),
        ("done", {"bound": {"reason": "too many pairs"}}, "10_phash is not complete: too many pairs"),
        ("done", {"warnings": ["3 images were compared as wholes"]}, "10_phash: 3 images were"),
        ("done", {"groups": "x"}, "10_phash is not counted"),
    ],
)  # fmt: skip
def test_what_makes_the_figures_incomplete_is_said(run, state, summary, warning):  # noqa: F811
    (run / "10_phash").mkdir()
    (run / "10_phash" / "summary.json").write_text(json.dumps(summary))
    runs.note(run, "10_phash", status=state)
    notes = re.findall('<p class="note">(.*?)</p>', page(run).html)
    assert any(note.startswith(warning) for note in notes)


def test_a_part_of_a_library_is_said_to_be_one(run):  # noqa: F811
    finder(run, "10_phash", [("a.png", "l.png")])
    (run / "10_phash" / "params.yaml").write_text("limit: 100\n")
    assert "Only a part of the library was looked at: limit is 100." in page(run).text


def test_pictures_proposed_without_a_comparison_are_said_to_be(run):  # noqa: F811
    for name in ("10_phash", "20_time_window"):
        finder(run, name, [("a.png", "l.png")] if name == "10_phash" else [])
        (run / name / "params.yaml").write_text("verify: false\n")
    assert "verify is false in 10_phash: pictures were proposed" in page(run).text


def test_a_run_without_results_says_so(run):  # noqa: F811
    made = page(run)
    assert "No finder has results yet." in made.text and made.broken() == []
