"""Jobs."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from jepa_retrieval.serving.schemas.common import Received, example

JobKind = Literal["index", "optimize"]
JobState = Literal["waiting", "running", "done", "failed", "cancelled"]


class IndexJobRequest(Received):
    """Which index to bring up to date with its folder."""

    index: str | None = Field(
        default=None, max_length=1000, description="Its name; needed if there are several."
    )
    retry_failed: bool = Field(default=False, description="Try files again that failed before.")
    captions: bool | None = Field(
        default=None, description="Keep a sentence for each clip; as before by default."
    )

    speech: bool | None = Field(
        default=None, description="Keep what is said in each file; as before by default."
    )
    writing: bool | None = Field(
        default=None, description="Keep what is written in pictures; as before by default."
    )

    model_config = example({}, {"index": "Videos", "retry_failed": True}, {"speech": True, "writing": True})


class OptimizeJobRequest(Received):
    """Which index to make smaller and faster."""

    index: str | None = Field(
        default=None, max_length=1000, description="Its name; needed if there are several."
    )

    model_config = example({})


class JobItem(BaseModel):
    """A job, and how far it is."""

    id: str
    kind: JobKind
    index: str
    state: JobState
    created: str = Field(description="UTC, ISO 8601.")
    ended: str | None
    progress: dict[str, Any] | None = Field(
        description="Of indexing: files_done, files_total, media_seconds, clips, failed, current, elapsed."
    )
    result: dict[str, Any] | None = Field(description="What was done, at the end.")
    error: str | None = Field(description="Why it failed, in one sentence.")
    events_url: str


class JobList(BaseModel):
    """The jobs since the server was started, the newest first."""

    data: list[JobItem]
