"""`jepa bench`: measure a model on published data sets."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import console
from cli.options import JsonOption

SECONDS_BETWEEN_LINES = 5.0

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help="Measure a model on published data sets, by the protocols of the VL-JEPA paper.",
)

DatasetArgument = Annotated[
    str, typer.Argument(metavar="DATASET", help="A name of 'jepa bench list'.", show_default=False)
]
ModelOption = Annotated[str, typer.Option("--model", metavar="NAME", help="The model to measure.")]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Folder of the data set as published; see docs/datasets.md."),
]
LimitOption = Annotated[
    int | None,
    typer.Option("--limit", min=1, metavar="N", help="Take only N clips, questions or triplets."),
]
CacheOption = Annotated[
    Path | None, typer.Option("--cache", metavar="DIR", help="Where embeddings are kept. [the user's cache]")
]
ResultsOption = Annotated[Path, typer.Option("--results", metavar="DIR", help="Where results are kept.")]
RESULTS = Path("results")


@app.command("retrieval")
def retrieval_command(
    dataset: DatasetArgument,
    model: ModelOption = "nano",
    data: DataOption = None,
    limit: LimitOption = None,
    cache: CacheOption = None,
    results: ResultsOption = RESULTS,
    through_index: Annotated[
        bool, typer.Option("--through-index", help="Index the files and search, as a user does.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Text to video and video to text: recall, ranks, mAP, each with the size of its pool.

    A run that was stopped goes on from the embeddings that it has.

    \b
    Examples:
      jepa bench retrieval msrvtt-1ka --data ~/data/MSRVTT
      jepa bench retrieval didemo --data ~/data/didemo --limit 100
    """
    variant = "through index" if through_index else ""
    _run("retrieval", dataset, model, data, limit, cache, results, variant, json=json)


@app.command("hard-negatives")
def hard_negatives_command(
    dataset: DatasetArgument,
    model: ModelOption = "nano",
    data: DataOption = None,
    limit: LimitOption = None,
    cache: CacheOption = None,
    results: ResultsOption = RESULTS,
    tower: Annotated[
        bool, typer.Option("--tower", help="Measure the text tower alone, before the model's head.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Texts that mean the same must be nearer to each other than to one that is merely worded alike.

    \b
    Examples:
      jepa bench hard-negatives visla --data ~/data/visla
    """
    _run("hard-negatives", dataset, model, data, limit, cache, results, "tower" if tower else "", json=json)


# Tasks whose commands have no options of their own: what the help says, and an example.
PLAIN_TASKS = {
    "classification": (
        "Open-vocabulary classification: the label text nearest to the clip.",
        "jepa bench classification kinetics400 --data ~/data/k400",
    ),
    "questions": (
        "Questions about pictures: the nearest candidate answer, beside guessing and a grey picture.",
        "jepa bench questions pope --data ~/data/pope",
    ),
    "world-prediction": (
        "Which action leads from the first state to the last.",
        "jepa bench world-prediction worldprediction-wm --data ~/data/worldprediction",
    ),
    "anticipation": (
        "Which action comes next.",
        "jepa bench anticipation epic100-anticipation --data ~/data/epic100",
    ),
    "captioning": (
        "One sentence a clip from the Y-Decoder: CIDEr against the clip's captions.",
        "jepa bench captioning msrvtt-full --data ~/data/MSRVTT",
    ),
    "selective-decoding": (
        "Decoding where the meaning changes against decoding at equal steps: how many times fewer decodes it takes.",
        "jepa bench selective-decoding egoexo4d-descriptions --data ~/data/egoexo4d --limit 20",
    ),
}


def _add_command(task: str, about: str, example: str) -> None:
    @app.command(task, help=f"{about}\n\n\b\nExamples:\n  {example}")
    def command(
        dataset: DatasetArgument,
        model: ModelOption = "nano",
        data: DataOption = None,
        limit: LimitOption = None,
        cache: CacheOption = None,
        results: ResultsOption = RESULTS,
        json: JsonOption = False,
    ) -> None:
        _run(task, dataset, model, data, limit, cache, results, json=json)


for _task, (_about, _example) in PLAIN_TASKS.items():
    _add_command(_task, _about, _example)


@app.command("list")
def list_command(json: JsonOption = False) -> None:
    """List the data sets: task, name, and where each comes from.

    \b
    Examples:
      jepa bench list
    """
    from benchmarks.datasets.registry import ENTRIES

    if json:
        rows = [{"task": entry.task, "dataset": entry.name, "source": entry.source} for entry in ENTRIES]
        console.result_json(rows)
    else:
        console.results(f"{entry.task}\t{entry.name}\t{entry.source}" for entry in ENTRIES)


@app.command("table")
def table_command(results: ResultsOption = RESULTS, json: JsonOption = False) -> None:
    """Put all results into one Markdown table, beside the figures of the paper.

    \b
    Examples:
      jepa bench table
      jepa bench table --results old/results > table.md
    """
    from benchmarks.published.table import read_results, results_table

    documents = read_results(results)
    if json:
        console.result_json(documents)
    else:
        console.results(results_table(documents))


def _run(
    task: str,
    dataset: str,
    model: str,
    data: Path | None,
    limit: int | None,
    cache: Path | None,
    results: Path,
    variant: str = "",
    *,
    json: bool,
) -> None:
    from benchmarks.published.runner import Settings, report, run

    progress = ProgressLines() if console.show_progress() else None
    settings = Settings(model, data, limit, cache, results, variant)
    document = run(task, dataset, settings, on_progress=progress)
    if json:
        console.result_json(document)
    else:
        console.results(map(console.printable, report(document)))
    console.note(f"Wrote {console.printable(document['path'])}")
    _name_failures(document)


def _name_failures(document: dict[str, Any]) -> None:
    """Name the files that could not be read; the figures are of the others."""
    for path, reason in document["unreadable"].items():
        console.warning(f"{console.printable(path)}: {reason}")
    if document["unreadable"]:
        raise typer.Exit(1)


class ProgressLines:
    """A line on standard error every few seconds."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, activity: str, done: int, total: int) -> None:
        """Tell how far it is."""
        if time.monotonic() - self._last > SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            console.note(f"{activity}: {done:,}/{total:,}")
