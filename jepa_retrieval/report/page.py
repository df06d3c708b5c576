"""Search results to HTML."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from jepa_retrieval.html import picture_uri, templates
from jepa_retrieval.text_files import write_page
from jepa_retrieval.times import format_interval
from jepa_retrieval.user_paths import absolute

if TYPE_CHECKING:
    from jepa_retrieval.libraries import Libraries
    from jepa_retrieval.library import Library
    from jepa_retrieval.tasks.searching.search import Moment, SearchResult
    from jepa_retrieval.tasks.searching.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Card:
    """One moment as the page shows it."""

    rank: int
    score: float
    confidence: float | None
    name: str
    folder: str
    time: str  # "1:20-1:35.5"; "" for an image
    link: str
    picture: str | None  # data URI
    caption: str | None  # or what was said, in quotes
    offline: bool


@dataclass(frozen=True, slots=True)
class Section:
    """One search as the page shows it."""

    query: str
    elapsed_ms: float
    verdict: Verdict
    cards: list[Card]

    @property
    def shown_first(self) -> int:
        """How many cards stand above the sentence about the unlikely ones."""
        return len(self.cards) if self.verdict.rest is None else self.verdict.likely


def write_report(
    path: Path | str, results: Sequence[SearchResult], library: Library | Libraries, *, title: str = ""
) -> None:
    """Write the page of `render_report` to `path`. Links are relative where the media lie beside or below the page.

    Raises OSError if the file cannot be written.
    """
    path = absolute(path)
    write_page(path, render_report(results, library, title=title, page_folder=path.parent))


def render_report(
    results: Sequence[SearchResult],
    library: Library | Libraries,
    *,
    title: str = "",
    page_folder: Path | None = None,
) -> str:
    """One or several search results as an HTML page.

    Args:
        results: what `library.search` returned.
        library: where the thumbnails and files are.
        title: heading of the page; the query by default.
        page_folder: folder the page will lie in; links into it are relative, all others absolute.
    """
    from jepa_retrieval.libraries import library_of

    sections = [
        Section(
            query=result.query,
            elapsed_ms=result.elapsed_ms,
            verdict=result.verdict,
            cards=[_card(moment, library_of(library, moment.index), page_folder) for moment in result.hits],
        )
        for result in results
    ]
    return (
        templates()
        .get_template("page.html")
        .render(
            title=title or (results[0].query if len(results) == 1 else "Search results"),
            models=sorted({result.model for result in results}),
            library=", ".join(map(str, library.media_folders)),
            sections=sections,
        )
    )


def _card(moment: Moment, library: Library, page_folder: Path | None) -> Card:
    folder, _, name = moment.path.rpartition("/")
    return Card(
        rank=moment.rank,
        score=moment.score,
        confidence=moment.confidence,
        name=name,
        folder=folder,
        time=format_interval(moment.start, moment.end, none=""),
        link=_link(library.resolve(moment.path), page_folder) + _fragment(moment),
        picture=picture_uri(library.thumbnail(moment.clip_id)),
        caption=moment.quoted or moment.caption,
        offline=moment.offline,
    )


def _link(file: Path, page_folder: Path | None) -> str:
    if page_folder is not None and file.is_relative_to(page_folder):
        return "./" + quote(os.fsencode(file.relative_to(page_folder)))
    return file.as_uri()


def _fragment(moment: Moment) -> str:
    """A media fragment: browsers start playing there. See https://www.w3.org/TR/media-frags/."""
    return "" if moment.start is None or moment.end is None else f"#t={moment.start:.2f},{moment.end:.2f}"
