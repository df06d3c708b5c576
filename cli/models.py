"""`jepa models`: list, show, fetch and import models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import console
from cli.completion import model_names
from cli.help import App
from cli.options import JsonOption, file_option
from cli.paths import parse_path, require_file

app = App(help="List, show, download and import models.")


@app.command("list")
def list_command(json: JsonOption = False) -> None:
    """List the models with names of their own, and a choice of open_clip models from small to large.

    Every model of open_clip works as open_clip:ARCHITECTURE/TAG, and every model folder as local:FOLDER. The scores
    of open_clip models are zero-shot, as open_clip publishes them.

    \b
    Examples:
      jepa models list
    """
    from jepa_retrieval.models import list_models

    models = list_models()
    if json:
        console.result_json([asdict(model) for model in models])
    else:
        for model in models:
            console.row(model.name, model.state, model.description)


@app.command("fetch")
def fetch_command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            autocompletion=model_names,
            help="A model, as for --model; or the config (JSON) that a training starts with.",
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Download without confirmation.")] = False,
    update: Annotated[
        bool,
        typer.Option("--update", help="Download the newest versions of files that are here already."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Download what a model needs from the Hugging Face hub, and nothing else.

    Files, sizes and licences are shown first. An interrupted download continues where it stopped. Repositories with
    restricted access need an account that has accepted their terms: 'hf auth login', or $HF_TOKEN.

    \b
    Examples:
      jepa models fetch open_clip:ViT-B-32-256/datacomp_s34b_b86k
      jepa models fetch open-vljepa --yes
    """
    from cli.fetching import confirm, fetch_progress
    from jepa_retrieval.models.registry import fetch_model

    fetched = fetch_model(name, update=update, on_plan=confirm(yes=yes), on_progress=fetch_progress())
    if json:
        console.result_json({"model": name, "fetched": fetched})
    else:
        console.result(f"{name}: {'ready' if fetched else 'everything is on this machine already'}")


@app.command("show")
def show_command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", autocompletion=model_names, help="The name of a model, as for --model."
        ),
    ],
    json: JsonOption = False,
) -> None:
    """Show the configuration of a model: its parts, their sizes and the sources of their weights.

    \b
    Examples:
      jepa models show nano
      jepa models show local:runs/mine --json
    """
    from jepa_retrieval.models.registry import model_config

    config = asdict(model_config(name))
    if json:
        console.result_json(config)
    else:
        console.results(console.columns(_flatten(config)))


@app.command("import")
def import_command(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", parser=parse_path, help="A checkpoint of Open-VLJEPA (best.pt).")
    ],
    to: Annotated[
        Path | None,
        file_option("The model folder to write. Default: PATH without its suffix.", metavar="FOLDER"),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Convert a checkpoint of Open-VLJEPA to a model folder.

    No code in the file is executed. Tensors that have no place in the model are listed as unused.

    \b
    Examples:
      jepa models import best.pt --to open-vljepa
      jepa index ~/Videos --model local:open-vljepa
    """
    from jepa_retrieval.models.importers.open_vljepa import import_open_vljepa

    require_file(path)
    folder = to or path.with_suffix("")
    report = import_open_vljepa(path, folder)
    if json:
        document = {"placed": report.placed, "unused": report.unused, "referenced": report.referenced}
        console.result_json({"model": f"local:{folder}", **document})
        return
    console.result(f"local:{folder}: {console.count(report.placed, 'tensor')} imported.")
    for name in report.unused:
        console.row("unused", name)
    for source in report.referenced:
        console.row("needs", source)


def _flatten(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as pairs of a dotted name and a value."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        elif isinstance(value, (list, tuple)) and any(isinstance(item, dict) for item in value):
            for number, item in enumerate(value):
                yield from _flatten(item, f"{prefix}{key}[{number}].")
        elif value is not None:
            yield f"{prefix}{key}", str(value) or "none"
