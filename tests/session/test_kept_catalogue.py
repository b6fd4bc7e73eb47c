"""The catalogue of a run: whole, or made again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from dedup_nb import cli
from dedup_nb.library import catalogue
from dedup_nb.session import kept_catalogue, parameters, preflight, runs


def table(n: int) -> pd.DataFrame:
    values = {name: pd.Series(["x"] * n, dtype=object) for name in catalogue.COLUMNS}
    numbers = {name: [1] * n for name in catalogue.NUMBERS}
    paths = {"path": pd.Series([f"{k}.png" for k in range(n)], dtype=object)}
    return pd.DataFrame(values | numbers | paths | {"cropped": [False] * n})


def run_folder(tmp_path: Path, n: int = 6) -> Path:
    runs.begin(tmp_path, tmp_path / "library", ["."], None)
    kept_catalogue.write(tmp_path, table(n), [])
    return tmp_path


@pytest.mark.parametrize(
    "cut",
    [
        lambda data: data[: data.index(b"\n", len(data) // 2) + 1],  # at the end of a row
        lambda data: data[:-20],
        lambda data: b"",
        lambda data: data[:-5] + bytes(5),  # a block that a power cut left empty
    ],
)
def test_a_catalogue_that_was_cut_off_is_kept_aside_and_made_again(
    tmp_path: Path, cut, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run_folder(tmp_path) / "catalogue.csv"
    whole = path.read_bytes()
    path.write_bytes(cut(whole))

    assert kept_catalogue.usable(tmp_path) is None
    assert "is not as it was written; was it cut off" in capsys.readouterr().out
    kept_catalogue.write(tmp_path, table(6), [])

    assert path.read_bytes() == whole
    assert (tmp_path / "catalogue-damaged.csv").read_bytes() == cut(whole)


def test_a_whole_catalogue_is_used_and_not_written_again(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)

    again = kept_catalogue.write(folder, table(2), [])  # another notebook was slower

    assert len(again) == 6
    assert list(kept_catalogue.usable(folder)["path"]) == list(table(6)["path"])


def test_a_run_without_recorded_sizes_is_still_read(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    runs.record(folder, files=None)

    assert len(kept_catalogue.whole(folder)) == 6


def test_another_catalogue_is_refused_where_results_refer_to_the_lost_one(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    (folder / "10_phash").mkdir()
    for name in ("groups.csv", "summary.json"):
        (folder / "10_phash" / name).write_text("{}")
    (folder / "catalogue.csv").write_text("")
    assert kept_catalogue.usable(folder) is None

    with pytest.raises(ValueError, match=r"the library has changed since .* start a new run"):
        kept_catalogue.write(folder, table(2), [])

    assert len(kept_catalogue.write(folder, table(6), [])) == 6


def test_a_run_folder_in_use_is_refused_and_free_again_afterwards(tmp_path: Path, capsys) -> None:
    (tmp_path / "lib").mkdir()
    profile = tmp_path / "mine.yaml"
    profile.write_text(f"library: lib\ncache_dir: {tmp_path / 'cache'}\n")
    folder = preflight.prepare(parameters.load(profile), ["00_catalogue"])
    command = ["run", str(profile), "--resume", str(folder), "--only", "50_czkawka"]
    before = sorted(folder.rglob("*"))

    with runs.held(folder):
        assert cli.main(command) == 4

    assert "is being run by another dedup-nb run; wait" in capsys.readouterr().err
    assert sorted(folder.rglob("*")) == before
    with runs.held(folder):
        pass


def test_states_noted_by_notebooks_at_once_are_all_kept(tmp_path: Path) -> None:
    runs.begin(tmp_path, tmp_path / "library", ["."], None)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: runs.note(tmp_path, f"{k}", status="done"), range(40)))

    assert len(runs.read(tmp_path)["notebooks"]) == 40
