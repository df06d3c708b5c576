"""`where`: conditions on the rows of a table, and what is wrong with them as one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from indexes.errors import FilterError
from indexes.reasons import is_file_failure, reason
from indexes.text_patterns import quote_text

MAX_SHOWN = 200

# The engine wraps its message into others, some of which repeat the whole expression.
_WRAPPERS = re.compile(
    r"^Error resolving filter expression .*: (?=Invalid user input: )"
    r"|^Error applying filter expression to batch: "
    r"|^(?:Invalid user input|Arrow error|Execution error|Cast error|Compute error|Internal error"
    r"|LanceError\(\w+\)|Error during planning): ",
    re.DOTALL,
)
_OPTIMIZING = re.compile(r"^Error optimizing sql filter: .* \((.*)\)$", re.DOTALL)


def engine_filter(
    where: str | None, columns: Sequence[str], paths: Sequence[str] | None = None
) -> str | None:
    """The condition for the engine; None for all rows.

    Args:
        where: what the user wrote.
        columns: names that it may use.
        paths: only rows of these files, by exactly these stored paths; None for all.

    Raises:
        FilterError: `where` is not valid.
    """
    conditions = []
    if where is not None:
        conditions.append(_compile(where, columns))
    if paths is not None:
        conditions.append(is_in("path", [quote_text(path) for path in paths]))
    return " and ".join(conditions) if conditions else None


@contextmanager
def filter_errors(where: str, columns: Sequence[str], read: Callable[[], object]) -> Iterator[None]:
    """Run a read that is filtered by `where`; what the engine says about the filter becomes a `FilterError`.

    Args:
        columns: names that the filter may use, for the message.
        read: reads these columns without a filter. If that works, the filter is at fault and not the files.

    Raises:
        FilterError: the filter is not valid, or a value cannot be computed.
    """
    try:
        yield
    except BaseException as error:
        if not is_file_failure(error):
            raise
        # What a filter does wrong looks like what a damaged file does.
        if not _works(read):
            raise
        raise filter_error(where, _shorten(reason(error)), columns) from error


def filter_error(where: str, said: str, columns: Sequence[str]) -> FilterError:
    """The sentence for a filter that is not valid, with the available columns."""
    shown = where if len(where) <= MAX_SHOWN else where[:MAX_SHOWN] + "..."
    said = said if len(said) <= 2 * MAX_SHOWN else said[: 2 * MAX_SHOWN] + "..."
    return FilterError(f"the filter {shown!r} is not valid: {said}", columns)


def is_in(column: str, values: Sequence[int | str]) -> str:
    """`column IN (...)` for whole numbers or SQL literals; false for none."""
    return f"`{column}` IN ({','.join(map(str, values))})" if values else "false"


def _compile(where: str, columns: Sequence[str]) -> str:
    from indexes.filter_grammar import FilterSyntaxError
    from indexes.filter_language import compile_filter

    if not where.strip():
        raise FilterError('the filter is empty: leave it out, or write one like "duration > 60"')
    try:
        return compile_filter(where, columns)
    except FilterSyntaxError as error:
        raise filter_error(where, str(error), columns) from None


def _works(read: Callable[[], object]) -> bool:
    try:
        read()
    except BaseException as error:
        if not is_file_failure(error):
            raise
        return False
    return True


def _shorten(said: str) -> str:
    if "regex" in said.lower() or "regular expression" in said.lower():
        return "the regular expression is not valid, or too large"
    said = said.split("\nDid you mean")[0].rstrip(". ")
    said = _OPTIMIZING.sub(r"\1", said)
    while (shorter := _WRAPPERS.sub("", said, count=1)) != said:
        said = shorter
    return said
