"""The language of `where`: a Boolean SQL expression, parsed, checked and written again for the engine.

The engine (DataFusion in Lance) ignores what follows an expression, ends the process on deep nesting and on functions
that take much memory, and panics on parameters. So it never sees what the user wrote: sqlglot parses that, and only
the columns, operators and functions listed here are written again, with bounded size and depth. Two meanings are
added:

- Times compare as text. `mtime` is stored as text that sorts in order of time, and what is compared with it is
  converted to the same form. Timestamps of the engine cover the years 1677 to 2262 only.
- Names match in either Unicode normal form: stored paths keep the bytes of the file system, and "é" may be one code
  point (NFC, usual) or two (NFD, as on older macOS file systems).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlglot import exp

from indexes.filter_grammar import (
    ARITHMETIC,
    CASTS,
    COMPARISONS,
    DATE_PARTS,
    ENGINE_FUNCTIONS,
    KNOWN_PARTS,
    MAX_CHAIN,
    MAX_DEPTH,
    MAX_TERMS,
    TEXT_PREDICATES,
    TIMES,
    FilterSyntaxError,
    bare,
    have_same_precedence,
    is_text,
    operands,
    parse,
    unsupported,
)
from indexes.filter_times import TIME_COLUMN, clock_text, is_time, time_text, with_t
from indexes.text_patterns import equality_regex, has_two_forms, like_regex, quote_text, substring_regex


def compile_filter(where: str, columns: Sequence[str]) -> str:
    """The expression for the engine.

    Args:
        where: what the user wrote.
        columns: names that it may use.

    Raises:
        FilterSyntaxError: it is not in the language.
    """
    try:
        tree = parse(where)
        if isinstance(bare(tree), exp.Null):
            raise FilterSyntaxError("NULL is neither true nor false")
        return _Compiler(columns).expression(tree)
    except RecursionError:
        raise FilterSyntaxError("it is nested too deeply") from None


class _Compiler:
    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = {name.lower(): name for name in columns}
        self._terms = 0
        self._depth = 0
        self._writers: dict[type[exp.Expr], Callable[[Any], str]] = {
            exp.And: lambda node: self._chain(node, "and", exp.And),
            exp.Or: lambda node: self._chain(node, "or", exp.Or),
            exp.Not: lambda node: f"not {self.expression(node.this)}",
            exp.Boolean: lambda node: "true" if node.this else "false",
            exp.Null: lambda node: "null",
            exp.Column: self._column,
            exp.Literal: self._literal,
            exp.Neg: lambda node: f"-{self.expression(node.this)}",
            exp.Is: self._is,
            exp.In: self._in,
            exp.Between: self._between,
            exp.Like: lambda node: self._like(node, None),
            exp.ILike: lambda node: self._like(node, None),
            exp.Escape: self._escape,
            exp.Cast: self._cast,
            exp.TryCast: self._cast,
            exp.Anonymous: self._function,
            **dict.fromkeys(COMPARISONS, self._comparison),
            **dict.fromkeys(ARITHMETIC, self._arithmetic),
        }

    def expression(self, node: exp.Expr) -> str:
        """A node in parentheses where it needs them."""
        while isinstance(node, exp.Paren):
            node = node.this
        self._terms += 1
        if self._terms > MAX_TERMS:
            raise FilterSyntaxError(f"it has more than {MAX_TERMS:,} terms")
        writer = self._writers.get(type(node))
        if writer is None:
            raise FilterSyntaxError(f"{unsupported(node)} not supported")
        if unknown := {name for name, value in node.args.items() if value} - KNOWN_PARTS:
            raise FilterSyntaxError(f"{type(node).__name__} with {min(unknown)} is not supported")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FilterSyntaxError("it is nested too deeply")
        text = writer(node)
        self._depth -= 1
        simple = isinstance(
            node, exp.Column | exp.Literal | exp.Boolean | exp.Null | exp.Cast | exp.Anonymous
        )
        return text if simple else f"({text})"

    def _chain(self, node: exp.Connector, word: str, kind: type[exp.Connector]) -> str:
        return f" {word} ".join(self.expression(operand) for operand in operands(node, (kind,)))

    def _arithmetic(self, node: exp.Binary) -> str:
        parts: list[str] = []
        while isinstance(node, tuple(ARITHMETIC)):
            parts += [self.expression(node.expression), ARITHMETIC[type(node)]]
            node = node.this
            if len(parts) > 2 * MAX_CHAIN:
                raise FilterSyntaxError(f"it has more than {MAX_CHAIN} operands in one sum or product")
            if not have_same_precedence(node, parts[-1]):
                break
        return " ".join([self.expression(node), *reversed(parts)])

    def _column(self, node: exp.Column) -> str:
        name = node.name
        if node.args.get("table") is None:
            if name.lower() in self._columns:
                return f"`{self._columns[name.lower()]}`"
            if (clock := clock_text(node)) is not None:
                return quote_text(clock)
        else:
            name = f"{node.table}.{name}"
        raise FilterSyntaxError(f"there is no column {name!r}")

    def _literal(self, node: exp.Literal) -> str:
        return quote_text(node.this) if node.is_string else str(node.this)

    def _is(self, node: exp.Is) -> str:
        if not isinstance(node.expression, exp.Null | exp.Boolean):
            raise FilterSyntaxError("IS must be followed by NULL, TRUE or FALSE")
        return f"{self.expression(node.this)} is {self.expression(node.expression)}"

    def _comparison(self, node: exp.Binary) -> str:
        left, right = bare(node.this), bare(node.expression)
        word = COMPARISONS[type(node)]
        if is_time(left) or is_time(right):
            first, second = self._times([left, right])
            return f"{first} {word} {second}"
        if isinstance(node, exp.EQ | exp.NEQ):
            for text, other in ((left, right), (right, left)):
                if is_text(text) and has_two_forms(text.this):
                    same = self._equals(self.expression(other), text.this)
                    return same if isinstance(node, exp.EQ) else f"not {same}"
        return f"{self.expression(left)} {word} {self.expression(right)}"

    def _equals(self, value: str, text: str) -> str:
        regex = quote_text(equality_regex(text))
        return f"({value} = {quote_text(text)} or regexp_like({value}, {regex}))"

    def _in(self, node: exp.In) -> str:
        members = [bare(member) for member in node.expressions]
        if node.args.get("query") is not None or node.args.get("unnest") is not None:
            raise FilterSyntaxError("subqueries are not supported")
        if not members:
            raise FilterSyntaxError("the list after IN is empty")
        if not all(isinstance(member, exp.Literal | exp.Neg | exp.Cast | exp.Null) for member in members):
            raise FilterSyntaxError("the list after IN may hold only texts and numbers")
        if is_time(node.this):
            first, *others = self._times([node.this, *members])
            return f"{first} in ({', '.join(others)})"
        value = self.expression(node.this)
        two_forms = [m.this for m in members if is_text(m) and has_two_forms(m.this)]
        self._terms -= len(members)  # a list is one term: long ones are fine
        # The engine takes "x in (1, null) and x not in (1, null)" for false; it is null unless x is 1.
        values = [member for member in members if not isinstance(member, exp.Null)]
        listed = [f"{value} in ({', '.join(map(self.expression, values))})"] if values else []
        listed += ["null"] if len(values) < len(members) else []
        return " or ".join([*listed, *(self._equals(value, text) for text in two_forms)])

    def _between(self, node: exp.Between) -> str:
        if node.args.get("symmetric"):
            raise FilterSyntaxError("BETWEEN SYMMETRIC is not supported")
        parts = [bare(part) for part in (node.this, node.args["low"], node.args["high"])]
        of_times = any(is_time(part) for part in parts)
        value, low, high = self._times(parts) if of_times else map(self.expression, parts)
        return f"{value} between {low} and {high}"

    def _escape(self, node: exp.Escape) -> str:
        character = bare(node.expression)
        if not (is_text(character) and len(character.this) == 1):
            raise FilterSyntaxError("ESCAPE must be followed by one character in 'single quotes'")
        if not isinstance(node.this, exp.Like | exp.ILike):
            raise FilterSyntaxError("ESCAPE must follow a pattern of LIKE")
        return self._like(node.this, character.this)

    def _like(self, node: exp.Like | exp.ILike, escape: str | None) -> str:
        value, pattern = self.expression(node.this), bare(node.expression)
        ignore_case = isinstance(node, exp.ILike)
        word = "ilike" if ignore_case else "like"
        if not is_text(pattern):
            if escape is not None or not isinstance(pattern, exp.Null):
                raise FilterSyntaxError("the pattern of LIKE must be a text in 'single quotes'")
            return f"{value} {word} null"
        text = pattern.this
        if escape in (None, "\\") and not has_two_forms(text) and "_" not in text:
            like = f"{value} {word} {quote_text(text)}"
        else:
            regex = like_regex(text, escape="\\" if escape is None else escape, ignore_case=ignore_case)
            like = f"regexp_like({value}, {quote_text(regex)})"
        return f"not ({like})" if node.args.get("negate") else like

    def _cast(self, node: exp.Cast) -> str:
        kind = node.to.this.name if isinstance(node.to.this, exp.DataType.Type) else str(node.to)
        if kind in TIMES:
            return self._times([node])[0]
        if kind not in CASTS or node.to.expressions:
            raise FilterSyntaxError(
                f"casts to {node.to.sql()} are not supported: use {', '.join(CASTS).lower()}"
            )
        word = "try_cast" if isinstance(node, exp.TryCast) else "cast"
        return f"{word}({self.expression(node.this)} as {CASTS[kind]})"

    def _function(self, node: exp.Anonymous) -> str:
        name, arguments = str(node.this).lower(), [bare(argument) for argument in node.expressions]
        if (clock := clock_text(node)) is not None:
            return quote_text(clock)
        part = name
        if name == "date_part" and len(arguments) == 2 and is_text(arguments[0]):
            part, arguments = arguments[0].this.lower(), arguments[1:]
        if part in DATE_PARTS and len(arguments) == 1:
            return DATE_PARTS[part].format(self._times(arguments)[0])
        if name == "to_timestamp":
            return self._times([node])[0]
        if name not in ENGINE_FUNCTIONS:
            raise FilterSyntaxError(
                f"there is no function {name}(): use {', '.join(sorted(ENGINE_FUNCTIONS))}"
            )
        if name == "regexp_like" and not (len(arguments) > 1 and all(map(is_text, arguments[1:]))):
            raise FilterSyntaxError("the pattern of regexp_like() must be a text in 'single quotes'")
        if name in TEXT_PREDICATES and len(arguments) == 2 and is_text(arguments[1]):
            text = arguments[1].this
            if has_two_forms(text):
                regex = substring_regex(text, start=name == "starts_with", end=name == "ends_with")
                return f"regexp_like({self.expression(arguments[0])}, {quote_text(regex)})"
        return f"{ENGINE_FUNCTIONS[name]}({', '.join(self.expression(argument) for argument in arguments)})"

    def _times(self, nodes: Sequence[exp.Expr]) -> list[str]:
        """Texts in the form of `mtime` for nodes of which at least one is a time."""
        explicit = any(is_time(node) and not isinstance(node, exp.Column) for node in nodes)
        return [self._time(bare(node), explicit) for node in nodes]

    def _time(self, node: exp.Expr, explicit: bool) -> str:
        """Args: explicit: whether plain text next to it is a time too, not the beginning of a stored text."""
        self._terms += 1
        clock = clock_text(node)
        if clock is not None:
            return quote_text(clock)
        if isinstance(node, exp.Column):
            if node.name.lower() != TIME_COLUMN:
                raise FilterSyntaxError(f"only {TIME_COLUMN} and texts can be compared as times")
            return self._column(node)
        if isinstance(node, exp.Cast) and node.to.this.name in TIMES:
            inner, day = bare(node.this), node.to.this.name == "DATE"
            if is_text(inner):
                return quote_text(time_text(inner.this, day))
            text = self._time(inner, True)
            return f"(left({text}, 10) || 'T00:00:00Z')" if day else text
        if isinstance(node, exp.Anonymous) and str(node.this).lower() == "to_timestamp":
            if len(node.expressions) != 1:
                raise FilterSyntaxError("to_timestamp() takes one argument")
            return self._time(bare(node.expressions[0]), True)
        if is_text(node):
            return quote_text(time_text(node.this, False) if explicit else with_t(node.this))
        if isinstance(node, exp.Null):
            return "null"
        if not explicit:
            return self.expression(node)
        raise FilterSyntaxError(f"only {TIME_COLUMN} and texts can be compared as times")
