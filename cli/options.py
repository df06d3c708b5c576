"""Options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cli.completion import model_names, one_of
from cli.paths import parse_path

Per = Literal["clip", "moment", "file"]


def file_option(about: str, *, metavar: str = "FILE") -> Any:
    """An option whose value is a file."""
    return typer.Option(metavar=metavar, help=about, parser=parse_path)


def top_option(about: str) -> Any:
    """`--top N`."""
    return typer.Option("--top", "-t", min=1, metavar="N", help=about)


def text_option(about: str) -> Any:
    """An option whose value is a text, or several if it may be repeated."""
    return typer.Option(metavar="TEXT", help=about)


def indexes_option(about: str) -> Any:
    """`--index DIR`, given once or several times."""
    return typer.Option(
        "--index",
        metavar="DIR",
        parser=parse_path,
        help=f"{about} Repeatable. Default: $JEPA_INDEX, else the nearest .jepa upwards.",
    )


def parse_place(text: str) -> Path | str:
    """A folder as a path, the address of a published index as it is."""
    from indexes.milvus.address import is_address

    return text if is_address(text) else parse_path(text)


PlacesOption = Annotated[
    list[Any] | None,  # Path, or str for an address
    typer.Option(
        "--index",
        metavar="DIR",
        parser=parse_place,
        help="An index to search, or the address of a published one, such as milvus+http://HOST:19530. Repeatable. "
        "Default: $JEPA_INDEX, else the nearest .jepa upwards.",
    ),
]


def _index_option(about: str) -> Any:
    return typer.Option("--index", envvar="JEPA_INDEX", metavar="DIR", parser=parse_path, help=about)


IndexOption = Annotated[
    Path | None,
    _index_option("The index to use. Default: the nearest .jepa at or above the working directory."),
]
FileIndexOption = Annotated[
    Path | None,
    _index_option(
        "The index to use. Default: the nearest .jepa at or above the working directory, else at or above FILE; one "
        "that is damaged is passed over with a warning."
    ),
]
PathsIndexOption = Annotated[
    Path | None,
    _index_option(
        "The index to use. Default: the nearest .jepa at or above the first PATH; one that is damaged is passed over "
        "with a warning. Without a PATH: at or above the working directory."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print results as JSON.")]
WhereOption = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="SQL",
        help="Use only media that match this condition, such as \"duration > 60 and path like '%/2024/%'\".",
    ),
]
DecoderOption = Annotated[
    str,
    typer.Option(
        "--decoder",
        metavar="auto|pyav|decord|torchcodec|nvdec",
        autocompletion=one_of("auto", "pyav", "decord", "torchcodec", "nvdec"),
        help="Library that decodes videos; all give the same frames. nvdec: TorchCodec on the model's GPU. "
        "auto: $JEPA_DECODER, else PyAV.",
    ),
]


def _use_device(context: typer.Context, device: str) -> str:
    """Have every model that the command loads, in several places, run on the device."""
    from jepa_retrieval.models.runtime.device import VARIABLE, wanted_device

    wanted_device(device)
    if device != "auto":
        before = os.environ.get(VARIABLE, "")
        os.environ[VARIABLE] = device
        context.call_on_close(lambda: os.environ.update({VARIABLE: before}))
    return device


# What it does is done when the options are parsed; commands need not look at its value.
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda",
        autocompletion=one_of("auto", "cpu", "cuda"),
        callback=_use_device,
        help="Where the model runs. auto: $JEPA_DEVICE, else a CUDA GPU if PyTorch can use one, else the CPU.",
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        autocompletion=model_names,
        help="The model. Default: $JEPA_MODEL, else nano; see 'jepa models list'.",
    ),
]
MediaModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        autocompletion=model_names,
        help="The model for files that are not indexed. Default: the index's, else $JEPA_MODEL, else nano.",
    ),
]
PerOption = Annotated[
    Per | None,
    typer.Option(
        "--per",
        metavar="clip|moment|file",
        help="What each line describes; a moment joins neighbouring clips with the same answer.",
    ),
]
SentencesOption = Annotated[
    Path | None,
    typer.Option(
        "--sentences",
        metavar="FILE",
        parser=parse_path,
        help="Choose the nearest sentence from this file, one per line, instead of generating one.",
    ),
]
DynamicsOption = Annotated[
    Path | None,
    typer.Option(
        "--dynamics",
        metavar="FILE",
        parser=parse_path,
        help="Predict states with this result of 'jepa train dynamics'. Default: the index's own, else the model's.",
    ),
]


def voice_option(about: str) -> Any:
    """`--voice MODEL.gguf`, with what the language model is used for."""
    return typer.Option(
        "--voice", metavar="MODEL.gguf", parser=parse_path, help=f"{about}; needs the extra 'voice'."
    )
