"""Progress: lines that read well in a log, and none for what is done at once."""

import time

from dedup_nb.library.progress import Ticker


def test_progress_is_lines_a_few_moments_apart(capsys):
    tick = Ticker("decoded", 0.05)
    for n in range(1, 9):
        time.sleep(0.02)
        tick(n * 1_000, 8_000)
    lines = capsys.readouterr().out.splitlines()
    assert 1 <= len(lines) <= 7
    assert all(line.startswith("decoded ") and " of 8,000, " in line for line in lines)
    assert all(line.endswith("/s") and "\r" not in line for line in lines)


def test_what_is_done_at_once_prints_nothing(capsys):
    tick = Ticker("decoded")
    tick(0, 2)
    tick(2, 2)
    del tick
    assert capsys.readouterr().out == ""
