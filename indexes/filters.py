"""`where`: SQL over the columns of a table, run by Lance (DataFusion), and its errors in plain words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from indexes.errors import FilterError
from indexes.reasons import reason

_QUOTED = re.compile(r"'(?:[^']|'')*'")
# The engine wraps what its parser says into the statement that it made of the filter.
_PARSER = re.compile(r"^Error parsing statement: .*\(sql parser error: (.*)\)$", re.DOTALL)


def check_filter(where: str) -> None:
    """Refuse what the SQL engine would silently ignore.

    Raises:
        FilterError: the expression is blank, or more than one statement.
    """
    if not where.strip():
        raise FilterError('the filter is empty: leave it out, or write one like "duration > 60"')
    if ";" in _QUOTED.sub("", where):
        raise FilterError(f"the filter {where!r} must be one expression, without ';'")


def is_filters_fault(error: ValueError) -> bool:
    """Whether an error of a filtered read comes from the filter: wrong SQL, or a value it cannot compute with."""
    # Errors of planning are plain; those of running come through Arrow, as damaged files do.
    return type(error) is ValueError or "filter expression" in str(error)


def filter_error(where: str, error: Exception, columns: Sequence[str]) -> FilterError:
    """What the engine said about `where`, as one sentence that lists the columns there are."""
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
