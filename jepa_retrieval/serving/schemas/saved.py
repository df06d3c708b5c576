"""Saved searches and their alerts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

from jepa_retrieval.serving.schemas.common import Filter, IndexNames, Received, example
from jepa_retrieval.serving.schemas.search import Hit, TextOrTerms, terms_of
from jepa_retrieval.tasks.searching.words import has_quotes

MAX_NAME = 200  # characters


class SavedSearchRequest(Received):
    """A search to keep: its fields are those of a search."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    query: TextOrTerms
    filter: Filter | None = None
    group_by: Literal["moment", "file"] = "moment"
    min_confidence: float = Field(
        default=0.0, ge=0, le=1, description="Of hits; an alert needs at least 0.5 if this is 0."
    )
    indexes: IndexNames | None = None
    alert: bool = Field(default=False, description="Tell when something new that is indexed fits.")

    model_config = example({"name": "dogs", "query": "a dog", "min_confidence": 0.5, "alert": True})


class SavedSearch(SavedSearchRequest):
    """A search that is kept."""

    id: str
    created: str = Field(description="UTC, ISO 8601.")

    model_config = ConfigDict(extra="ignore")

    @computed_field(description="Whether watched streams are looked at for it, too.")  # type: ignore[prop-decorator]
    @property
    def on_streams(self) -> bool:
        """Only texts can be compared with a stream: it has no columns for a filter, and belongs to no index.

        Nor does it have words, which is what quotes ask for.
        """
        of_texts = all(term.text is not None and not has_quotes(term.text) for term in terms_of(self.query))
        return of_texts and self.filter is None and self.indexes is None


class SavedSearches(BaseModel):
    """All searches that are kept, in the order in which they were saved."""

    data: list[SavedSearch]


class Sighting(BaseModel):
    """A window of a watched stream that fits a saved search."""

    stream: str = Field(description="The name of the stream, as /v1/streams gives it.")
    start: float = Field(description="Seconds since the server last began to watch it.")
    end: float
    confidence: float
    picture_url: str | None = Field(description="A small JPEG of what was seen.")


class StreamItem(BaseModel):
    """A stream that the server watches."""

    name: str = Field(description="Its address without passwords and parameters; of a file its name.")
    state: Literal["starting", "running", "lost", "ended", "failed"]
    detail: str | None = Field(description="Why it is lost or failed.")


class Streams(BaseModel):
    """The streams that the server was started with."""

    data: list[StreamItem]


class Alert(BaseModel):
    """A new moment that fits a saved search: in an indexed file, or in a watched stream."""

    number: int = Field(description="Greater than that of every earlier alert, also from before a restart.")
    search_id: str
    search_name: str
    time: str = Field(description="UTC, ISO 8601.")
    hit: Hit | None = Field(description="In an indexed file.")
    sighting: Sighting | None = Field(description="In a watched stream.")


class AlertPage(BaseModel):
    """Alerts, the newest first."""

    data: list[Alert]
