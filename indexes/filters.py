"""`where`: SQL over the columns of a table, run by Lance (DataFusion), and its errors as plain sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from indexes.errors import FilterError
from indexes.reasons import reason

_QUOTED = re.compile(r"'(?:[^']|'')*'")
# The engine puts the parser message into an error about the whole statement that it built from the filter.
_PARSER = re.compile(r"^Error parsing statement: .*\(sql parser error: (.*)\)$", re.DOTALL)


def quote_text(text: str) -> str:
    """A text as an SQL literal, in single quotes."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def filter_errors(where: str, columns: Sequence[str]) -> Iterator[None]:
    """Run a read that is filtered by `where`; what the engine says about the filter becomes a `FilterError`.

    Args:
        columns: names that the filter may use, for the message.

    Raises:
        FilterError: the expression is not valid.
    """
    check_filter(where)
    try:
        yield
    except ValueError as error:
        if not is_filters_fault(error):
            raise
        raise filter_error(where, error, columns) from error


def check_filter(where: str) -> None:
    """Refuse what the SQL engine would ignore silently.

    Raises:
        FilterError: the expression is blank, or more than one statement.
    """
    if not where.strip():
        raise FilterError('the filter is empty: leave it out, or write one like "duration > 60"')
    if ";" in _QUOTED.sub("", where):
        raise FilterError(f"the filter {where!r} must be one expression, without ';'")


def is_filters_fault(error: ValueError) -> bool:
    """Whether the filter caused an error of a filtered read: wrong SQL, or a value that it cannot compute."""
    # Planning raises plain ValueErrors; errors at run time come through Arrow, as those of damaged files do.
    return type(error) is ValueError or "filter expression" in str(error)


def filter_error(where: str, error: Exception, columns: Sequence[str]) -> FilterError:
    """What the engine said about `where`, as one sentence that lists the available columns."""
    said = reason(error).split(" Valid fields are ")[0].rstrip(". ")
    parser = _PARSER.search(said)
    said = parser.group(1) if parser else said
    shown = where if len(where) <= 200 else where[:200] + "..."
    return FilterError(
        f"the filter {shown!r} is not valid: {said}; columns are {', '.join(columns)} "
        "(text in 'single quotes')"
    )


def is_in(column: str, ids: Sequence[int]) -> str:
    """`column IN (...)` for whole numbers."""
    return f"{column} IN ({','.join(map(str, ids))})"
