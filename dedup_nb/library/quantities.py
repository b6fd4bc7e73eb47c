"""Numbers as people read them: sizes and counts."""

from __future__ import annotations

from collections.abc import Sequence


def size_text(n_bytes: float) -> str:
    """Return a size as people read it: 1234567 -> `1.2 MB`."""
    size = float(n_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"


def count(n: int, what: str) -> str:
    """Return `1 bundle`, `2 bundles`."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def duration_text(seconds: float) -> str:
    """Return a time as people say it: 45 -> `45 s`, 200 -> `3 min`, 7800 -> `2 h 10 min`."""
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{round(hours / 24)} days"
    return f"{hours} h {minutes} min" if minutes and hours < 10 else f"{hours} h"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Return words as one phrase: `a, b and c`."""
    *most, end = words
    return f"{', '.join(most)} {last} {end}" if most else end
