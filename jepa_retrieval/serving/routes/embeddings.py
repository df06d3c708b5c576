"""`POST /v1/embeddings` and `GET /v1/models`: texts and pictures as vectors of one space."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import anyio.to_thread
import numpy as np
from fastapi import APIRouter

from jepa_retrieval.models.runtime.model import RuntimeModel
from jepa_retrieval.serving.problems import ProblemError, responses
from jepa_retrieval.serving.schemas.common import MAX_TEXT
from jepa_retrieval.serving.schemas.embeddings import (
    Embedding,
    Embeddings,
    EmbeddingsRequest,
    ImageInput,
    Message,
    ModelItem,
    ModelList,
    Part,
    TextInput,
    Usage,
)
from jepa_retrieval.serving.services import Services, Using
from jepa_retrieval.serving.uploads import picture_of

router = APIRouter(tags=["embeddings"])

MAX_PICTURES = 16  # of one request


@dataclass(frozen=True, slots=True)
class _Input:
    """A text, or the data URL of a picture."""

    value: str
    is_picture: bool


@router.post("/v1/embeddings", responses=responses(404, 408, 413))
async def post_embeddings(body: EmbeddingsRequest, using: Using) -> Embeddings:
    """Embed texts and pictures; takes the request forms of OpenAI, infinity, Jina and vLLM."""
    model = _model(body.model, using)
    if body.dimensions not in (None, model.embedding_size):
        raise ProblemError(422, f"dimensions must be {model.embedding_size}, the model's own")
    inputs = _inputs(body)
    if sum(one.is_picture for one in inputs) > MAX_PICTURES:
        raise ProblemError(422, f"at most {MAX_PICTURES} pictures are embedded by one request")
    vectors, tokens = await anyio.to_thread.run_sync(_embed, inputs, model, using, limiter=using.heavy)
    as_text = body.encoding_format == "base64"
    return Embeddings(
        data=[
            Embedding(index=at, embedding=_base64(vector) if as_text else vector.tolist())
            for at, vector in enumerate(vectors)
        ],
        model=model.name,
        usage=Usage(prompt_tokens=tokens, total_tokens=tokens),
    )


@router.get("/v1/models", responses=responses())
async def list_models(using: Using) -> ModelList:
    """The models of the served indexes."""
    names = dict.fromkeys(commit.model.name for commit in using.indexes.commits())
    return ModelList(data=[ModelItem(id=name) for name in names])


def _model(name: str | None, using: Services) -> RuntimeModel:
    models = {commit.model.name: commit.model for commit in using.indexes.commits()}
    if name is None:
        return next(iter(models.values()))
    if name not in models:
        raise ProblemError(404, f"there is no model {name!r}; models are {', '.join(models)}")
    return models[name]


def _inputs(body: EmbeddingsRequest) -> list[_Input]:
    if (body.input is None) == (body.messages is None):
        raise ProblemError(422, "give either input or messages")
    if body.messages is not None:
        return [one for message in body.messages for one in _of_message(message)]
    given = [body.input] if isinstance(body.input, str) else body.input or []
    return [_of_input(one, is_picture=body.modality == "image") for one in given]


def _of_input(given: str | TextInput | ImageInput, *, is_picture: bool) -> _Input:
    if isinstance(given, ImageInput):
        plain = given.image
        return _Input(plain if plain.startswith(("data:", "http")) else f"data:;base64,{plain}", True)
    text = given.text if isinstance(given, TextInput) else given
    return _Input(text if is_picture else _checked(text), is_picture and isinstance(given, str))


def _of_message(message: Message) -> list[_Input]:
    if isinstance(message.content, str):
        return [_Input(message.content, False)]
    return [_of_part(part) for part in message.content]


def _of_part(part: Part) -> _Input:
    picture = None if part.image_url is None else part.image_url.url
    value = part.text if part.type == "text" else picture
    assert value is not None  # the schema has checked it
    return _Input(value, part.type == "image_url")


def _checked(text: str) -> str:
    if len(text) > MAX_TEXT or "\0" in text or not text.strip():
        raise ProblemError(
            422, f"a text must have 1 to {MAX_TEXT} characters, none of them NUL, and not be blank"
        )
    return text


def _embed(inputs: list[_Input], model: RuntimeModel, using: Services) -> tuple[np.ndarray, int]:
    """Float32 [inputs, E], and how many tokens the texts are."""
    vectors = np.zeros((len(inputs), model.embedding_size), np.float32)
    texts = [at for at, one in enumerate(inputs) if not one.is_picture]
    words = [inputs[at].value for at in texts]
    if texts:
        vectors[texts] = model.y_encoder.encode(words)
    for at, one in enumerate(inputs):
        if one.is_picture:
            vectors[at] = using.pictures.embed(picture_of(one.value), model)
    return vectors, model.y_encoder.count_tokens(words)


def _base64(vector: np.ndarray) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
