"""What the readers of the formats fill in: the facts of one content."""

from __future__ import annotations

from dataclasses import dataclass, field

FILM, RAW_DATA, GAIN_MAP, DEPTH_MAP = "film", "raw data", "gain map", "depth map"
SECOND_PICTURE, AUDIO, APPENDED = "second picture", "audio", "appended file"


@dataclass
class Parts:
    """The facts of one content, as the readers find them; see `Contents`."""

    words: dict[str, str] = field(default_factory=dict)
    shot: list[str] = field(default_factory=list)
    frame: dict[str, str] = field(default_factory=dict)
    further: list[str] = field(default_factory=list)
    depth: int = 8
    lossless: bool = False
    alpha: bool = False
    palette: bool = False
    damage: str = ""

    def add_further(self, what: str) -> None:
        """Add a further content, such as `film` or `12 frames`."""
        if what not in self.further:
            self.further.append(what)

    def add_frames(self, count: int, noun: str = "frames") -> None:
        """Add the number of frames or pages, if there are several."""
        if count > 1:
            self.add_further(f"{count} {noun}")
