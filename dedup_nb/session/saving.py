"""A notebook being executed -> its file, saved now and then.

Papermill saves a notebook before and after each cell, with all its pictures: a tenth of the CPU
time of a run with little to do. Here it is saved when it begins, when it ends, however it ends, and
before or after a cell if the last time was some seconds ago.
"""

from __future__ import annotations

from typing import Any

ENGINE = "dedup_nb"  # the name that papermill knows it by
SECONDS = 2.0  # between two saves


def register() -> None:
    """Let papermill execute notebooks with `engine_name=ENGINE`."""
    from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines

    class Manager(NotebookExecutionManager):  # type: ignore[misc]
        """Saves a notebook; papermill calls it for each cell."""

        must = True

        def save(self, **kwargs: Any) -> None:
            """Save the notebook, if it must be or if it is time."""
            if self.must or (self.now() - self.last_save_time).total_seconds() >= SECONDS:
                self.must = False
                super().save(**kwargs)

        def notebook_complete(self, **kwargs: Any) -> None:
            """Save the notebook at the end, also if its kernel has died."""
            self.must = True
            super().notebook_complete(**kwargs)

    class Engine(NBClientEngine):  # type: ignore[misc]
        """Executes a notebook as papermill does."""

        @classmethod
        def execute_notebook(
            cls,
            nb: Any,
            kernel_name: str,
            output_path: str | None = None,
            progress_bar: bool = False,
            **kwargs: Any,
        ) -> Any:
            """Execute a notebook and return it."""
            manager = Manager(nb, output_path, progress_bar=progress_bar)
            manager.notebook_start()
            try:
                cls.execute_managed_notebook(manager, kernel_name, **kwargs)
            finally:
                manager.notebook_complete()
            return manager.nb

    papermill_engines.register(ENGINE, Engine)
