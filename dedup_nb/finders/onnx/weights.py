"""The parameters `pretrained` and `device` -> an ONNX model, its settings and its key."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dedup_nb.finders.onnx import container, settings
from dedup_nb.finders.onnx.settings import Settings
from dedup_nb.library.files import is_file

if TYPE_CHECKING:
    from dedup_nb.finders.onnx.model import Model

VERSION = 1  # version of the preprocessing; vectors of another version are computed again
SUFFIX = ".onnx"
WITHOUT = "correct pretrained, or set embedder: dct, which needs no weights"


@dataclass(frozen=True)
class Weights:
    """A model in a file, and the device, as set by the parameters.

    Attributes
    ----------
    path : str
        The `.onnx` file; its JSON is beside it.
    device : str
        `auto`, `cpu`, `cuda` or `cuda:1`.
    settings : Settings
        What the JSON says.
    """

    path: str
    device: str
    settings: Settings

    is_local = True

    @classmethod
    def of(cls, model: str, pretrained: str, device: str) -> Weights:
        """Return the weights that the parameters name; `model` is not used.

        Raises
        ------
        ValueError
            One sentence, if `pretrained` is not an ONNX file with a valid JSON beside it.
        """
        path = Path(pretrained)
        if path.suffix.lower() != SUFFIX:
            raise ValueError(
                f"embedder onnx needs a model in a file, and pretrained is {pretrained}; set "
                "pretrained to the path of an .onnx file (docs/embedders.md says how to export one)"
            )
        if not is_file(path):
            what = "is not a file" if path.exists() else "does not exist"
            raise ValueError(f"pretrained names the model {path}, which {what}; {WITHOUT}")
        return cls(pretrained, device, settings.read(path))

    @property
    def key(self) -> str:
        """Identifies these vectors: the contents of the model and of its JSON, not their names.

        Raises
        ------
        ValueError
            One sentence, if the model or a file with its weights cannot be used.
        """
        return f"onnx-v{VERSION} sha256:{self._digest[:16]} {self.settings.key}"

    @cached_property
    def _digest(self) -> str:
        return container.digest(Path(self.path))

    @property
    def says(self) -> str:
        """Description for screens and reports."""
        return f"{self.settings.name} ({Path(self.path).name})"

    @property
    def thresholds(self) -> tuple[float | None, float | None]:
        """`min_cosine` and `floor` as its JSON gives them."""
        return self.settings.min_cosine, self.settings.floor

    def loadable(self) -> None:
        """Raise ValueError, one sentence, unless the model can be loaded and used."""
        self.load()

    def load(self) -> Model:
        """Load the model; raises ValueError, one sentence, if it cannot be used."""
        from dedup_nb.finders.onnx.model import Model

        container.files_beside(Path(self.path))
        return Model(Path(self.path), self.settings, self.device)
