"""Moments for other programs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from jepa_retrieval.serving.schemas.common import Id, Received, Seconds, Text, example

MAX_MOMENTS = 1000


class ChosenMoment(Received):
    """A clip, or an interval of a file."""

    clip_id: Id | None = Field(
        default=None, description="The `id` of a hit; with `start` and `end`, as they say."
    )
    media_id: Id | None = None
    start: Seconds | None = None
    end: Seconds | None = None
    label: Text | None = Field(default=None, description="What it shows.")
    score: float | None = Field(default=None, ge=-1, le=1)
    confidence: float | None = Field(default=None, ge=0, le=1)

    @model_validator(mode="after")
    def _one_source(self) -> ChosenMoment:
        if (self.clip_id is None) == (self.media_id is None):
            raise ValueError("give either clip_id or media_id")
        if self.end is not None and self.end <= (self.start or 0):
            raise ValueError("end must be after start")
        return self


class ExportRequest(Received):
    """Which moments, in their order, and in which format."""

    format: Literal["edl", "otio", "fcpxml", "vtt", "csv", "zip"]
    moments: Annotated[list[ChosenMoment], Field(min_length=1, max_length=MAX_MOMENTS)]
    title: Text = "moments"

    model_config = example(
        {"format": "csv", "title": "a dog", "moments": [{"media_id": 0, "start": 0, "end": 2.5}]}
    )
