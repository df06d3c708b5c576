"""What the tools answer: less than the REST interface, for assistants read every word."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, Field

from jepa_retrieval.serving.schemas.media import IndexItem, MediaItem
from jepa_retrieval.serving.schemas.search import SearchResponse
from jepa_retrieval.serving.schemas.tasks import Chosen
from jepa_retrieval.tasks.searching.options import Sense


class FoundMoment(BaseModel):
    """A moment of a video, or a photograph."""

    clip_id: int
    media_id: int
    index: str
    path: str = Field(description="Relative to the indexed folder; media are named by media_id, not by path.")
    start: float | None = Field(description="Seconds; null for photographs.")
    end: float | None
    confidence: float | None = Field(description="How likely it is what was looked for, 0 to 1.")
    score: float
    caption: str | None
    said: str | None = Field(description="What is said there that answers the query.")
    written: str | None = Field(description="What is written in the picture that answers it.")
    by_meaning: list[Sense] = Field(
        description="Of said and written, which only mean what was looked for, in other words."
    )


class FoundMoments(BaseModel):
    """Moments, the best first."""

    moments: list[FoundMoment]
    next_cursor: str | None
    warnings: list[str]
    verdict: str | None = Field(description="A sentence, if what was looked for is probably not there.")

    @classmethod
    def of(cls, found: SearchResponse) -> FoundMoments:
        """From what the REST interface answers."""
        moments = [
            FoundMoment(clip_id=hit.id, **hit.model_dump(include=set(FoundMoment.model_fields) - {"clip_id"}))
            for hit in found.data
        ]
        return cls(
            moments=moments,
            next_cursor=found.next_cursor,
            warnings=found.warnings,
            verdict=found.verdict,
        )


class AnsweredMoment(BaseModel):
    """A moment, and the answers for it."""

    clip_id: int | None
    media_id: int
    path: str
    start: float | None
    end: float | None
    answers: dict[str, float] = Field(description="Answers and their probabilities, by the pictures alone.")
    said: str | None = Field(default=None, description="What is said in it, if that is known.")
    written: str | None = Field(default=None, description="What is written in it, if that is known.")


class AnsweredMoments(BaseModel):
    """Moments, the most likely first if an answer was asked for."""

    moments: list[AnsweredMoment]
    total: int
    warnings: list[str]

    @classmethod
    def of(cls, found: Chosen) -> AnsweredMoments:
        """From what the REST interface answers."""
        moments = [
            AnsweredMoment(
                clip_id=item.clip_id,
                media_id=item.media_id,
                path=item.path,
                start=item.start,
                end=item.end,
                answers={choice.name: choice.probability for choice in item.choices},
                said=item.said,
                written=item.written,
            )
            for item in found.data
        ]
        return cls(moments=moments, total=found.total, warnings=found.warnings)


class ListedFile(BaseModel):
    """A file of an index."""

    media_id: int
    index: str
    path: str
    kind: str
    state: str
    error: str | None
    duration: float | None
    modified: str


class ListedFiles(BaseModel):
    """A page of files."""

    files: list[ListedFile]
    next_cursor: str | None

    @classmethod
    def of(cls, items: Sequence[MediaItem], next_cursor: str | None) -> ListedFiles:
        """From what the REST interface answers."""
        files = [
            ListedFile(
                media_id=item.id, **item.model_dump(include=set(ListedFile.model_fields) - {"media_id"})
            )
            for item in items
        ]
        return cls(files=files, next_cursor=next_cursor)


class Status(BaseModel):
    """The indexes that can be searched."""

    indexes: list[IndexItem]
    may_start_indexing: bool
