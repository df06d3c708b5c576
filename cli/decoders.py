"""The model, the Y-Decoder and the voice that commands with sentences share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jepa_retrieval.errors import ModelError

if TYPE_CHECKING:
    from jepa_retrieval.models.parts import Model, YDecoder
    from jepa_retrieval.tasks.watching.narrator import Narrator

ModelOption = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="The model: $JEPA_MODEL, or nano; see 'jepa models list'."),
]
SentencesOption = Annotated[
    Path | None,
    typer.Option(
        "--sentences",
        metavar="FILE",
        help="Say the nearest of these sentences, one a line, instead of letting the model find words.",
    ),
]
VoiceOption = Annotated[
    Path | None,
    typer.Option(
        "--voice",
        metavar="MODEL.gguf",
        help="Let this language model retell the sentences; needs the extra 'voice'.",
    ),
]


def open_voice(path: Path | None) -> Narrator | None:
    """The language model that retells sentences, if one is wanted; without importing its runtime otherwise."""
    if path is None:
        return None
    from jepa_retrieval.tasks.watching.narrator import Narrator

    return Narrator(path)


def open_decoder(model_name: str | None, sentences: Path | None) -> tuple[Model, YDecoder]:
    """The model, and what turns its embeddings into sentences."""
    from jepa_retrieval.library import DEFAULT_MODEL
    from jepa_retrieval.models import load_model

    model = load_model(model_name or os.environ.get("JEPA_MODEL") or DEFAULT_MODEL)
    if sentences is not None:
        from jepa_retrieval.models.retrieval_decoder import CaptionBank, RetrievalDecoder

        return model, RetrievalDecoder(CaptionBank.read(sentences, model))
    decoder = model.y_decoder
    if decoder is None:
        raise ModelError(f"{model.name} has no Y-Decoder: name a file of sentences with --sentences")
    return model, decoder
