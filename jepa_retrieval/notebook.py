"""Results as a notebook shows them: a row of pictures with times and what was found."""

from __future__ import annotations

import base64
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self


class HasThumbnails(Protocol):
    """What the view needs of a library."""

    def thumbnail(self, clip_id: int) -> bytes | None:
        """The JPEG of a clip; None if it has none."""
        ...


# A notebook keeps its output: a thousand pictures would make it megabytes large.
MOST_TILES = 24


@dataclass(frozen=True, slots=True)
class Tile:
    """One result: where it is and what to write below its picture."""

    path: str
    start: float | None  # seconds; None for images
    end: float | None
    clip_id: int | None  # whose thumbnail is shown
    lines: tuple[str, ...]


class NotebookView:
    """A result that notebooks show with thumbnails, once it knows the library that they are in.

    The library is no field of the result: it is neither compared, printed nor copied.
    """

    @abstractmethod
    def tiles(self) -> list[Tile]:
        """The results in order."""

    def seen_in(self, library: HasThumbnails) -> Self:
        """Take thumbnails from this library; returns the result itself."""
        object.__setattr__(self, "_library", library)
        return self

    def _repr_html_(self) -> str:
        return render_tiles(self.tiles(), getattr(self, "_library", None))


def render_tiles(tiles: Sequence[Tile], library: HasThumbnails | None) -> str:
    """Tiles as a piece of HTML with the pictures inside; without a library there are none."""
    from jepa_retrieval.report.page import clock_range, templates

    cards = []
    for tile in tiles[:MOST_TILES]:
        picture = library.thumbnail(tile.clip_id) if library and tile.clip_id is not None else None
        cards.append(
            {
                "name": tile.path,
                "span": clock_range(tile.start, tile.end),
                "lines": tile.lines,
                "picture": "data:image/jpeg;base64," + base64.b64encode(picture).decode()
                if picture
                else None,
            }
        )
    more = len(tiles) - len(cards)
    return templates().get_template("notebook.html").render(cards=cards, more=more)
