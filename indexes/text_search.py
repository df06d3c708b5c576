"""Queries of the full-text index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lance.query import FullTextQuery


def text_query(column: str, words: str, phrases: Sequence[str]) -> FullTextQuery | None:
    """What finds rows with any of some words and each of some phrases; None if there is nothing to look for.

    Args:
        column: that has a full-text index.
        words: any of them counts. Beside phrases they only add to the score.
        phrases: each has to occur, word for word.
    """
    from lance.query import BooleanQuery, MatchQuery, Occur, PhraseQuery

    required = [(Occur.MUST, PhraseQuery(phrase, column)) for phrase in phrases if phrase.strip()]
    optional = [(Occur.SHOULD, MatchQuery(words, column))] if words.strip() else []
    return BooleanQuery([*required, *optional]) if required or optional else None
