"""`jepa bench`: evaluate a model on published data sets.

This is the only module of the command line that imports `benchmarks`, which holds the protocols.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import console
from cli.completion import beginning, model_names
from cli.fetching import chosen_model
from cli.help import App
from cli.options import JsonOption
from cli.paths import parse_path

MIN_SECONDS_BETWEEN_LINES = 5.0
MAX_LIMIT = 1_000_000_000  # it is part of the name of the results

app = App(help="Evaluate a model on published data sets, with the protocols of the VL-JEPA paper.")


def _datasets(ctx: typer.Context, incomplete: str) -> list[str]:
    """Data sets of the task whose command is being completed."""
    from benchmarks.datasets.registry import ENTRIES

    return beginning((entry.name for entry in ENTRIES if entry.task == ctx.info_name), incomplete)


DatasetArgument = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        autocompletion=_datasets,
        help="The name of a data set; see 'jepa bench list'.",
        show_default=False,
    ),
]
ModelOption = Annotated[
    str, typer.Option("--model", metavar="NAME", autocompletion=model_names, help="The model to evaluate.")
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        parser=parse_path,
        help="Folder of the published data set; see docs/datasets.md.",
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option(
        "--limit",
        min=1,
        metavar="N",
        callback=lambda number: number and min(number, MAX_LIMIT),
        help="Use only N clips, questions or triplets.",
    ),
]
CacheOption = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        parser=parse_path,
        help="Folder for cached embeddings. Default: the user's cache.",
    ),
]
ResultsOption = Annotated[
    Path, typer.Option("--results", metavar="DIR", parser=parse_path, help="Folder for results.")
]
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
        bool, typer.Option("--through-index", help="Index the files and search the index, as users do.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Text-to-video and video-to-text retrieval: recall, ranks and mAP, each with the size of its pool.

    An interrupted run continues with the embeddings that it has cached.

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
        bool, typer.Option("--tower", help="Evaluate only the text tower, without the model's head.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Hard negatives: texts with the same meaning must be closer than texts with similar words.

    \b
    Examples:
      jepa bench hard-negatives visla --data ~/data/visla
    """
    _run("hard-negatives", dataset, model, data, limit, cache, results, "tower" if tower else "", json=json)


@app.command("physics")
def physics_command(
    dataset: DatasetArgument,
    model: ModelOption = "nano",
    data: DataOption = None,
    limit: LimitOption = None,
    cache: CacheOption = None,
    results: ResultsOption = RESULTS,
    predictor: Annotated[
        Path | None,
        typer.Option(
            "--predictor",
            metavar="DIR",
            parser=parse_path,
            help="A folder with V-JEPA 2, whose own predictor foresees in place of the model's dynamics.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Intuitive physics: which video of a pair is impossible. It must be the more surprising one.

    'worlds' are made by the benchmark itself; a network learns from possible ones how they move.

    \b
    Examples:
      jepa bench physics worlds
      jepa bench physics intphys2-main --data ~/data/IntPhys2 --predictor ~/models/vjepa2-vitl-fpc64-256
    """
    _run("physics", dataset, model, data, limit, cache, results, json=json, predictor=predictor)


# Tasks whose commands have no options of their own: help text and example.
PLAIN_TASKS = {
    "classification": (
        "Open-vocabulary classification: choose the label text nearest to the clip.",
        "jepa bench classification kinetics400 --data ~/data/k400",
    ),
    "questions": (
        "Visual question answering: choose the nearest answer; with baselines that do not see the picture.",
        "jepa bench questions pope --data ~/data/pope",
    ),
    "world-prediction": (
        "World prediction: choose the action that leads from the first state to the last.",
        "jepa bench world-prediction worldprediction-wm --data ~/data/worldprediction",
    ),
    "anticipation": (
        "Action anticipation: choose the action that comes next.",
        "jepa bench anticipation epic100-anticipation --data ~/data/epic100",
    ),
    "captioning": (
        "Captioning with the Y-Decoder: CIDEr against the reference captions.",
        "jepa bench captioning msrvtt-full --data ~/data/MSRVTT",
    ),
    "anomaly": (
        "Anomalies: which frames of a scene's videos differ from what its normal videos lead one to expect.",
        "jepa bench anomaly ucsd-ped2 --data ~/data/ucsd-ped2",
    ),
    "planning": (
        "Planning: choose the clip, or the order of clips, that leads from one picture to another.",
        "jepa bench planning panda70m-order --data ~/data/panda70m",
    ),
    "selective-decoding": (
        "Selective decoding: how many fewer decodes it needs than decoding at a fixed rate.",
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
    """List the data sets with their tasks and sources.

    \b
    Examples:
      jepa bench list
    """
    from benchmarks.datasets.registry import ENTRIES

    if json:
        rows = [{"task": entry.task, "dataset": entry.name, "source": entry.source} for entry in ENTRIES]
        console.result_json(rows)
    else:
        for entry in ENTRIES:
            console.row(entry.task, entry.name, entry.source)


@app.command("table")
def table_command(results: ResultsOption = RESULTS, json: JsonOption = False) -> None:
    """Print all results as a Markdown table, next to the figures of the paper.

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
    predictor: Path | None = None,
) -> None:
    from benchmarks.published.runner import Settings, report, run

    progress = ProgressLines() if console.show_progress() else None
    settings = Settings(chosen_model(model), data, limit, cache, results, variant, predictor=predictor)
    document = run(task, dataset, settings, on_progress=progress)
    if json:
        console.result_json(document)
    else:
        console.results(report(document))
    console.note(f"Wrote {document['path']}")
    _warn_of_failures(document)


def _warn_of_failures(document: dict[str, Any]) -> None:
    """Warn about files that could not be read and are missing from the figures."""
    for path, reason in document["unreadable"].items():
        console.warning(f"{path}: {reason}")
    if document["unreadable"]:
        raise typer.Exit(1)


class ProgressLines:
    """Prints a line to standard error every few seconds."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, activity: str, done: int, total: int) -> None:
        """Print a line, unless the last one was printed just now."""
        if time.monotonic() - self._last > MIN_SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            console.note(f"{activity}: {done:,}/{total:,}")
