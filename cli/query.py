"""Builds the query of `jepa search` from its arguments."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cli.paths import require_file
from cli.values import parse_interval, parse_weighted
from jepa_retrieval.errors import UsageError
from jepa_retrieval.user_paths import is_existing_file

# FILE@START-END: sentences do not end like this.
_INTERVAL = re.compile(r".@[\d:.]*-[\d:.]*$")

IsIndexed = Callable[[str], bool]  # whether an index has a path

if TYPE_CHECKING:
    from jepa_retrieval.tasks.searching.query import Query


def check_usage(
    *,
    text: Sequence[str] | None,
    image: Path | None,
    video: str | None,
    plus: Sequence[str],
    others: Sequence[str],
) -> None:
    """Check the parts of a query that need no open library.

    Args:
        others: values of --minus and --not-like.

    Raises:
        UsageError: none or several of TEXT, --image and --video; an empty text; an interval ending before its start;
            a weight that is not allowed.
    """
    given = bool(text) + (image is not None) + (video is not None)
    if given > 1 or not (given or plus):
        raise UsageError("give exactly one of TEXT, --image FILE or --video FILE[@START-END]")
    if text:
        _of_text(" ".join(text))
    if video is not None:
        parse_interval(video)
    for value in (*plus, *others):
        if not is_existing_file(value):
            parse_weighted(value)


def build_query(
    is_indexed: IsIndexed,
    *,
    text: Sequence[str] | None,
    image: Path | None,
    video: str | None,
    plus: Sequence[str],
    minus: Sequence[str],
    not_like: Sequence[str],
) -> Query:
    """The query: TEXT, --image or --video, plus the terms that are added and subtracted.

    The arguments have passed `check_usage`.

    Raises:
        UsageError: a file does not exist; a text is empty; a weight has no term.
    """
    parts = []
    if image is not None:
        parts.append(_of_file(is_indexed, str(image)))
    if video is not None:
        parts.append(_of_file(is_indexed, video))
    if text:
        parts.append(_of_text(" ".join(text)))
    parts += _terms(is_indexed, "--plus", plus)
    parts += [-1.0 * term for term in _terms(is_indexed, "--minus", minus)]
    parts += [-1.0 * term for term in _terms(is_indexed, "--not-like", not_like, files_only=True)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _terms(
    is_indexed: IsIndexed, option: str, values: Sequence[str], *, files_only: bool = False
) -> list[Query]:
    terms = []
    for value in values:
        if not value.strip():
            raise UsageError(f"{option}: the text is empty")
        weight, rest = (1.0, value) if is_existing_file(value) else parse_weighted(value)
        if not rest:
            raise UsageError(f"{option} {value!r}: there is nothing after the weight")
        is_file = files_only or _names_a_file(is_indexed, rest)
        terms.append(weight * (_of_file(is_indexed, rest) if is_file else _of_text(rest)))
    return terms


def _names_a_file(is_indexed: IsIndexed, value: str) -> bool:
    """Whether a term is a file: on disk, at this path in the index, or anything with an interval."""
    return bool(_INTERVAL.search(value)) or is_existing_file(value) or is_indexed(value)


def _of_text(text: str) -> Query:
    from jepa_retrieval.tasks.searching.query import Query

    return Query.text(text.strip())


def _of_file(is_indexed: IsIndexed, value: str) -> Query:
    """An image, a video or an interval of one: on disk, else at this path in the index."""
    from jepa_retrieval.tasks.searching.query import Query

    path, start, end = parse_interval(value)
    if not is_existing_file(path) and is_indexed(str(path)):
        return Query.moment(str(path), start, end)
    require_file(path)
    return Query.image(path) if start is None and end is None else Query.clip(path, start, end)
