"""Hard links count once in what is freed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from drawn import photo, save
from test_workbench import candidates, start

from dedup_nb.groups.links import Links


@pytest.mark.parametrize(
    ("inodes", "staged", "freed"),
    [
        ({0: (1, 7, 2), 1: (1, 7, 2)}, [1], [0, 0, 0, 0]),  # the other name stays
        ({0: (1, 7, 2), 1: (1, 7, 2)}, [0, 1], [10, 0, 0, 0]),  # both names go: counted once
        ({0: (1, 7, 3), 1: (1, 7, 3)}, [0, 1], [0, 0, 0, 0]),  # a third name, outside the library
        ({0: (1, 7, 2), 1: (2, 7, 2)}, [0, 1], [0, 0, 0, 0]),  # one number on two disks
        ({0: (1, 7, 1), 1: (1, 8, 1)}, [0, 1], [10, 10, 0, 0]),  # no links
        ({2: (1, 9, 2), 3: (1, 9, 2)}, [1, 2, 3], [0, 10, 10, 0]),
    ],
)
def test_a_file_is_freed_once_and_only_if_all_its_names_go(inodes, staged, freed) -> None:
    going = np.isin(np.arange(4), staged)

    assert Links.of(inodes).freed(np.where(going, 10, 0), going).tolist() == freed


def test_a_hard_linked_backup_is_reported_as_freeing_nothing(tmp_path: Path) -> None:
    library = tmp_path / "lib"
    for root in ("mojo1", "selected"):
        save(photo(9 + len(root)), library / root / "other.png")
    one = save(photo(1), library / "mojo1/p.png")
    os.link(one, library / "selected/p.png")
    save(photo(1, 96, 64), library / "selected/small.png")
    run = start(tmp_path, library)
    made = candidates(run)

    folder = run.save(made, 8, name="max_distance")

    small = (library / "selected/small.png").stat().st_size
    assert made.cut(8).totals["images"] == 2 and made.cut(8).totals["bytes"] == small
    report = (folder / "report.md").read_text()
    assert "1 image to stage is counted as freeing nothing" in report
    badges = [m["badges"] for m in run.views(made, made.cut(8))[0]["members"]]
    assert sum("hard link: frees nothing" in each for each in badges) == 1
    table = run.views(made, made.cut(8)).table
    assert table[table.role == "stage"].freed.tolist() == [0, small]
