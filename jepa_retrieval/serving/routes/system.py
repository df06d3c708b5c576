"""Health, metrics, indexes, and the session of a browser."""

from __future__ import annotations

import anyio.to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from jepa_retrieval.serving.problems import ProblemError, responses
from jepa_retrieval.serving.schemas.common import Received, example
from jepa_retrieval.serving.schemas.media import IndexItem, IndexList
from jepa_retrieval.serving.security import COOKIE, is_token, session_cookie
from jepa_retrieval.serving.served import Commit
from jepa_retrieval.serving.services import Using
from jepa_retrieval.tasks.foreseeing.dynamics import has_dynamics

router = APIRouter(tags=["system"])

_PROMETHEUS = {"content": {"text/plain": {"schema": {"type": "string"}}}}


class Health(BaseModel):
    """Whether the server works."""

    status: str = Field(examples=["ok"])


class SessionRequest(Received):
    """A token, for the cookie that stands for it."""

    token: str = Field(max_length=1000)

    model_config = example({"token": "the token of the server"})


@router.get("/healthz", responses=responses())
async def healthz() -> Health:
    """Whether the server runs. Needs no token."""
    return Health(status="ok")


@router.get("/readyz", responses=responses())
async def readyz(using: Using) -> Health:
    """Whether all indexes are loaded, and still on disk. Needs no token."""
    if not using.ready:
        raise ProblemError(503, "the server is about to stop")
    if missing := await anyio.to_thread.run_sync(using.indexes.missing):
        raise ProblemError(503, f"not on disk any more, or not readable: {', '.join(missing)}")
    return Health(status="ok")


@router.get(
    "/metrics",
    response_class=Response,
    responses={**responses(), 200: {"description": "Prometheus' text format.", **_PROMETHEUS}},
)
async def metrics(using: Using) -> Response:
    """Counters for Prometheus."""
    using.metrics.jobs.set(using.jobs.running)
    for commit in using.indexes.commits():
        using.metrics.clips.labels(commit.name).set(commit.clips)
    return Response(using.metrics.text(), media_type="text/plain")


@router.get("/v1/indexes", responses=responses())
async def list_indexes(using: Using) -> IndexList:
    """The indexes that are served."""
    commits = using.indexes.commits()
    items = await anyio.to_thread.run_sync(lambda: [_item(commit) for commit in commits])
    return IndexList(data=items, read_only=using.settings.read_only)


@router.post("/v1/session", status_code=204, response_class=Response, responses=responses(408, 413))
async def open_session(body: SessionRequest, using: Using, request: Request) -> Response:
    """Exchange the token for a cookie, which a browser also sends for pictures and videos. Needs no token."""
    token = using.settings.token
    if not is_token(body.token, token):
        raise ProblemError(401, "the token is wrong")
    response = Response(status_code=204)
    if token is not None:
        secure = request.headers.get("x-forwarded-proto", request.url.scheme) == "https"
        response.set_cookie(
            COOKIE,
            session_cookie(token),
            max_age=30 * 86_400,
            httponly=True,
            samesite="strict",
            secure=secure,
        )
    return response


@router.delete("/v1/session", status_code=204, response_class=Response, responses=responses(408, 413))
async def close_session() -> Response:
    """Forget the cookie."""
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def _item(commit: Commit) -> IndexItem:
    stats = commit.index.stats()
    return IndexItem(
        name=commit.name,
        model=stats.model,
        prompt=stats.prompt,
        version=commit.version,
        clips=stats.clips,
        files=stats.files_ok,
        partial=stats.files_partial,
        failed=stats.files_failed,
        left_out=stats.files_left_out,
        videos=stats.videos,
        images=stats.images,
        audio=stats.audio,
        media_seconds=stats.media_seconds,
        bytes=stats.total_bytes,
        captions=commit.index.keeps_captions,
        speech=commit.index.keeps_speech,
        writing=commit.index.keeps_writing,
        speech_missing=stats.speech_missing,
        writing_missing=stats.writing_missing,
        surprise=has_dynamics(commit.model, commit.index),
        questions=commit.model.predictor.query_conditioned,
    )
