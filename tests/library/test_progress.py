"""Progress: lines that read well in a log and a notebook, and none for what is done at once."""

import io
import re

import pytest

from dedup_nb.library import progress
from dedup_nb.library.progress import Ticker, triangle
from dedup_nb.library.quantities import duration_text


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


class InPlace(io.StringIO):
    """A terminal."""

    def isatty(self):
        return True


def steady(clock, tick, total, seconds, calls=1000, first=0):
    """Do `total` items in so many seconds."""
    for n in range(calls + 1):
        tick(first + n * (total - first) // calls, total)
        clock.now += seconds / calls


def test_a_line_says_how_much_is_done_how_fast_and_what_time_is_left(clock, capsys):
    steady(clock, Ticker("decoded"), 8_000, 200)
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"decoded \d,\d{3} of 8,000, 40 a second, about \d+ (s|min) left", lines[12]
    )
    assert lines[-1] == "decoded 8,000 in 3 min"


@pytest.mark.parametrize(
    ("seconds", "most"),
    [(60, 22), (3_600, 110), (36_000, 160)],  # not a wall of lines, however long the work takes
)
def test_lines_are_the_further_apart_the_longer_the_work_takes(clock, capsys, seconds, most):
    steady(clock, Ticker("decoded"), 10**6, seconds, calls=20_000)
    assert most / 2 < len(capsys.readouterr().out.splitlines()) <= most


def test_what_is_done_at_once_prints_nothing(clock, capsys):
    steady(clock, Ticker("decoded"), 8_000, 2.5)
    assert capsys.readouterr().out == ""


def test_what_the_cache_knew_does_not_count_as_speed(clock, capsys):
    steady(clock, Ticker("decoded"), 1_000_000, 1_000, first=900_000)
    assert ", 100 a second, about 16 min left\n" in capsys.readouterr().out


def test_work_that_becomes_slower_is_told_by_its_latest_speed(clock, capsys):
    tick = Ticker("decoded")
    for n in range(100):
        tick(n * 100, 11_000)
        clock.now += 0.1
    for n in range(100):
        tick(10_000 + n, 11_000)
        clock.now += 1
    line = capsys.readouterr().out.splitlines()[-1]
    assert ", 1.0 a second, about 15 min left" in line


def test_in_a_terminal_each_line_takes_the_place_of_the_one_before(clock):
    terminal = InPlace()
    steady(clock, Ticker("staged", stream=terminal), 8_000, 60)
    *shown, last = terminal.getvalue().split("\r")
    assert len(shown) > 10 and not any("\n" in line for line in shown)
    assert last.rstrip() == "staged 8,000 in 60 s" and last.endswith("\n")
    assert len(last) > len(shown[-1])  # nothing of the longer line stays in sight


def test_where_nobody_knows_the_total_the_number_so_far_is_told(clock, capsys):
    tick = Ticker("files listed:")
    for n in range(100):
        tick.found(n * 50)
        clock.now += 0.5
    tick.close(5_000)
    lines = capsys.readouterr().out.splitlines()
    assert lines[3] == "files listed: 1,200, 100 a second"
    assert lines[-1] == "files listed: 5,000 in 50 s"


def test_pairs_of_rows_are_told_in_percent(clock, capsys):
    tick = Ticker("compared all pairs:", percent=True)
    for stop in range(0, 1_001, 10):
        tick(*triangle(stop, 1_000))
        clock.now += 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[15] == "compared all pairs: 73%, about 21 s left"
    assert lines[-1] == "compared all pairs in 2 min"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1 s"),
        (45.4, "45 s"),
        (99, "99 s"),
        (100, "2 min"),
        (3_580, "1 h"),
        (7_800, "2 h 10 min"),
        (40_000, "11 h"),
        (400_000, "5 days"),
    ],
)
def test_times_are_told_as_people_say_them(seconds, text):
    assert duration_text(seconds) == text


def test_results_are_told_one_by_one_although_they_come_in_batches(clock, capsys):
    def slow(n):
        for k in range(n):
            clock.now += 2
            yield k

    tick = Ticker("verified pairs:")
    assert [*tick.passing(slow(10), 0, 20), *tick.passing(slow(10), 10, 20)] == [*range(10)] * 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("verified pairs: 2 of 20, 0.5 a second, about 36 s left")
    assert lines[-1] == "verified pairs: 20 in 40 s"
