"""Loads the model, the Y-Decoder and the narrator for commands that print sentences."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.fetching import chosen_model
from jepa_retrieval.errors import ModelError

if TYPE_CHECKING:
    from jepa_retrieval.models.parts import Model, YDecoder
    from jepa_retrieval.tasks.watching.narrator import Narrator


def open_narrator(path: Path | None) -> Narrator | None:
    """The language model that rephrases sentences, or None. Its runtime is imported only if it is used."""
    if path is None:
        return None
    from jepa_retrieval.tasks.watching.narrator import Narrator

    return Narrator(path)


def open_decoder(model_name: str | None, sentences: Path | None) -> tuple[Model, YDecoder]:
    """The model, and the decoder that turns its embeddings into sentences."""
    from jepa_retrieval.models import load_model

    model = load_model(chosen_model(model_name))
    if sentences is not None:
        from jepa_retrieval.models.retrieval_decoder import CaptionBank, RetrievalDecoder

        return model, RetrievalDecoder(CaptionBank.read(sentences, model))
    decoder = model.y_decoder
    if decoder is None:
        raise ModelError(f"{model.name} has no Y-Decoder: give a file of sentences with --sentences")
    return model, decoder
