"""`where` as an expression of Milvus: the same rows pass, or what has no counterpart is refused by name.

SQL has three values: a comparison with NULL is neither true nor false. So every condition is written twice: where it
is true, and where it is false. NOT swaps the two, and Milvus sees neither NOT nor a comparison of a value that may be
NULL.
"""

from __future__ import annotations

import itertools
import json
import math
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from sqlglot import exp

from indexes.errors import FilterError
from indexes.filter_grammar import FilterSyntaxError, bare, is_text, operands, parse
from indexes.filter_times import TIME_COLUMN, clock_text, is_time, time_text, with_t
from indexes.filters import MAX_SHOWN, engine_filter
from indexes.text_patterns import has_two_forms

MAX_FORMS = 64  # spellings of one text
MAX_INTEGER = 2**63 - 1
_WHOLE = ("clip_id", "width", "height", "size")
_REAL = ("start", "end", "duration", "frame_rate")
_MAY_BE_MISSING = ("start", "end", "duration", "width", "height", "frame_rate", "codec")
_MIRRORED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_NEGATED = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "==",
    exp.NEQ: "!=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
}


class Condition(NamedTuple):
    """Where a condition holds and where its opposite does; True and False where that is so for all rows."""

    true: str | bool
    false: str | bool


def milvus_filter(where: str, columns: Sequence[str]) -> str | bool:
    """The expression for Milvus; True or False if all rows pass, or none.

    Args:
        where: what the user wrote.
        columns: names that it may use.

    Raises:
        FilterError: it is not valid, or has no counterpart in Milvus.
    """
    engine_filter(where, columns)
    try:
        return _Translator(columns).condition(parse(where)).true
    except FilterSyntaxError as error:
        shown = where if len(where) <= MAX_SHOWN else where[:MAX_SHOWN] + "..."
        raise FilterError(
            f"the filter {shown!r} cannot be used on a published index: {error}; the index folder takes it"
        ) from None


class _Translator:
    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = {name.lower(): name for name in columns}

    def condition(self, node: exp.Expr) -> Condition:
        node = bare(node)
        if isinstance(node, exp.And):
            parts = [self.condition(part) for part in operands(node, (exp.And,))]
            return Condition(_all([part.true for part in parts]), _any([part.false for part in parts]))
        if isinstance(node, exp.Or):
            parts = [self.condition(part) for part in operands(node, (exp.Or,))]
            return Condition(_any([part.true for part in parts]), _all([part.false for part in parts]))
        if isinstance(node, exp.Not):
            self._require_each_once(node)
            return _opposite(self.condition(node.this))
        if isinstance(node, exp.Boolean):
            return Condition(bool(node.this), not node.this)
        if isinstance(node, exp.Null):
            return Condition(False, False)
        if isinstance(node, exp.Is):
            return self._is_null(node)
        if isinstance(node, exp.In):
            return self._in(node)
        if isinstance(node, exp.Between):
            low, high = node.args["low"], node.args["high"]
            first, second = (
                self._compare(node.this, ">=", low, node),
                self._compare(node.this, "<=", high, node),
            )
            return Condition(_all([first.true, second.true]), _any([first.false, second.false]))
        if isinstance(node, exp.Like):
            found = self._like(node)
            return _opposite(found) if node.args.get("negate") else found
        if isinstance(node, exp.Anonymous):
            return self._function(node)
        if type(node) in _COMPARISONS:
            return self._compare(node.this, _COMPARISONS[type(node)], node.expression, node)
        raise FilterSyntaxError(f"{_named(node)} has no counterpart in Milvus")

    def _compare(self, left: exp.Expr, word: str, right: exp.Expr, whole: exp.Expr) -> Condition:
        left, right = bare(left), bare(right)
        if not self._is_column(left) and not self._is_column(right):
            odd = right if isinstance(left, exp.Literal) else left
            raise FilterSyntaxError(
                f"{_named(odd)} has no counterpart in Milvus: compare a column with a value"
            )
        if not self._is_column(left):
            left, right, word = right, left, _MIRRORED[word]
        column = self._column(left)
        if isinstance(right, exp.Null):
            return Condition(False, False)
        if column in _WHOLE or column in _REAL:
            return _number(column, word, _value(right))
        explicit = any(is_time(bare(p)) and not self._is_column(bare(p)) for p in _parts(whole))
        if column == TIME_COLUMN:
            return _simple(column, word, _quoted(_time(right, explicit)))
        text = self._text(right)
        if word not in ("==", "!="):
            return _simple(column, word, _quoted(text))
        forms = _forms(text)
        same = Condition(
            _known(column, _any([f"{column} == {_quoted(form)}" for form in forms])),
            _known(column, _all([f"{column} != {_quoted(form)}" for form in forms])),
        )
        return same if word == "==" else _opposite(same)

    def _require_each_once(self, node: exp.Not) -> None:
        """Refuse NOT over two conditions on a column that may be missing.

        The engine of the index folder takes some that exclude each other, such as `width = 1 and width = 2`, for
        false where `width` is missing, and SQL for neither true nor false.
        """
        named = [self._column(part) for part in node.find_all(exp.Column) if self._is_column(part)]
        for column in _MAY_BE_MISSING:
            if named.count(column) > 1:
                raise FilterSyntaxError(
                    f"NOT over several conditions on {column}, which may be missing, has no counterpart in Milvus: "
                    "write them without NOT"
                )

    def _is_null(self, node: exp.Is) -> Condition:
        if not isinstance(node.expression, exp.Null) or not self._is_column(bare(node.this)):
            raise FilterSyntaxError("IS has a counterpart in Milvus only as COLUMN IS NULL or IS NOT NULL")
        column = self._column(bare(node.this))
        return Condition(f"{column} is null", f"{column} is not null")

    def _in(self, node: exp.In) -> Condition:
        parts = [self._compare(node.this, "==", member, node) for member in node.expressions]
        return Condition(_any([part.true for part in parts]), _all([part.false for part in parts]))

    def _like(self, node: exp.Like) -> Condition:
        pattern = bare(node.expression)
        if isinstance(pattern, exp.Null):
            return Condition(False, False)
        column = self._text_column(node.this, "LIKE")
        text = pattern.this
        if "_" in text or "\\" in text:
            raise FilterSyntaxError("_ and \\ in a pattern of LIKE have no counterpart in Milvus: use % only")
        return self._matches(column, text)

    def _function(self, node: exp.Anonymous) -> Condition:
        name = str(node.this).lower()
        arguments = [bare(argument) for argument in node.expressions]
        if name not in ("starts_with", "ends_with", "contains") or len(arguments) != 2:
            raise FilterSyntaxError(f"{name}() has no counterpart in Milvus")
        column, text = self._text_column(arguments[0], f"{name}()"), self._text(arguments[1])
        if any(character in text for character in "%_\\"):
            raise FilterSyntaxError(f"%, _ and \\ in {name}() have no counterpart in Milvus")
        start, end = name != "ends_with", name != "starts_with"
        return self._matches(column, f"{'%' if end else ''}{text}{'%' if start else ''}")

    def _matches(self, column: str, pattern: str) -> Condition:
        if not pattern.strip("%"):
            return Condition(f"{column} is not null", False) if pattern else _simple(column, "==", '""')
        any_form = _any([f"{column} like {_quoted(form)}" for form in _forms(pattern)])
        assert isinstance(any_form, str)
        return Condition(_known(column, any_form), _known(column, f"not ({any_form})"))

    def _is_column(self, node: exp.Expr) -> bool:
        return isinstance(node, exp.Column) and node.name.lower() in self._columns

    def _column(self, node: exp.Expr) -> str:
        return self._columns[node.name.lower()]

    def _text_column(self, node: exp.Expr, what: str) -> str:
        node = bare(node)
        if not self._is_column(node) or self._column(node) in (*_WHOLE, *_REAL):
            raise FilterSyntaxError(f"{what} has a counterpart in Milvus only for columns of texts")
        return self._column(node)

    def _text(self, node: exp.Expr) -> str:
        if not is_text(node):
            raise FilterSyntaxError(
                f"{_named(node)} has no counterpart in Milvus: compare with a text in quotes"
            )
        return str(node.this)


def _parts(node: exp.Expr) -> list[exp.Expr]:
    if isinstance(node, exp.Between):
        return [node.this, node.args["low"], node.args["high"]]
    if isinstance(node, exp.In):
        return [node.this, *node.expressions]
    return [node.this, node.expression]


def _time(node: exp.Expr, explicit: bool) -> str:
    if (clock := clock_text(node)) is not None:
        return clock
    if isinstance(node, exp.Cast) and is_time(node) and is_text(bare(node.this)):
        return time_text(bare(node.this).this, node.to.this.name == "DATE")
    if isinstance(node, exp.Anonymous) and is_time(node) and len(node.expressions) == 1:
        return _time(bare(node.expressions[0]), True)
    if is_text(node):
        return time_text(node.this, False) if explicit else with_t(node.this)
    raise FilterSyntaxError(
        f"{_named(node)} has no counterpart in Milvus: compare {TIME_COLUMN} with a time in quotes"
    )


def _value(node: exp.Expr) -> int | float:
    sign = 1
    while isinstance(node, exp.Neg):
        sign, node = -sign, bare(node.this)
    if not isinstance(node, exp.Literal) or node.is_string:
        raise FilterSyntaxError(f"{_named(node)} has no counterpart in Milvus: compare with a number")
    text = str(node.this)
    value = sign * (int(text) if text.isdecimal() else float(text))
    if not math.isfinite(value) or abs(value) > MAX_INTEGER:
        raise FilterSyntaxError(f"{text} is too large for Milvus")
    return value


def _number(column: str, word: str, value: int | float) -> Condition:
    if column in _WHOLE and isinstance(value, float):
        raise FilterSyntaxError(
            f"{value:g} is no whole number, as {column} is: that has no counterpart in Milvus"
        )
    return _simple(column, word, str(int(value)) if column in _WHOLE else repr(float(value)))


def _simple(column: str, word: str, value: str) -> Condition:
    return Condition(
        _known(column, f"{column} {word} {value}"), _known(column, f"{column} {_NEGATED[word]} {value}")
    )


def _known(column: str, condition: str | bool) -> str:
    assert isinstance(condition, str)
    return f"({column} is not null and {condition})"


def _forms(text: str) -> list[str]:
    """All spellings of a text whose characters are each composed or decomposed."""
    if not has_two_forms(text):
        return [text]
    choices = [
        list(dict.fromkeys([character, unicodedata.normalize("NFD", character)]))
        for character in unicodedata.normalize("NFC", text)
    ]
    if math.prod(map(len, choices)) > MAX_FORMS:
        raise FilterSyntaxError("so many accents in one text have no counterpart in Milvus")
    return ["".join(form) for form in itertools.product(*choices)]


def _opposite(condition: Condition) -> Condition:
    return Condition(condition.false, condition.true)


def _all(parts: Sequence[str | bool]) -> str | bool:
    return _joined(parts, "and", neutral=True)


def _any(parts: Sequence[str | bool]) -> str | bool:
    return _joined(parts, "or", neutral=False)


def _joined(parts: Sequence[str | bool], word: str, *, neutral: bool) -> str | bool:
    left = [part for part in parts if part is not neutral]
    if (not neutral) in left:
        return not neutral
    texts = [str(part) for part in left]
    if not texts:
        return neutral
    return texts[0] if len(texts) == 1 else f"({f' {word} '.join(texts)})"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _named(node: exp.Expr) -> str:
    shown = node.sql()
    return repr(shown if len(shown) <= 60 else shown[:60] + "...")
