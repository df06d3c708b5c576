"""`jepa models`: which models there are, and what one is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import console
from cli.options import JsonOption
from jepa_retrieval.errors import UsageError

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help="The models that an index can be made with.",
)


@app.command("list")
def list_command(json: JsonOption = False) -> None:
    """List the models that 'jepa index --model' knows.

    \b
    Examples:
      jepa models list
    """
    from jepa_retrieval.models import list_models

    models = list_models()
    if json:
        console.result_json([asdict(model) for model in models])
    else:
        console.results(
            f"{model.name}\t{'ready' if model.ready else 'needs its weights'}\t{model.description}"
            for model in models
        )


@app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A listed name, or any that --model takes.")],
    json: JsonOption = False,
) -> None:
    """Show what a model is made of: its parts, their sizes, and where their weights come from.

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
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A checkpoint (best.pt) of Open-VLJEPA.")],
    to: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The model folder to write. [PATH without its ending]"),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Turn a checkpoint of Open-VLJEPA into a model.

    Nothing in the file is executed. Every tensor is placed, or named as unused.

    \b
    Examples:
      jepa models import best.pt --to open-vljepa
      jepa index ~/Videos --model local:open-vljepa
    """
    from jepa_retrieval.models.importers.open_vljepa import import_open_vljepa

    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    folder = to or path.with_suffix("")
    report = import_open_vljepa(path, folder)
    if json:
        document = {"placed": report.placed, "unused": report.unused, "referenced": report.referenced}
        console.result_json({"model": f"local:{folder}", **document})
        return
    console.result(
        f"local:{console.printable(str(folder))}: {console.count(report.placed, 'tensor')} placed."
    )
    console.results(f"unused\t{name}" for name in report.unused)
    console.results(f"needs\t{source}" for source in report.referenced)


def _flatten(settings: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as dotted names and values."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        elif isinstance(value, (list, tuple)) and any(isinstance(item, dict) for item in value):
            for number, item in enumerate(value):
                yield from _flatten(item, f"{prefix}{key}[{number}].")
        elif value is not None:
            yield f"{prefix}{key}", console.printable(str(value)) or "none"
