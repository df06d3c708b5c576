"""What several resources share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from jepa_retrieval.serving.ids import MAX_ID

MAX_TEXT = 2000  # characters
MAX_FILTER = 4000  # characters
MAX_SECONDS = 1e9


class Received(BaseModel):
    """A body that a client sends: unknown fields are errors, so that a misspelt one is not ignored.

    Values must be of the type that is stated: `true` is no number, and "5" is none either.
    """

    model_config = ConfigDict(extra="forbid", strict=True)


def _no_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("must not contain NUL")
    return text


Id = Annotated[int, Field(ge=0, le=MAX_ID)]
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT), AfterValidator(_no_nul)]
Seconds = Annotated[float, Field(ge=0, le=MAX_SECONDS, allow_inf_nan=False)]
Filter = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_FILTER,
        description="SQL condition over columns such as kind, duration, path, width, mtime, start and end.",
        examples=["duration > 60 and path like '%/2024/%'"],
    ),
    AfterValidator(_no_nul),
]
IndexNames = Annotated[
    list[Annotated[str, Field(max_length=1000)]],
    Field(
        min_length=1,
        max_length=100,
        description="Names of indexes, as /v1/indexes gives them; all without this.",
    ),
]
Cursor = Annotated[
    str,
    Field(max_length=500, description="`next_cursor` of the page before; the other fields must be the same."),
]


def example(*values: dict[str, Any]) -> ConfigDict:
    """A model's configuration with examples, for bodies that clients send."""
    return ConfigDict(extra="forbid", json_schema_extra={"examples": list(values)})
