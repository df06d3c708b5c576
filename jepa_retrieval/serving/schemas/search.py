"""Queries and hits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from indexes.records import MediaKind
from jepa_retrieval.serving.forms import TERMS_FORM, TEXT_FORM
from jepa_retrieval.serving.schemas.common import (
    Cursor,
    Filter,
    Id,
    IndexNames,
    Received,
    Seconds,
    Text,
    example,
)
from jepa_retrieval.tasks.searching.options import Sense

MAX_TERMS = 32
MAX_TOP = 200
MAX_REACH = 2000  # hits that can be reached with cursors
MAX_DATA_URL = 36 * 2**20  # characters

PICTURE = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)


class Term(Received):
    """One part of a query: exactly one of `text`, `image_url`, `clip_id` and `media_id`."""

    text: Text | None = None
    image_url: Annotated[str, Field(max_length=MAX_DATA_URL)] | None = Field(
        default=None, description="A picture as a data URL; nothing is fetched."
    )
    clip_id: Id | None = Field(
        default=None, description="The `id` of a hit: more like this, or less with a negative weight."
    )
    media_id: Id | None = Field(default=None, description="A file, from `start` to `end`.")
    start: Seconds | None = None
    end: Seconds | None = None
    weight: float = Field(
        default=1.0, ge=-100, le=100, allow_inf_nan=False, description="Negative leads away from it."
    )

    model_config = example({"text": "a dog"}, {"clip_id": 7, "weight": -0.5})

    @model_validator(mode="after")
    def _one_source(self) -> Term:
        given = [
            name for name in ("text", "image_url", "clip_id", "media_id") if getattr(self, name) is not None
        ]
        if len(given) != 1:
            raise ValueError("give exactly one of text, image_url, clip_id and media_id")
        if self.media_id is None and (self.start is not None or self.end is not None):
            raise ValueError("start and end need media_id")
        if self.end is not None and self.end <= (self.start or 0):
            raise ValueError("end must be after start")
        if self.weight == 0:
            raise ValueError("weight must not be 0")
        return self


Terms = Annotated[list[Term], Field(min_length=1, max_length=MAX_TERMS)]
TextOrTerms = Annotated[
    Annotated[Text, Tag(TEXT_FORM)] | Annotated[Terms, Tag(TERMS_FORM)],
    Discriminator(lambda value: TERMS_FORM if isinstance(value, list) else TEXT_FORM),
]


def terms_of(query: str | list[Term]) -> list[Term]:
    """A query as terms: a text is one."""
    return [Term(text=query)] if isinstance(query, str) else query


class SearchRequest(Received):
    """What to look for, and where."""

    query: TextOrTerms = Field(description="A text, or terms that are added up.")
    filter: Filter | None = None
    top_k: int = Field(default=20, ge=1, le=MAX_TOP, description="Hits on a page.")
    group_by: Literal["moment", "file"] = Field(
        default="moment", description="`file`: only the best moment of each file."
    )
    min_confidence: float = Field(default=0.0, ge=0, le=1, description="Leave out less likely hits.")
    within: Annotated[list[Sense], Field(min_length=1, max_length=3)] | None = Field(
        default=None, description="What to search: pictures, speech, writing. null: all that an index has."
    )
    indexes: IndexNames | None = None
    cursor: Cursor | None = None

    model_config = example(
        {"query": "a dog on the beach", "top_k": 5},
        {
            "query": [{"text": "a dog", "weight": 1}, {"image_url": PICTURE, "weight": 0.5}],
            "filter": "duration > 60",
            "group_by": "file",
            "min_confidence": 0.3,
        },
    )


class Hit(BaseModel):
    """A moment that was found."""

    id: int = Field(description="The number of its best clip: what `clip_id` of a query takes.")
    media_id: int
    index: str = Field(description="The name of its index.")
    path: str = Field(description="Relative to the indexed folder.")
    kind: MediaKind
    start: float | None = Field(description="Seconds; null for photographs.")
    end: float | None
    score: float = Field(description="Similarity, -1 to 1; comparable within one answer.")
    confidence: float | None = Field(
        description="How likely it is what was looked for; null in tiny indexes."
    )
    rank: int = Field(description="From 1, over all pages.")
    caption: str | None = Field(description="A sentence, if the index keeps captions.")
    found_by: list[Sense] = Field(description="What the query was found in.")
    by_meaning: list[Sense] = Field(description="Of these, where its meaning was found in other words.")
    said: str | None = Field(description="The line that answers the query, if one does.")
    written: str | None = Field(description="The lines in the picture that answer it, if some do.")
    offline: bool = Field(
        description="Whether the file is not there now, as on a disk that is not plugged in."
    )
    thumbnail_url: str | None = Field(description="null for files with sound only.")


class SearchResponse(BaseModel):
    """One page of hits, best first."""

    data: list[Hit]
    next_cursor: str | None = Field(description="For the next page; null on the last one.")
    index_version: str = Field(
        description="Changes with every commit to one of the indexes that were searched."
    )
    elapsed_ms: float
    warnings: list[str] = Field(description="Why the hits may mean little, one sentence each.")
    verdict: str | None = Field(
        description="On the first page: a sentence, if what was looked for is probably not there."
    )
    likely: int = Field(
        description="How many of `data` there are up to the last likely one; the rest is probably something else."
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "data": [
                        {
                            "id": 173,
                            "media_id": 3,
                            "index": "Videos",
                            "path": "trip/a.mp4",
                            "kind": "video",
                            "start": 12.0,
                            "end": 16.5,
                            "score": 0.41,
                            "confidence": 0.97,
                            "rank": 1,
                            "caption": None,
                            "found_by": ["seen"],
                            "by_meaning": [],
                            "said": None,
                            "written": None,
                            "offline": False,
                            "thumbnail_url": "/v1/media/3/thumbnail?t=14.25",
                        }
                    ],
                    "next_cursor": None,
                    "index_version": "5c1f0a9e.12",
                    "elapsed_ms": 8.1,
                    "warnings": [],
                    "verdict": None,
                    "likely": 1,
                }
            ]
        }
    )


class ScoresRequest(Received):
    """What to compare each window of a file with."""

    query: TextOrTerms
    max_points: int = Field(
        default=2000, ge=1, le=20_000, description="Neighbouring windows are joined until no more are left."
    )

    model_config = example({"query": [{"text": "a dog"}, {"clip_id": 7, "weight": -0.5}]})


class Scores(BaseModel):
    """How well each window of a file fits a query, in order of time."""

    media_id: int
    start: list[float | None] = Field(
        description="Seconds; one entry for each window, [null] for photographs."
    )
    end: list[float | None]
    score: list[float] = Field(description="Similarity, -1 to 1; the highest where windows were joined.")
    background: float = Field(description="The mean score of this query over the index.")
    hits: list[Hit] = Field(description="The moments of this file, best first.")
    index_version: str
    warnings: list[str]
