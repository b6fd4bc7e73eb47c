"""Results: one record of what a step found, written once, by a writer that asks nobody."""

import json

import pandas as pd
import pytest

from dedup_nb import report
from dedup_nb.library import tables
from dedup_nb.session import results
from dedup_nb.session.results import Results


def record(**more):
    return Results(
        title="10_phash: groups",
        lead="Nothing was moved.",
        facts=[("groups", "2")],
        summary={"says": "2 groups", "threshold": 8},
        **more,
    )


def written(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_record_with_nothing_further_is_a_summary_and_a_report(tmp_path):
    results.write(tmp_path, record(), lambda path: None)
    assert written(tmp_path) == ["report.html", "report.md", "summary.json"]
    assert json.loads((tmp_path / "summary.json").read_text()) == {
        "says": "2 groups",
        "threshold": 8,
    }


def test_everything_in_a_record_is_written_under_its_name(tmp_path):
    made = record(
        pairs=pd.DataFrame({"i": [0], "j": [1], "hamming_bits": [3]}),
        tables={"manifest": (["src", "dst"], iter([{"src": "=a.png", "dst": "x"}]))},
        json_files={"czkawka": [[1]]},
        charts=[report.histogram([1, 2], 1, "bits")],
        notes=["one note"],
        frames={"Freed by folder": pd.DataFrame({"folder": ["a"], "MB": [1.5]})},
    )
    results.write(tmp_path, made, lambda path: None)
    assert written(tmp_path) == [
        "czkawka.json", "manifest.csv", "pairs.parquet", "report.html", "report.md", "summary.json",
    ]  # fmt: skip
    assert list(tables.read_csv(tmp_path / "manifest.csv")) == [{"src": "=a.png", "dst": "x"}]
    assert pd.read_parquet(tmp_path / "pairs.parquet")["hamming_bits"].tolist() == [3]
    text = (tmp_path / "report.md").read_text()
    assert "one note" in text and "Freed by folder" in text


def test_pictures_come_from_the_one_who_writes(tmp_path):
    asked = []
    member = {
        "path": "a.png", "role": "keeper", "value": 0.0, "measure": "hamming_bits", "reason": "",
        "badges": [], "width": 1, "height": 1, "bytes": 1,
    }  # fmt: skip
    views = [{"id": "g", "title": "two", "members": [member]}]
    results.write(tmp_path, record(views=views), lambda path: asked.append(path))
    assert asked == ["a.png"]


def test_results_are_never_overwritten(tmp_path):
    results.write(tmp_path, record(), lambda path: None)
    with pytest.raises(FileExistsError):
        results.write(tmp_path, record(), lambda path: None)
