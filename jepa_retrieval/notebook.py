"""Results as a notebook shows them: a row of pictures with times and what was found."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

from jepa_retrieval.html import picture_uri, templates
from jepa_retrieval.times import format_interval


class HasThumbnails(Protocol):
    """What the view needs of a library."""

    def thumbnail(self, clip_id: int) -> bytes | None:
        """The JPEG of a clip; None if it has none."""
        ...


# A notebook keeps its output: a thousand pictures would make it megabytes large.
MAX_TILES = 24


@dataclass(frozen=True, slots=True)
class Tile:
    """One result: where it is and what to write below its picture."""

    path: str
    start: float | None  # seconds; None for images
    end: float | None
    clip_id: int | None  # whose thumbnail is shown
    lines: tuple[str, ...]


class NotebookView:
    """A result that notebooks show with thumbnails, once it has the library that holds them.

    The library is no field of the result: it is neither compared, printed nor copied.
    """

    @abstractmethod
    def tiles(self) -> list[Tile]:
        """The results in order."""

    def notes(self) -> list[str]:
        """Sentences about them that stand above."""
        return []

    def with_thumbnails(self, library: HasThumbnails) -> Self:
        """Show thumbnails of this library; returns the result itself."""
        object.__setattr__(self, "_library", library)
        return self

    def _repr_html_(self) -> str:
        return render_tiles(self.tiles(), getattr(self, "_library", None), notes=self.notes())


def render_tiles(tiles: Sequence[Tile], library: HasThumbnails | None, *, notes: Sequence[str] = ()) -> str:
    """Tiles as a piece of HTML, below the notes, with the pictures inside; without a library there are none."""
    cards = [
        {
            "name": tile.path,
            "time": format_interval(tile.start, tile.end, none=""),
            "lines": tile.lines,
            "picture": picture_uri(library.thumbnail(tile.clip_id))
            if library is not None and tile.clip_id is not None
            else None,
        }
        for tile in tiles[:MAX_TILES]
    ]
    template = templates().get_template("notebook.html")
    return template.render(notes=notes, cards=cards, more=len(tiles) - len(cards))
