"""The worker processes that the tests look at."""

import psutil


def working() -> list[psutil.Process]:
    """Return the workers of this process, without what other libraries started in it."""
    program = "dedup_nb.pictures.engines.worker"
    alive = [each for each in psutil.Process().children() if each.status() != psutil.STATUS_ZOMBIE]
    return [each for each in alive if program in " ".join(each.cmdline())]
