"""The command as a person types it, in a process of its own."""

import subprocess
import sys


def dedup_nb(*arguments, **more):
    """Run `dedup-nb`; return the finished process, with what it printed as text."""
    command = [sys.executable, "-m", "dedup_nb", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **more)
