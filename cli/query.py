"""The words of a search's command line to a query."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.values import parse_clip, parse_weighted
from jepa_retrieval.errors import UsageError

# FILE@START-END; nobody writes a sentence that ends like that.
_RANGE = re.compile(r".@[\d:.]*-[\d:.]*$")

if TYPE_CHECKING:
    from jepa_retrieval.library import Library
    from jepa_retrieval.tasks.searching.query import Query


def check_usage(
    *,
    text: Sequence[str] | None,
    image: Path | None,
    video: str | None,
    plus: Sequence[str],
) -> None:
    """What can be said of a query's words before a library is open.

    Raises:
        UsageError: nothing, or more than one thing, to begin with; an empty text; a part that ends before it starts.
    """
    given = bool(text) + (image is not None) + (video is not None)
    if given > 1 or not (given or plus):
        raise UsageError("say what to look for: one of TEXT, --image FILE or --video FILE[@START-END]")
    if text:
        _of_text(" ".join(text))
    if video is not None:
        parse_clip(video)


def build_query(
    library: Library,
    *,
    text: Sequence[str] | None,
    image: Path | None,
    video: str | None,
    plus: Sequence[str],
    minus: Sequence[str],
    not_like: Sequence[str],
) -> Query:
    """What is looked for: TEXT, --image or --video, then the terms that are added and subtracted.

    The words have passed `check_usage`.

    Raises:
        UsageError: a file that does not exist; an empty text; a weight without a term.
    """
    parts = []
    if image is not None:
        parts.append(_of_file(library, str(image)))
    if video is not None:
        parts.append(_of_file(library, video))
    if text:
        parts.append(_of_text(" ".join(text)))
    parts += _terms(library, "--plus", plus)
    parts += [-1.0 * term for term in _terms(library, "--minus", minus)]
    parts += [-1.0 * term for term in _terms(library, "--not-like", not_like, files_only=True)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _terms(library: Library, option: str, values: Sequence[str], *, files_only: bool = False) -> list[Query]:
    terms = []
    for value in values:
        weight, rest = (1.0, value) if Path(value).is_file() else parse_weighted(value)
        if not rest:
            raise UsageError(f"{option} {value!r}: nothing follows the weight")
        is_file = files_only or _names_a_file(library, rest)
        terms.append(weight * (_of_file(library, rest) if is_file else _of_text(rest)))
    return terms


def _names_a_file(library: Library, value: str) -> bool:
    """Whether a term means a file: one on disk, one that the index has at this path, or anything with a range."""
    return bool(_RANGE.search(value)) or _exists(library, value)


def _exists(library: Library, name: str) -> bool:
    try:
        return Path(name).is_file() or bool(library.records.clips_of(name))
    except (OSError, ValueError):  # a long sentence is no name that a file could have
        return False


def _of_text(text: str) -> Query:
    from jepa_retrieval.tasks.searching.query import Query

    return Query.text(text.strip())


def _of_file(library: Library, value: str) -> Query:
    """A photograph, a video or a part of one: on disk, or else at this path in the index."""
    from jepa_retrieval.tasks.searching.query import Query

    path, start, end = parse_clip(value)
    if path.is_file():
        return Query.image(path) if start is None and end is None else Query.clip(path, start, end)
    if library.records.clips_of(str(path)):
        return Query.moment(str(path), start, end)
    raise UsageError(f"{path}: no such file")
