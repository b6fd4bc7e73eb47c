"""The registry of engines, which distribute work; `local` is the only one so far.

To add an engine, write a module with a class of `Engine` and add an instance to `ENGINES`.
"""

from collections.abc import Mapping

from dedup_nb.pictures.engines.base import Engine
from dedup_nb.pictures.engines.local import Local
from dedup_nb.pictures.engines.tasks import Failure, Item

LOCAL = Local()
ENGINES: Mapping[str, Engine] = {engine.name: engine for engine in (LOCAL,)}

__all__ = ["ENGINES", "LOCAL", "Engine", "Failure", "Item"]
