"""Saved searches and their alerts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from jepa_retrieval.serving.schemas.common import Filter, IndexNames, Received, example
from jepa_retrieval.serving.schemas.search import Hit, TextOrTerms

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


class SavedSearches(BaseModel):
    """All searches that are kept, in the order in which they were saved."""

    data: list[SavedSearch]


class Alert(BaseModel):
    """A new moment that fits a saved search."""

    number: int = Field(description="Counts all alerts since the server was started.")
    search_id: str
    search_name: str
    time: str = Field(description="UTC, ISO 8601.")
    hit: Hit


class Alerts(BaseModel):
    """Alerts, the newest first."""

    data: list[Alert]
