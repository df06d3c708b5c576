"""`/v1/saved-searches`, `/v1/alerts` and `/v1/streams`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from jepa_retrieval.serving.alerts import Alerts
from jepa_retrieval.serving.problems import responses
from jepa_retrieval.serving.schemas.saved import (
    AlertPage,
    SavedSearch,
    SavedSearches,
    SavedSearchRequest,
    Streams,
)
from jepa_retrieval.serving.schemas.search import terms_of
from jepa_retrieval.serving.services import Using
from jepa_retrieval.tasks.searching.search import SearchOptions

router = APIRouter(tags=["saved searches"])

_JPEG: dict[str, Any] = {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}
_EVENTS = {
    "description": "Server-sent events.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


@router.get("/v1/saved-searches", responses=responses())
async def list_saved(using: Using) -> SavedSearches:
    """The searches that are kept."""
    return SavedSearches(data=using.saved.all())


@router.post("/v1/saved-searches", status_code=201, responses=responses(404, 408, 413))
async def save_search(body: SavedSearchRequest, using: Using) -> SavedSearch:
    """Keep a search; with `alert`, it is run over everything new that is indexed while the server runs.

    It is run once before: what no search takes is refused as a search refuses it.
    """
    options = SearchOptions(
        top=1, where=body.filter, per_file=body.group_by == "file", min_confidence=body.min_confidence
    )
    asked = await using.queries.read(terms_of(body.query), using.indexes.commits(body.indexes), options)
    await using.searcher.search(asked)
    return using.saved.add(body)


@router.delete(
    "/v1/saved-searches/{search_id}",
    status_code=204,
    response_class=Response,
    responses=responses(404, 408, 413),
)
async def delete_saved(search_id: Annotated[str, Path(max_length=64)], using: Using) -> Response:
    """Forget a search."""
    using.saved.remove(search_id)
    return Response(status_code=204)


@router.get("/v1/alerts", responses=responses())
async def list_alerts(using: Using) -> AlertPage:
    """The alerts since the server was started, the newest first; the last 1,000."""
    return AlertPage(data=using.alerts.all())


@router.get("/v1/alerts/events", response_class=EventSourceResponse, responses={**responses(), 200: _EVENTS})
async def get_alert_events(
    using: Using, last_event_id: Annotated[str | None, Header(max_length=20)] = None
) -> EventSourceResponse:
    """New alerts as server-sent events named `alert`; `Last-Event-ID` gets those after it as well."""
    after = int(last_event_id) if last_event_id is not None and last_event_id.isdecimal() else None
    return EventSourceResponse(_events(using.alerts, after))


async def _events(alerts: Alerts, after: int | None) -> AsyncIterator[ServerSentEvent]:
    async for alert in alerts.follow(after):
        yield ServerSentEvent(alert.model_dump_json(), event="alert", id=str(alert.number))


@router.get(
    "/v1/alerts/{number}/picture",
    response_class=Response,
    responses={**responses(404), 200: {"description": "What was seen.", **_JPEG}},
)
async def get_alert_picture(number: Annotated[int, Path(ge=0, le=2**53)], using: Using) -> Response:
    """A small JPEG of what was seen in a stream, as long as the alert is remembered."""
    return Response(
        using.alerts.picture(number),
        media_type="image/jpeg",
        headers={"cache-control": "private, max-age=3600"},
    )


@router.get("/v1/streams", responses=responses())
async def list_streams(using: Using) -> Streams:
    """The cameras and addresses that the server watches for saved searches, as it was started with them."""
    return Streams(data=[stream.item() for stream in using.streams.streams])
