"""How help is laid out: placeholders without the Python types that typer adds, limits of numbers in words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from jepa_retrieval.errors import UsageError

CONTEXT_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 110}

_PYTHON_TYPE = re.compile(r" <[^>]*>$")
_LIMITS = re.compile(
    r"(?P<between>(?P<low>[\d.]+)<=x<=(?P<high>[\d.]+))|x>=(?P<least>[\d.]+)|x<=(?P<most>[\d.]+)"
)

_DEFAULT = re.compile(
    r"default: (?:\((?=[^)]*\))|(?=\d+\.0\b))([^);\]]*?)(?:\)|\.0)(?=[;\]])"
)  # `(x)` and `2.0`


class HelpfulCommand(TyperCommand):
    """A command with this project's help."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse what click would take or explain badly.

        Of two --index where there can be one only, it would forget the first without a word; of NaN it would say that
        it is below the least value; of a folder behind a command that takes no arguments, only that it is unexpected.
        """
        if not ctx.resilient_parsing:
            values, extra, given = self.make_parser(ctx).parse_args(args=list(args))
            takes_none = all(p.param_type_name == "option" for p in self.params)
            if extra and takes_none and any("--index" in p.opts for p in self.params):
                hint = f"to name an index, write {ctx.command_path} --index {shlex.quote(extra[0])}"
                raise UsageError(f"'{extra[0]}': this command takes no such argument; {hint}")
            if sum("--index" in p.opts and not getattr(p, "multiple", False) for p in given) > 1:
                raise UsageError("--index can be given only once here: this command works on one index")
            for p in given:
                limited = (getattr(p, "min", None), getattr(p, "max", None)) != (None, None)
                if limited and str(values.get(p.name)).strip().lstrip("+-").lower() == "nan":
                    raise UsageError(f"{p.opts[0]} must be a number, not '{values[p.name]}'")
        rest: list[str] = super().parse_args(ctx, args)
        return rest

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The words of the usage line."""
        return [_usage_piece(piece) for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options, with their help."""
        _write_parameters(self.get_params(ctx), ctx, formatter)


class HelpfulGroup(TyperGroup):
    """A command of subcommands with this project's help."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Without arguments, show the help."""
        rest: list[str] = super().parse_args(ctx, args if args or ctx.resilient_parsing else ["--help"])
        return rest

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write options and subcommands, with their help."""
        _write_parameters(self.get_params(ctx), ctx, formatter)
        with formatter.section("Commands"):
            formatter.write_dl(_first_sentences(self, ctx))


def _first_sentences(group: Any, ctx: Any) -> list[tuple[str, str]]:
    """Each command with the first sentence of its help, whole."""
    commands = ((name, group.get_command(ctx, name)) for name in group.list_commands(ctx))
    return [(name, command.get_short_help_str(limit=200)) for name, command in commands if not command.hidden]


class App(typer.Typer):
    """A typer application whose commands and groups have this project's help."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            cls=HelpfulGroup,
            rich_markup_mode=None,  # plain help: it starts faster, and reads the same in a log
            context_settings=CONTEXT_SETTINGS,
            **settings,
        )

    def command(self, name: str | None = None, **settings: Any) -> Callable[..., Any]:
        """Register a command, as `typer.Typer.command` does."""
        return super().command(name, cls=HelpfulCommand, **settings)


def _write_parameters(parameters: list[Any], ctx: Any, formatter: Any) -> None:
    for title, kind in (("Arguments", "argument"), ("Options", "option")):
        chosen = (parameter for parameter in parameters if parameter.param_type_name == kind)
        records = [record for parameter in chosen if (record := parameter.get_help_record(ctx)) is not None]
        if records:
            with formatter.section(title):
                formatter.write_dl([(_PYTHON_TYPE.sub("", name), _worded(text)) for name, text in records])


def _usage_piece(piece: str) -> str:
    """`{PATH}...` as `PATH...`: what is not in brackets is required."""
    if not piece.startswith("{"):
        return piece
    name, _, dots = piece[1:].rpartition("}")
    return name if "..." in name else name + dots


def _worded(text: str) -> str:
    """The limits that typer puts behind a help text, `x>=1`, in words."""

    def words(match: re.Match[str]) -> str:
        if match["between"]:
            return f"{float(match['low']):g} to {float(match['high']):g}"
        return (
            f"at least {float(match['least']):g}" if match["least"] else f"at most {float(match['most']):g}"
        )

    head, bracket, limits = text.rpartition("[")
    return head + bracket + _DEFAULT.sub(r"default: \1", _LIMITS.sub(words, limits))
