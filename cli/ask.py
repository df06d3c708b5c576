"""`jepa ask`: answer questions about files, moments, or the clips of an index."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import console
from cli.locate import open_library
from cli.media_paths import given_candidates, opened_media
from cli.options import (
    DeviceOption,
    JsonOption,
    MediaModelOption,
    PathsIndexOption,
    PerOption,
    WhereOption,
    file_option,
    text_option,
    top_option,
)
from cli.tables import INTERVAL, PATH, Column, print_table
from cli.values import parse_interval
from jepa_retrieval.errors import UsageError
from jepa_retrieval.times import format_interval
from jepa_retrieval.user_paths import exists

if TYPE_CHECKING:
    from indexes import Index
    from jepa_retrieval.tasks.asking.ask import Answered, Answers


DEFAULT_CLIPS = 100  # that --search selects
DEFAULT_TOP = 10  # over an index


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("ask")(ask)


def ask(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[PATH...] QUESTION",
            help="The question, preceded by files, folders or FILE@START-END. Without a path: the index.",
        ),
    ],
    index: PathsIndexOption = None,
    answers: Annotated[str | None, typer.Option(metavar="A,B,C", help="Answers to choose from.")] = None,
    answers_file: Annotated[
        Path | None, file_option("File with answers to choose from, one per line.")
    ] = None,
    answer: Annotated[
        str | None,
        text_option("Rank by the probability of this answer. Default over an index: yes, if possible."),
    ] = None,
    search: Annotated[str | None, text_option("Ask only about the clips nearest to this text.")] = None,
    clips: Annotated[
        int | None,
        typer.Option(
            "--clips",
            min=1,
            metavar="N",
            help=f"With --search: number of clips to ask about. [default: {DEFAULT_CLIPS}]",
        ),
    ] = None,
    where: WhereOption = None,
    per: PerOption = None,
    top: Annotated[
        int | None, top_option(f"Maximum number of lines to show. Default over an index: {DEFAULT_TOP}.")
    ] = None,
    model: MediaModelOption = None,
    device: DeviceOption = "auto",
    json: JsonOption = False,
) -> None:
    """Ask a question about files, moments or all clips of an index. Indexed files are not decoded again.

    Without --answers, a yes-or-no question is answered with yes or no, any other question with an answer from the
    model's own vocabulary. Over an index, a yes-or-no question finds the moments for which the answer is yes, most
    probable first. Probabilities are a softmax over the answers at the model's temperature. Only those of yes and no
    are calibrated.

    \b
    Examples:
      jepa ask holiday.mp4 "What is the man doing?"
      jepa ask holiday.mp4@1:20-1:35 "How many people are there?" --answers 0,1,2,3,4,5
      jepa ask "Is there a dog?" --index ~/Videos/.jepa --top 20
      jepa ask "Where is this?" --search "people eating" --answers "at home,outdoors,in a restaurant"
    """
    *paths, question = words
    _check_usage(paths, question, where=where, search=search)
    if clips is not None and search is None:
        raise UsageError("--clips requires --search TEXT")
    candidates = given_candidates(answers, answers_file, option="answers")
    options: dict[str, Any] = {"answers": candidates, "answer": answer, "per": per}
    failed = False
    index_of_words: Index | None = None
    if paths:
        options["per"] = options["per"] or "file"
        with opened_media(paths, index, model) as media:
            found = media.ask(question, **options)
            failed = bool(media.failed or media.partial)
    else:
        options["per"] = options["per"] or "moment"
        options["answer"] = answer or _true_answer(question, candidates)
        library = open_library(index)
        found = library.ask(question, where=where, search=search, clips=clips or DEFAULT_CLIPS, **options)
        top = top or DEFAULT_TOP
        index_of_words = library.records
    if failed and not found.items:
        raise UsageError("none of the files can be used")
    console.warn_of(found.warnings)
    _print(found if top is None else found.first(top), index_of_words, json=json)
    raise typer.Exit(1 if failed else 0)


def _check_usage(paths: list[str], question: str, *, where: str | None, search: str | None) -> None:
    if not question.strip(" ?"):
        raise UsageError("the question is empty")
    if not paths and _names_media(question):
        raise UsageError(f"the question about {question} is missing: write it after the path, in quotes")
    if paths and not _names_media(paths[0]) and _names_media(question):
        raise UsageError(f"the question comes last, after the path: jepa ask {question} {paths[0]!r}")
    if paths and (where is not None or search is not None):
        raise UsageError("--where and --search select clips of an index and cannot be used with paths")


def _names_media(text: str) -> bool:
    """Whether `text` is an existing path, or FILE@START-END of an existing file."""
    name, at, _ = text.rpartition("@")
    return exists(text) or (bool(at) and exists(name) and parse_interval(text)[1:] != (None, None))


def _true_answer(question: str, candidates: list[Any] | None) -> str | None:
    """The answer to rank by over an index: yes, if that is one of the answers."""
    from jepa_retrieval.tasks.asking.yes_no import wants_yes_or_no

    if candidates is None:
        return "yes" if wants_yes_or_no(question) else None
    return "yes" if any(candidate.name == "yes" for candidate in candidates) else None


def _print(found: Answers, words: Index | None, *, json: bool) -> None:
    """Print the answers; as JSON with what is said and written there, by the index `words`."""
    if json:
        console.result_json([{**_item(item), **_words(item, words)} for item in found.items])
    elif not found.items:
        console.note("No clips to ask about.")
    elif console.is_terminal(sys.stdout):
        _print_table(found)
    else:
        for item in found.items:
            interval = format_interval(item.start, item.end)
            console.row(interval, item.path, *_shown(item, found.answer))


def _item(item: Answered) -> dict[str, Any]:
    answers = [
        {"answer": answer.name, "score": round(answer.score, 6), "probability": round(answer.probability, 6)}
        for answer in item.answers
    ]
    return {
        "path": item.path, "start": item.start, "end": item.end, "question": item.question, "answers": answers,
    }  # fmt: skip


def _words(item: Answered, index: Index | None) -> dict[str, str]:
    from jepa_retrieval.tasks.asking.evidence import evidence_of

    if index is None:
        return {}
    found = asdict(evidence_of(index, item.path, item.start, item.end))
    return {sense: text for sense, text in found.items() if text is not None}


def _shown(item: Answered, answer: str | None) -> list[str]:
    """The requested answer, or the three best answers."""
    shown = [found for found in item.answers if answer in (None, found.name)][:3]
    return [f"{found.name} {found.probability:.3f}" for found in shown]


def _print_table(found: Answers) -> None:
    print_table(
        (INTERVAL, PATH, Column("answer")),
        (
            (
                format_interval(item.start, item.end, none=""),
                item.path,
                ", ".join(_shown(item, found.answer)),
            )
            for item in found.items
        ),
    )
