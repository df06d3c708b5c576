"""Embeddings in the request forms of OpenAI, infinity, Jina and vLLM, and OpenAI's answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from jepa_retrieval.serving.schemas.common import Received, Text
from jepa_retrieval.serving.schemas.search import MAX_DATA_URL, PICTURE

MAX_INPUTS = 2048

DataUrl = Annotated[str, Field(max_length=MAX_DATA_URL)]


class TextInput(Received):
    """A text, in Jina's form."""

    text: Text


class ImageInput(Received):
    """A picture, in Jina's form: a data URL, or its base64 alone."""

    image: DataUrl


class ImageUrl(BaseModel):
    """The address of a picture: a data URL."""

    url: DataUrl


class Part(BaseModel):
    """A part of a message, in vLLM's form."""

    type: Literal["text", "image_url"]
    text: Text | None = None
    image_url: ImageUrl | None = None

    @model_validator(mode="after")
    def _what_its_type_says(self) -> Part:
        if (self.text is None) == (self.image_url is None) or getattr(self, self.type) is None:
            raise ValueError(f"a part of the type {self.type} has {self.type}, and nothing else")
        return self


class Message(BaseModel):
    """A message, in vLLM's form. Each of its parts is embedded by itself."""

    role: Literal["user"] = "user"
    content: Text | Annotated[list[Part], Field(min_length=1, max_length=MAX_INPUTS)]


OneInput = Annotated[str, Field(min_length=1, max_length=MAX_DATA_URL)]
Inputs = Annotated[list[OneInput | TextInput | ImageInput], Field(min_length=1, max_length=MAX_INPUTS)]


class EmbeddingsRequest(BaseModel):
    """Texts and pictures. What other servers take besides is ignored: `user`, `task`, `truncate`, `normalized`."""

    model: str | None = Field(default=None, max_length=1000, description="A model of the served indexes.")
    input: OneInput | Inputs | None = Field(default=None, description="What to embed; or `messages`.")
    messages: Annotated[list[Message], Field(min_length=1, max_length=MAX_INPUTS)] | None = None
    modality: Literal["text", "image"] = Field(
        default="text", description="infinity: `image` if the inputs are data URLs of pictures."
    )
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(default=None, ge=1, description="Must be the model's own.")

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={"examples": [{"input": ["a dog", "a cat"]}, {"input": [{"image": PICTURE}]}]},
    )


class Embedding(BaseModel):
    """One embedding, of unit length."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str = Field(description="Numbers, or base64 of them as little-endian float32.")


class Usage(BaseModel):
    """What it took."""

    prompt_tokens: int = Field(description="Tokens of the texts.")
    total_tokens: int


class Embeddings(BaseModel):
    """The embeddings, in the order of the inputs."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: Usage


class ModelItem(BaseModel):
    """A model, in OpenAI's form."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "jepa-retrieval"


class ModelList(BaseModel):
    """The models of the served indexes."""

    object: Literal["list"] = "list"
    data: list[ModelItem]
