"""Files themselves: as they are, as every browser shows them, and their captions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal, cast

import anyio.to_thread
from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Send

from jepa_retrieval.serving.captions import captions_of
from jepa_retrieval.serving.describe import ANIMATED, media_type
from jepa_retrieval.serving.previews.request import PreviewRequest
from jepa_retrieval.serving.problems import ProblemError, responses
from jepa_retrieval.serving.queries import file_of
from jepa_retrieval.serving.ranges import FileStream
from jepa_retrieval.serving.routes.media import MediaId
from jepa_retrieval.serving.served import Commit
from jepa_retrieval.serving.services import Using
from jepa_retrieval.times import check_interval

router = APIRouter(tags=["files"], prefix="/v1/media")

_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
_ANY_MEDIA: dict[str, Any] = {"video/*": _BINARY, "image/*": _BINARY, "application/octet-stream": _BINARY}
_SANDBOX = {"content-security-policy": "default-src 'none'; sandbox", "cache-control": "private, no-store"}
_FILE: dict[int | str, dict[str, Any]] = {
    **responses(404, 416),
    200: {"description": "The whole file.", "content": _ANY_MEDIA},
    206: {"description": "A range of it.", "content": _ANY_MEDIA},
    304: {"description": "Not changed."},
}


@router.get("/{media_id}/file", response_class=Response, responses=_FILE)
@router.head("/{media_id}/file", response_class=Response, responses=_FILE, include_in_schema=False)
async def get_file(media_id: MediaId, using: Using) -> Response:
    """The file as it is. Ranges (`Range`, `If-Range`) and `If-None-Match` are answered."""
    commit, path = file_of(using.indexes, media_id)
    real = await anyio.to_thread.run_sync(using.files.readable, commit, path)
    return FileStream(real, media_type=media_type(path))


@router.get(
    "/{media_id}/preview",
    response_class=Response,
    responses={
        **responses(404),
        200: {
            "description": "A video as fragmented MP4, whose time begins at 0 where `start` is; a photograph as "
            "WebP, or as JPEG if the client does not accept WebP.",
            "content": {"video/mp4": _BINARY, "image/webp": _BINARY, "image/jpeg": _BINARY},
        },
    },
)
async def get_preview(
    media_id: MediaId,
    using: Using,
    request: Request,
    start: Annotated[float, Query(ge=0, le=1e9, allow_inf_nan=False, description="Seconds.")] = 0.0,
    end: Annotated[float | None, Query(ge=0, le=1e9, allow_inf_nan=False, description="Seconds.")] = None,
    height: Annotated[
        int,
        Query(
            ge=16,
            le=2160,
            description="Pixels of a video's height, or of a photograph's longest side, at most.",
        ),
    ] = 720,
    sound: bool = True,
) -> Response:
    """The file in a form that every browser shows, made while it is watched."""
    commit, path = file_of(using.indexes, media_id)
    check_interval(path, start, end)
    real = await anyio.to_thread.run_sync(using.files.readable, commit, path)
    row = await anyio.to_thread.run_sync(_row, commit, path)
    if row["duration"] is not None and start >= row["duration"]:
        raise ProblemError(422, f"there is no frame at {start:g} s: the video is {row['duration']:g} s long")
    if row["kind"] == "image":
        form: Literal["webp", "jpeg"] = "webp" if _accepts_webp(request) else "jpeg"
        wanted = PreviewRequest(path=str(real), format=form, height=height)
        return ClosingStream(await using.previews.open(wanted), media_type=f"image/{form}", headers=_SANDBOX)
    wanted = PreviewRequest(
        path=str(real),
        format="mp4",
        start=start,
        end=end,
        height=height,
        sound=sound and row["codec"] not in ANIMATED,
    )
    return ClosingStream(await using.previews.open(wanted), media_type="video/mp4", headers=_SANDBOX)


@router.get(
    "/{media_id}/captions.vtt",
    response_class=Response,
    responses={
        **responses(404),
        200: {"description": "WebVTT.", "content": {"text/vtt": {"schema": {"type": "string"}}}},
    },
)
async def get_captions(media_id: MediaId, using: Using) -> Response:
    """The sentences of a video's clips as subtitles, if the index keeps captions."""
    commit, path = file_of(using.indexes, media_id)
    text = await anyio.to_thread.run_sync(captions_of, commit.index, path)
    return Response(text, media_type="text/vtt")


class ClosingStream(StreamingResponse):
    """A response whose source is closed as soon as the client has gone."""

    async def stream_response(self, send: Send) -> None:
        """Send it."""
        try:
            await super().stream_response(send)
        finally:
            source = cast(AsyncIterator[bytes], self.body_iterator)
            if hasattr(source, "aclose"):
                await source.aclose()


def _row(commit: Commit, path: str) -> dict[str, Any]:
    columns = ["kind", "codec", "duration"]
    row: dict[str, Any] = commit.index.media(paths=[path], columns=columns).to_pylist()[0]
    return row


def _accepts_webp(request: Request) -> bool:
    accept = request.headers.get("accept", "*/*")
    return "image/webp" in accept or "*/*" in accept or "image/*" in accept
