"""The grammar of `where`: what an expression may hold, its parser, and questions about parts of its tree."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlglot import Dialect, exp, parse_one, parser, tokens
from sqlglot.errors import SqlglotError

MAX_CHARS = 100_000
MAX_TERMS = 10_000
MAX_DEPTH = 16  # far below what the engine's parser takes; chains of AND, OR, + and || count once
MAX_CHAIN = 100  # operands of one chain of + - * / || (AND and OR: MAX_TERMS)

FUNCTIONS = (
    *("abs", "coalesce", "concat", "contains", "ends_with", "greatest", "initcap", "isnan", "least", "left"),
    *(
        "length",
        "ln",
        "log10",
        "lower",
        "ltrim",
        "nullif",
        "power",
        "regexp_like",
        "reverse",
        "right",
        "round",
    ),
    *("rtrim", "split_part", "sqrt", "starts_with", "strpos", "upper"),
)
SYNONYMS = {"trim": "btrim", "btrim": "btrim", "char_length": "length", "character_length": "length"}
ENGINE_FUNCTIONS = {name: name for name in FUNCTIONS} | SYNONYMS
TEXT_PREDICATES = {"starts_with", "ends_with", "contains"}
DATE_PARTS = {
    "year": "cast(left({}, 4) as int)",
    "month": "cast(split_part({}, '-', 2) as int)",
    "day": "cast(left(split_part({}, '-', 3), 2) as int)",
}
CASTS = {
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INT": "int",
    "BIGINT": "bigint",
    "FLOAT": "float",
    "DOUBLE": "double",
    "TEXT": "string",
    "VARCHAR": "string",
}
TIMES = {"DATE", "TIMESTAMP", "DATETIME", "TIMESTAMPTZ"}
COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.NullSafeEQ: "is not distinct from",
    exp.NullSafeNEQ: "is distinct from",
}
ARITHMETIC: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.DPipe: "||",
}
# What nodes hold beside operands: a node with anything else is refused, so that nothing is ignored silently.
KNOWN_PARTS = {
    "this",
    "expression",
    "expressions",
    "is_string",
    "low",
    "high",
    "to",
    "negate",
    "query",
    "unnest",
}
KNOWN_PARTS |= {"table", "db", "catalog", "symmetric", "safe", "typed"}
PRECEDENCE = {"||": 0, "+": 1, "-": 1, "*": 2, "/": 2, "%": 2}
_UNSUPPORTED: dict[type[exp.Expr], str] = {
    exp.Subquery: "subqueries are",
    exp.Query: "subqueries are",
    exp.Exists: "subqueries are",
    exp.Case: "CASE is",
    exp.Placeholder: "parameters such as ? and :name are",
    exp.Parameter: "parameters such as @name are",
    exp.Interval: "INTERVAL is",
}


class _Dialect(Dialect):
    """Texts in 'single' or "double" quotes, names in `backticks`, and no function of special syntax but CAST."""

    class Tokenizer(tokens.Tokenizer):
        QUOTES: ClassVar[list[Any]] = ["'", '"']
        IDENTIFIERS: ClassVar[list[Any]] = ["`"]

    class Parser(parser.Parser):
        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: function
            for name, function in parser.Parser.FUNCTION_PARSERS.items()
            if name in ("CAST", "TRY_CAST")
        }


class FilterSyntaxError(ValueError):
    """The expression is not in the language; the message says why in a few words."""


def parse(where: str) -> exp.Expr:
    """The tree of an expression. Raises FilterSyntaxError if it is none, or longer than MAX_CHARS."""
    if len(where) > MAX_CHARS:
        raise FilterSyntaxError(f"it is longer than {MAX_CHARS:,} characters")
    try:
        where.encode()
    except UnicodeEncodeError:
        raise FilterSyntaxError("it is not valid Unicode") from None
    try:
        return parse_one(where, dialect=_Dialect)
    except SqlglotError as error:
        raise FilterSyntaxError(_parser_message(error)) from None


def operands(node: exp.Expr, kinds: tuple[type[exp.Expr], ...]) -> list[exp.Expr]:
    """The operands of a chain of one operator, in order; chains lean to the left and may be long."""
    found: list[exp.Expr] = []
    stack = [node]
    while stack:
        node = bare(stack.pop())
        if isinstance(node, kinds):
            stack += [node.this, node.expression]
        else:
            found.append(node)
    return found[::-1]


def have_same_precedence(node: exp.Expr, word: str) -> bool:
    """Whether a node is an arithmetic operation that binds as `word` does."""
    return type(node) in ARITHMETIC and PRECEDENCE[ARITHMETIC[type(node)]] == PRECEDENCE[word]


def bare(node: exp.Expr) -> exp.Expr:
    """The node without parentheses around it."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def is_text(node: exp.Expr) -> bool:
    """Whether a node is a text in quotes."""
    return isinstance(node, exp.Literal) and bool(node.is_string)


def unsupported(node: exp.Expr) -> str:
    """What a node that the language lacks is called in an error, with its verb."""
    if type(node).__name__ == "Block":
        return "more than one expression is"
    for kind, name in _UNSUPPORTED.items():
        if isinstance(node, kind):
            return name
    return f"{type(node).__name__} is"


def _parser_message(error: SqlglotError) -> str:
    details = getattr(error, "errors", None)
    if not details:
        return "a quote or comment is not closed"
    found, said = str(details[0].get("highlight") or "").strip(), str(details[0].get("description") or "")
    place = f" at {found[:40]!r}" if found else ""
    if said.startswith("Required keyword"):
        return f"an operand is missing{place}"
    if said.startswith("Expecting )"):
        return f"a closing parenthesis is missing{place}"
    return f"it cannot be understood{place}"
