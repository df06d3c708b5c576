"""`jepa classify`: what files, folders or an index show, among labels that the caller names."""

from __future__ import annotations

import csv
import io
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import console
from cli.locate import open_library
from cli.media_paths import ModelOption, PerOption, given_candidates, opened_media
from cli.options import IndexOption, JsonOption, WhereOption
from cli.values import parse_per
from jepa_retrieval.errors import UsageError
from jepa_retrieval.times import format_range

if TYPE_CHECKING:
    from jepa_retrieval.tasks.asking.classify import Classification, Classified
    from jepa_retrieval.tasks.asking.evaluation import Evaluation
    from jepa_retrieval.tasks.encoding.media_root import MediaRoot


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("classify")(classify)


def classify(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="Files and folders. Without any: the whole index."),
    ] = None,
    index: IndexOption = None,
    labels: Annotated[str | None, typer.Option(metavar="A,B,C", help="The labels to choose from.")] = None,
    labels_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Labels, one a line. Behind a tab: texts that stand for the label.",
        ),
    ] = None,
    template: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT",
            help="A sentence around each label, {} in its place; repeated: their mean. "
            "['{}', 'a photo of {}', 'a video of {}']",
        ),
    ] = None,
    per: PerOption = None,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="What comes after what in each file; the same as --per moment.")
    ] = False,
    top: Annotated[int, typer.Option("--top", "-t", min=1, metavar="N", help="Labels to show of each.")] = 5,
    prompt: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT", help="Ask the model this of each clip first, as 'What is the person doing?'."
        ),
    ] = None,
    where: WhereOption = None,
    model: ModelOption = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV", help="Lines of path,label: print accuracy, figures per class, confusions."
        ),
    ] = None,
    confusion: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --truth: draw the confusion matrix, as a .png.")
    ] = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV: path,start,end,rank,label,score,probability.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Name what files, folders or the clips of an index show. The labels can be any words.

    Files that the index has are not opened: their stored embeddings are compared with the labels. Others are decoded
    first. Of a file, all clips count, each by its duration (--per clip or --timeline tell them apart). Probabilities
    are a softmax over the labels at the model's temperature; they are not calibrated.

    \b
    Examples:
      jepa classify holiday/ --labels beach,forest,city
      jepa classify film.mp4 --labels-file actions.txt --timeline
      jepa classify --index ~/Videos/.jepa --labels "a dog,a cat" --truth pets.csv --confusion pets.png
    """
    if json and as_csv:
        raise UsageError("--json and --csv exclude each other")
    if confusion is not None and truth is None:
        raise UsageError("--confusion needs --truth")
    wanted = parse_per(per, timeline=timeline)
    candidates = given_candidates(labels, labels_file, option="labels")
    if candidates is None:
        raise UsageError("say what to choose from: --labels a,b,c or --labels-file FILE")
    options: dict[str, Any] = {
        "templates": template, "per": wanted or "file", "top": max(top, 5) if truth else top, "prompt": prompt,
    }  # fmt: skip
    failed = False
    if paths:
        if where is not None:
            raise UsageError("--where chooses clips of an index: leave the paths out")
        with opened_media(paths, index, model) as media:
            found = media.classify(candidates, **options)
            root, failed = media.media_root, bool(media.failed)
    else:
        library = open_library(index)
        found, root = library.classify(candidates, where=where, **options), library.media_root
    if failed and not found.items:
        raise UsageError("none of the files can be used")
    judged = None if truth is None else _evaluate(found, truth, root, confusion)
    _print(found, judged, top=top, json=json, as_csv=as_csv)
    raise typer.Exit(1 if failed else 0)


def _evaluate(found: Classification, truth: Path, root: MediaRoot, picture: Path | None) -> Evaluation:
    from jepa_retrieval.tasks.asking.evaluation import evaluate, read_true_labels

    known = read_true_labels(truth, media_root=root, labels=found.labels)
    try:
        judged = evaluate(found, known)
    except UsageError as error:
        raise UsageError(f"{truth}: {error}") from error
    for path in judged.missing:
        console.warning(
            f"{console.printable(path)}: named in {console.printable(str(truth))}, but not classified"
        )
    if picture is not None:
        from jepa_retrieval.report.confusion import write_confusion

        write_confusion(picture, judged)
        console.note(f"Wrote {console.printable(str(picture))}")
    return judged


def _print(found: Classification, judged: Evaluation | None, *, top: int, json: bool, as_csv: bool) -> None:
    if json:
        items = [_item(item, top) for item in found.items]
        console.result_json(items if judged is None else {"items": items, "evaluation": asdict(judged)})
        return
    if as_csv:
        console.result(_csv(found, top).rstrip("\n"))
    elif not found.items:
        console.note("There are no clips to classify.")
    elif console.is_terminal(sys.stdout):
        _print_table(found, top)
    else:
        for item in found.items:
            labels = "\t".join(
                f"{console.printable(label.name)} {label.probability:.3f}" for label in item.labels[:top]
            )
            console.result(f"{format_range(item.start, item.end)}\t{console.printable(item.path)}\t{labels}")
    if judged is not None:
        _print_evaluation(judged, to_notes=as_csv)


def _item(item: Classified, top: int) -> dict[str, Any]:
    labels = [
        {"label": label.name, "score": round(label.score, 6), "probability": round(label.probability, 6)}
        for label in item.labels[:top]
    ]
    return {"path": item.path, "start": item.start, "end": item.end, "labels": labels}


def _csv(found: Classification, top: int) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "start", "end", "rank", "label", "score", "probability"])
    for item in found.items:
        place = [item.path, *("" if time is None else f"{time:g}" for time in (item.start, item.end))]
        for rank, label in enumerate(item.labels[:top], start=1):
            writer.writerow([*place, rank, label.name, f"{label.score:.6f}", f"{label.probability:.6f}"])
    return text.getvalue()


def _print_table(found: Classification, top: int) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("time", justify="right", style="cyan", no_wrap=True)
    table.add_column("path", overflow="fold")
    table.add_column("labels")
    for item in found.items:
        labels = ", ".join(f"{label.name} {label.probability:.0%}" for label in item.labels[:top])
        span = "" if item.start is None else format_range(item.start, item.end)
        table.add_row(span, Text(console.printable(item.path)), Text(console.printable(labels)))
    console.styled().print(table)


def _print_evaluation(judged: Evaluation, *, to_notes: bool) -> None:
    """Accuracy, a line per class, and the confusions; beside a CSV document they are remarks."""
    say = console.note if to_notes else console.result
    say(f"accuracy {judged.accuracy:.1%} of {judged.items}, among the best five {judged.accuracy_top5:.1%}")
    say("class\tnumber\tprecision\trecall\tf1")
    for row in judged.classes:
        say(
            f"{console.printable(row.label)}\t{row.number}\t{row.precision:.3f}\t{row.recall:.3f}\t{row.f1:.3f}"
        )
    wrong = [
        (count, judged.labels[true], judged.labels[given])
        for true, counts in enumerate(judged.confusion)
        for given, count in enumerate(counts)
        if count and true != given
    ]
    for count, true, given in sorted(wrong, key=lambda entry: -entry[0])[:10]:
        say(f"confused\t{count}\t{console.printable(true)}\ttaken for\t{console.printable(given)}")
