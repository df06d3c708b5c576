"""What is surprising in a video, and what may come next."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, model_validator

from jepa_retrieval.serving.schemas.common import Filter, Id, Received, Seconds, example
from jepa_retrieval.serving.schemas.tasks import Choice, Names

MAX_HORIZONS = 20

Horizons = Annotated[
    list[Annotated[float, Field(gt=0, le=3600)]], Field(min_length=1, max_length=MAX_HORIZONS)
]

Warnings = Annotated[
    list[str], Field(description="Of a file: damage that was passed over, such as a packet that is damaged.")
]


class SurpriseRequest(Received):
    """In a file, which is decoded for it; or over an index, from what is stored."""

    media_id: Id | None = None
    index: str | None = Field(
        default=None, max_length=1000, description="Without `media_id`: needed if there are several."
    )
    filter: Filter | None = Field(default=None, description="Without `media_id`: only these clips.")
    top_k: int = Field(default=10, ge=1, le=200)
    min_z: float = Field(default=3.0, ge=0, le=100, description="Only with this robust z-score or more.")

    model_config = example({"media_id": 4, "top_k": 5})

    @model_validator(mode="after")
    def _one_place(self) -> SurpriseRequest:
        if self.media_id is not None and (self.index is not None or self.filter is not None):
            raise ValueError("index and filter cannot be given with media_id")
        return self


class SurpriseItem(BaseModel):
    """An interval that was not foreseen."""

    media_id: int
    clip_id: int | None
    path: str
    start: float
    end: float
    z: float = Field(description="Robust z-score of its most surprising window.")


class SurpriseAnswer(BaseModel):
    """What was not foreseen, the greatest surprise first."""

    data: list[SurpriseItem]
    curve: list[tuple[float, float | None]] | None = Field(
        description="Of a file: start of each window, and its z; null where nothing was predicted."
    )
    cuts: list[float] | None = Field(description="Of a file: where shots begin, seconds.")
    partial: str | None = Field(
        default=None, description="Of a file: what could not be read; null if all was."
    )
    warnings: Warnings = []


class AnticipateRequest(Received):
    """What may come after a time in a video."""

    media_id: Id
    at: Seconds | None = Field(
        default=None, description="Only what is before is looked at; the end by default."
    )
    horizons: Horizons = Field(default=[1.0, 2.0, 4.0, 10.0], description="Seconds after `at`.")
    labels: Names | None = None
    top_k: int = Field(default=3, ge=1, le=100)

    model_config = example({"media_id": 4, "at": 6.0, "horizons": [2.0, 4.0]})


class ForeseenMoment(BaseModel):
    """A moment of the same index that resembles what was foreseen."""

    media_id: int
    path: str
    start: float | None
    end: float | None
    score: float


class HorizonItem(BaseModel):
    """What was foreseen for one time."""

    seconds: float = Field(description="After the last window that was seen.")
    labels: list[Choice]
    moments: list[ForeseenMoment]
    text: str | None = Field(description="A sentence; null if the model has no Y-Decoder.")
    confidence: float = Field(description="0 is no better than a window of another video.")


class Anticipation(BaseModel):
    """What a video leads one to expect."""

    at: float = Field(description="End of the last window that was seen, seconds.")
    horizons: list[HorizonItem]
    partial: str | None = Field(default=None, description="What could not be read; null if all was.")
    warnings: Warnings = []
