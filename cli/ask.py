"""`jepa ask`: questions about files, moments, or all clips of an index."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import console
from cli.locate import open_library
from cli.media_paths import ModelOption, PerOption, given_candidates, opened_media
from cli.options import IndexOption, JsonOption, WhereOption
from cli.values import parse_clip, parse_per
from jepa_retrieval.errors import UsageError
from jepa_retrieval.times import format_range

if TYPE_CHECKING:
    from jepa_retrieval.tasks.asking.ask import Answered, Answers


CLIPS = 100  # that --search finds, unless --clips says otherwise


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("ask")(ask)


def ask(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[PATH...] QUESTION",
            help="The question, and before it files, folders or FILE@START-END. Without a path: the index.",
        ),
    ],
    index: IndexOption = None,
    answers: Annotated[str | None, typer.Option(metavar="A,B,C", help="The answers to choose from.")] = None,
    answers_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Answers to choose from, one a line.")
    ] = None,
    answer: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Rank by this answer's probability. [over an index: yes, if it is one]"
        ),
    ] = None,
    search: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Ask only about the clips nearest to this text.")
    ] = None,
    clips: Annotated[
        int | None,
        typer.Option(
            "--clips", min=1, metavar="N", help=f"With --search: how many clips to ask about. [{CLIPS}]"
        ),
    ] = None,
    where: WhereOption = None,
    per: PerOption = None,
    top: Annotated[
        int | None,
        typer.Option("--top", "-t", min=1, metavar="N", help="Most lines to show. [10 over an index]"),
    ] = None,
    model: ModelOption = None,
    json: JsonOption = False,
) -> None:
    """Ask what files, moments or all clips of an index show. No video is decoded for what the index has.

    Without --answers, a question that wants yes or no gets one of these, any other one of the words that the model
    was taught to answer with. Over an index, a question of yes or no finds the moments for which it is true, most
    probable first. Probabilities are a softmax over the answers at the model's temperature; they are not calibrated,
    apart from yes and no.

    \b
    Examples:
      jepa ask holiday.mp4 "What is the man doing?"
      jepa ask holiday.mp4@1:20-1:35 "How many people are there?" --answers 0,1,2,3,4,5
      jepa ask "Is there a dog?" --index ~/Videos/.jepa --top 20
      jepa ask "Where is this?" --search "people eating" --answers "at home,outdoors,in a restaurant"
    """
    *paths, question = words
    _check(paths, question, where=where, search=search)
    if clips is not None and search is None:
        raise UsageError("--clips works with --search TEXT")
    candidates = given_candidates(answers, answers_file, option="answers")
    options: dict[str, Any] = {"answers": candidates, "answer": answer, "per": parse_per(per)}
    failed = False
    if paths:
        options["per"] = options["per"] or "file"
        with opened_media(paths, index, model) as media:
            found = media.ask(question, **options)
            failed = bool(media.failed)
    else:
        options["per"] = options["per"] or "moment"
        options["answer"] = answer or _true_answer(question, candidates)
        found = open_library(index).ask(question, where=where, search=search, clips=clips or CLIPS, **options)
        top = top or 10
    if failed and not found.items:
        raise UsageError("none of the files can be used")
    _print(found if top is None else found.first(top), json=json)
    raise typer.Exit(1 if failed else 0)


def _check(paths: list[str], question: str, *, where: str | None, search: str | None) -> None:
    if not question.strip(" ?"):
        raise UsageError("the question is empty")
    if not paths and (_is_path(question) or _is_stretch(question)):
        raise UsageError(f"what is the question about {question}? Write it behind the path, in quotes")
    if (
        paths
        and not _is_path(paths[0])
        and not _is_stretch(paths[0])
        and (_is_path(question) or _is_stretch(question))
    ):
        raise UsageError(f"write the question last, behind the path: jepa ask {question} {paths[0]!r}")
    if paths and (where is not None or search is not None):
        raise UsageError("--where and --search choose clips of an index: leave the paths out")


def _is_path(text: str) -> bool:
    try:
        return Path(text).exists()
    except OSError:  # too long for a name, as a question may be
        return False


def _is_stretch(text: str) -> bool:
    """Whether a word is FILE@START-END of a file that exists."""
    name, at, _ = text.rpartition("@")
    return bool(at) and _is_path(name) and parse_clip(text)[1:] != (None, None)


def _true_answer(question: str, candidates: list[Any] | None) -> str | None:
    """What "is it true" means for a question: yes, where that can be the answer."""
    from jepa_retrieval.tasks.asking.yes_no import wants_yes_or_no

    if candidates is None:
        return "yes" if wants_yes_or_no(question) else None
    return "yes" if any(candidate.name == "yes" for candidate in candidates) else None


def _print(found: Answers, *, json: bool) -> None:
    if json:
        console.result_json([_item(item) for item in found.items])
    elif not found.items:
        console.note("There are no clips to ask about.")
    elif console.is_terminal(sys.stdout):
        _print_table(found)
    else:
        for item in found.items:
            span = format_range(item.start, item.end)
            console.result(
                f"{span}\t{console.printable(item.path)}\t" + "\t".join(_shown(item, found.answer))
            )


def _item(item: Answered) -> dict[str, Any]:
    answers = [
        {"answer": answer.name, "score": round(answer.score, 6), "probability": round(answer.probability, 6)}
        for answer in item.answers
    ]
    return {
        "path": item.path, "start": item.start, "end": item.end, "question": item.question, "answers": answers,
    }  # fmt: skip


def _shown(item: Answered, answer: str | None) -> list[str]:
    """The asked-for answer alone, or the best three."""
    shown = [found for found in item.answers if answer in (None, found.name)][:3]
    return [f"{console.printable(found.name)} {found.probability:.3f}" for found in shown]


def _print_table(found: Answers) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), title=None)
    table.add_column("time", justify="right", style="cyan", no_wrap=True)
    table.add_column("path", overflow="fold")
    table.add_column("answer")
    for item in found.items:
        span = "" if item.start is None else format_range(item.start, item.end)
        table.add_row(span, Text(console.printable(item.path)), Text(", ".join(_shown(item, found.answer))))
    console.styled().print(table)
