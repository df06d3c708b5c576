"""`jepa classify`: classify files, folders or an index by labels that the user chooses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
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
    Per,
    PerOption,
    WhereOption,
    file_option,
    text_option,
    top_option,
)
from cli.outputs import try_write
from cli.paths import OutputFile, parse_path_text, require_outputs
from cli.tables import INTERVAL, PATH, Column, print_table
from cli.values import parse_interval
from jepa_retrieval.errors import UsageError
from jepa_retrieval.times import format_interval

if TYPE_CHECKING:
    from jepa_retrieval.tasks.asking.candidates import Scored
    from jepa_retrieval.tasks.asking.classify import Classification, Classified
    from jepa_retrieval.tasks.asking.evaluation import Evaluation
    from jepa_retrieval.tasks.encoding.media_root import MediaRoot


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("classify")(classify)


def classify(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH", parser=parse_path_text, help="Files and folders. Default: the whole index."
        ),
    ] = None,
    index: PathsIndexOption = None,
    labels: Annotated[str | None, typer.Option(metavar="A,B,C", help="Labels to choose from.")] = None,
    labels_file: Annotated[
        Path | None,
        file_option(
            "File with labels, one per line, each followed by tab-separated texts that describe it, if any."
        ),
    ] = None,
    template: Annotated[
        list[str] | None,
        text_option(
            "A sentence for each label, with {} for the label. Repeatable: their embeddings are averaged. "
            "Default: '{}', 'a photo of {}' and 'a video of {}'."
        ),
    ] = None,
    per: PerOption = None,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="List the moments of each file in order; same as --per moment.")
    ] = False,
    top: Annotated[int, top_option("Number of labels to show for each item.")] = 5,
    prompt: Annotated[
        str | None,
        text_option("Predict each clip's embedding under this prompt, such as 'What is the person doing?'."),
    ] = None,
    where: WhereOption = None,
    model: MediaModelOption = None,
    device: DeviceOption = "auto",
    truth: Annotated[
        Path | None,
        file_option(
            "Lines of path,label: print accuracy, metrics per class and confusions. Files that are listed and not "
            "classified are named, with status 1.",
            metavar="CSV",
        ),
    ] = None,
    confusion: Annotated[
        Path | None, file_option("With --truth: draw the confusion matrix to a .png file.")
    ] = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV: path,start,end,rank,label,score,probability.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Classify files, folders or the clips of an index by labels. Labels can be any words.

    The stored embeddings of indexed files are compared with the labels; other files are decoded first. A file is
    classified by all its clips, weighted by duration; --per clip and --timeline show them separately. Probabilities
    are a softmax over the labels at the model's temperature; they are not calibrated.

    \b
    Examples:
      jepa classify holiday/ --labels beach,forest,city
      jepa classify film.mp4 --labels-file actions.txt --timeline
      jepa classify --index ~/Videos/.jepa --labels "a dog,a cat" --truth pets.csv --confusion pets.png
    """
    if json and as_csv:
        raise UsageError("--json and --csv cannot be used together")
    if confusion is not None and truth is None:
        raise UsageError("--confusion requires --truth")
    require_outputs(
        OutputFile("--confusion", confusion, (".png",)),
        inputs=[*(parse_interval(text)[0] for text in paths or []), truth, labels_file],
    )
    per = _per(per, timeline=timeline)
    candidates = given_candidates(labels, labels_file, option="labels")
    if candidates is None:
        raise UsageError("give the labels with --labels a,b,c or --labels-file FILE")
    options: dict[str, Any] = {
        "templates": template, "per": per, "top": max(top, 5) if truth else top, "prompt": prompt,
    }  # fmt: skip
    failed = False
    if paths:
        if where is not None:
            raise UsageError("--where selects clips of an index and cannot be used with paths")
        with opened_media(paths, index, model) as media:
            found = media.classify(candidates, **options)
            root, failed = media.media_root, bool(media.failed or media.partial)
    else:
        library = open_library(index)
        found, root = library.classify(candidates, where=where, **options), library.media_root
    if failed and not found.items:
        raise UsageError("none of the files can be used")
    judged = None if truth is None else _evaluate(found, truth, root)
    unwritten = None if judged is None or confusion is None else _try_picture(confusion, judged)
    console.warn_of(found.warnings)
    _print(found, judged, top=top, json=json, as_csv=as_csv)
    if unwritten is not None:
        console.error(unwritten)
    raise typer.Exit(1 if failed or unwritten or (judged and judged.missing) else 0)


def _per(per: Per | None, *, timeline: bool) -> Per:
    if timeline and per not in (None, "moment"):
        raise UsageError(f"--timeline is the same as --per moment and cannot be used with --per {per}")
    return "moment" if timeline else per or "file"


def _evaluate(found: Classification, truth: Path, root: MediaRoot) -> Evaluation:
    from jepa_retrieval.tasks.asking.evaluation import evaluate, read_true_labels

    known = read_true_labels(truth, media_root=root, labels=found.labels)
    try:
        judged = evaluate(found, known)
    except UsageError as error:
        raise UsageError(f"{truth}: {error}") from error
    for path in judged.missing:
        console.warning(f"{path}: listed in {truth}, but not classified")
    return judged


def _try_picture(file: Path, judged: Evaluation) -> str | None:
    """Draw the confusion matrix; why it failed, if it did."""
    from jepa_retrieval.report.confusion import write_confusion

    return try_write(file, lambda: write_confusion(file, judged))


def _print(found: Classification, judged: Evaluation | None, *, top: int, json: bool, as_csv: bool) -> None:
    if json:
        items = [_item(item, top) for item in found.items]
        console.result_json(items if judged is None else {"items": items, "evaluation": asdict(judged)})
        return
    if as_csv:
        console.result_csv(_csv_rows(found, top))
    elif not found.items:
        console.note("No clips to classify.")
    elif console.is_terminal(sys.stdout):
        _print_table(found, top)
    else:
        for item in found.items:
            labels = (f"{label.name} {_number(label, found):.3f}" for label in item.labels[:top])
            console.row(format_interval(item.start, item.end), item.path, *labels)
    if judged is not None:
        _print_evaluation(judged, as_notes=as_csv)


def _item(item: Classified, top: int) -> dict[str, Any]:
    labels = [
        {"label": label.name, "score": round(label.score, 6), "probability": round(label.probability, 6)}
        for label in item.labels[:top]
    ]
    return {"path": item.path, "start": item.start, "end": item.end, "labels": labels}


def _csv_rows(found: Classification, top: int) -> Iterator[tuple[object, ...]]:
    yield "path", "start", "end", "rank", "label", "score", "probability"
    for item in found.items:
        start, end = ("" if time is None else f"{time:g}" for time in (item.start, item.end))
        for rank, label in enumerate(item.labels[:top], start=1):
            score, probability = f"{label.score:.6f}", f"{label.probability:.6f}"
            yield item.path, start, end, rank, label.name, score, probability


def _print_table(found: Classification, top: int) -> None:
    print_table(
        (INTERVAL, PATH, Column("labels")),
        (
            (
                format_interval(item.start, item.end, none=""),
                item.path,
                ", ".join(_shown(label, found) for label in item.labels[:top]),
            )
            for item in found.items
        ),
    )


def _number(label: Scored, found: Classification) -> float:
    """The label's probability; its score where it is the only one, whose probability says nothing."""
    return label.score if len(found.labels) == 1 else label.probability


def _shown(label: Scored, found: Classification) -> str:
    number = _number(label, found)
    return f"{label.name} {number:.3f}" if len(found.labels) == 1 else f"{label.name} {number:.0%}"


def _print_evaluation(judged: Evaluation, *, as_notes: bool) -> None:
    """Print accuracy, a line per class and the confusions; as notes if standard output is a CSV document."""
    say = console.note_row if as_notes else console.row
    say(f"accuracy {judged.accuracy:.1%} of {judged.items}, top-5 accuracy {judged.accuracy_top5:.1%}")
    say("class", "number", "precision", "recall", "f1")
    for row in judged.classes:
        say(row.label, row.number, f"{row.precision:.3f}", f"{row.recall:.3f}", f"{row.f1:.3f}")
    wrong = [
        (count, judged.labels[true], judged.labels[given])
        for true, counts in enumerate(judged.confusion)
        for given, count in enumerate(counts)
        if count and true != given
    ]
    for count, true, given in sorted(wrong, key=lambda entry: -entry[0])[:10]:
        say("confused", count, true, "classified as", given)
