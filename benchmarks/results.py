"""Tables -> their section of `RESULTS.md`, with the machine that they were measured on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil
from notebook_runs import machine

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = """# Results

The sections below are written by the benchmarks themselves: `make bench`, or
`python benchmarks/bench.py NAME`. Do not edit them.
"""


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are aligned to the right."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def measured_on() -> str:
    """Return a sentence on the machine, the date and the load."""
    memory = psutil.virtual_memory().total / 2**30
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return f"Measured on {machine()}, {memory:.0f} GiB of memory, {now}, load {load}.\n"


def write(name: str, title: str, text: str, file: Path = RESULTS) -> None:
    """Replace the section of a benchmark in a file of results, or append it."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    section = f"{begin}\n## {title}\n\n{measured_on()}\n{text.strip()}\n{end}"
    before = file.read_text() if file.exists() else HEAD
    found = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if found.search(before):
        after = found.sub(lambda match: section, before)
    else:
        after = f"{before.rstrip()}\n\n{section}\n"
    file.write_text(after)
