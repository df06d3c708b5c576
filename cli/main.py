"""The `jepa` program: global options, the commands, and how errors are reported."""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from cli import (
    anticipate,
    ask,
    bench,
    chapters,
    classify,
    console,
    dedupe,
    doctor,
    explain,
    export,
    index,
    manage,
    mcp,
    models,
    optimize,
    plan,
    plan_cluster,
    publish,
    search,
    serve,
    status,
    surprise,
    train,
    transcript,
    watch,
)
from cli.help import App
from cli.streams import OutputError, ReaderGoneError, discard_output, open_standard_streams
from indexes.reasons import reason
from jepa_retrieval.errors import JepaError
from jepa_retrieval.visible import visible

INTERRUPTED = 130  # what shells report for Ctrl-C
FAILED = 2
# Logs that people see: converting a model takes half a minute on its first use; a watched stream fails while serving.
SHOWN_LOGS = ("jepa_retrieval.models.runtime", "jepa_retrieval.serving.watching")

app = App(
    name="jepa",
    pretty_exceptions_enable=False,
    epilog="--quiet, --no-progress and --debug also work after the command. Set $NO_COLOR to turn colour off.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        console.result(f"jepa-retrieval {version('jepa-retrieval')}")
        raise typer.Exit


@app.callback()
def configure(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only results and errors.")] = False,
    no_progress: Annotated[bool, typer.Option("--no-progress", help="Do not show progress.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show log messages and the tracebacks of errors.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Search folders of videos and images by meaning.

    \b
    Examples:
      jepa index ~/Videos              make a folder searchable
      cd ~/Videos
      jepa search "a dog on a beach"   find moments
    """
    console.settings.quiet = quiet
    console.settings.progress = not no_progress
    console.settings.debug = debug
    log = logging.StreamHandler(sys.stderr)
    log.setFormatter(_EscapingFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.DEBUG if debug else logging.ERROR, handlers=[log], force=True)
    if not debug:
        _show_logs()


class _EscapingFormatter(logging.Formatter):
    """Formats log messages, and tracebacks in them, with control characters escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """The message, in as many lines as it has."""
        return "\n".join(map(visible, super().format(record).splitlines()))


class _NoteHandler(logging.Handler):
    """Prints log messages as notes and warnings."""

    def emit(self, record: logging.LogRecord) -> None:
        show = console.warning if record.levelno >= logging.WARNING else console.note
        show(record.getMessage())


def _show_logs() -> None:
    """Print what `SHOWN_LOGS` report, without --debug."""
    for name in SHOWN_LOGS:
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.handlers = [_NoteHandler()]


index.add_to(app)
search.add_to(app)
serve.add_to(app)
mcp.add_to(app)
classify.add_to(app)
ask.add_to(app)
explain.add_to(app)
anticipate.add_to(app)
surprise.add_to(app)
plan.add_to(app)
watch.add_to(app)
chapters.add_to(app)
transcript.add_to(app)
status.add_to(app)
manage.add_to(app)
optimize.add_to(app)
plan_cluster.add_to(app)
dedupe.add_to(app)
publish.add_to(app)
export.add_to(app)
app.add_typer(models.app, name="models")
app.add_typer(train.app, name="train")
app.add_typer(bench.app, name="bench")
doctor.add_to(app)


def hoist_global_options(arguments: Sequence[str]) -> list[str]:
    """Move global options to the front, so that they work before and after the command."""
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    flags = {"--quiet", "-q", "--no-progress", "--debug"}
    return [
        *(word for word in words[:end] if word in flags),
        *(word for word in words[:end] if word not in flags),
        *words[end:],
    ]


def main(arguments: Sequence[str]) -> int:
    """Run the program with `arguments` (without its own name) and return the exit status."""
    try:
        returned = app(hoist_global_options(arguments), prog_name="jepa", standalone_mode=False)
        console.flush_results()
        return returned if isinstance(returned, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        console.error("interrupted")
        return INTERRUPTED
    except ReaderGoneError:
        discard_output(sys.stdout)
        return 0
    except OutputError as error:
        discard_output(sys.stdout)
        console.error(str(error))
        return FAILED
    except Exception as error:
        if console.settings.debug:
            console.traceback_lines(traceback.format_exc())
        else:
            console.error(_sentence(error, arguments))
        return FAILED


def _sentence(error: Exception, arguments: Sequence[str]) -> str:
    """The message of an error for the user, on one line."""
    if isinstance(error, typer.TyperException):
        return _usage_sentence(error, arguments)
    if isinstance(error, JepaError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {reason(error)}" if error.filename else reason(error)
    return f"{type(error).__name__}: {error} (this is a bug in jepa; --debug shows where it happened)"


_PYDANTIC = re.compile(
    r": (?:Value error, |Input should be (?:a valid )?(?P<must>.*?)(?:, unable to parse .*? as an? \w+)?$)"
)


def _plain(match: re.Match[str]) -> str:
    """What pydantic says of a value, in plain words: `must be an integer`."""
    return ": " if match["must"] is None else f": must be {match['must']}"


def _usage_sentence(error: typer.TyperException, arguments: Sequence[str]) -> str:
    text = _PYDANTIC.sub(_plain, error.format_message().strip())
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else _named_command(arguments)
    return f"{text}{'' if text[-1] in '.?!' else '.'} See '{command} --help'."


def _named_command(arguments: Sequence[str]) -> str:
    """`jepa models fetch`: the command that the arguments begin with, for errors that do not say where they arose."""
    command: Any = typer.main.get_command(app)
    words = ["jepa"]
    for word in hoist_global_options(arguments):
        commands = getattr(command, "commands", {})
        if word in commands:
            command = commands[word]
            words.append(word)
        elif not word.startswith("-"):
            break
    return " ".join(words)


def run() -> None:
    """Entry point of the console script."""
    open_standard_streams()
    if "--debug" not in sys.argv:
        silence_libraries()
    sys.exit(main(sys.argv[1:]))


def silence_libraries() -> None:
    """Hide the warnings of libraries from users, here and in child processes."""
    warnings.simplefilter("ignore")
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


if __name__ == "__main__":
    run()
