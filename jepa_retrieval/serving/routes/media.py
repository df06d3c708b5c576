"""`/v1/media`: the files of the indexes, and what is known about each."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Annotated, Literal

import anyio.to_thread
from fastapi import APIRouter, Query, Request, Response

from indexes.text_patterns import quote_text
from jepa_retrieval.serving.describe import MEDIA_COLUMNS, media_item, thumbnail_url
from jepa_retrieval.serving.ids import split_id
from jepa_retrieval.serving.media_files import clean
from jepa_retrieval.serving.previews.request import PreviewRequest
from jepa_retrieval.serving.problems import ProblemError, responses
from jepa_retrieval.serving.queries import file_of, read_cursor, write_cursor
from jepa_retrieval.serving.schemas.common import Filter, Id
from jepa_retrieval.serving.schemas.media import Clip, Clips, MediaItem, MediaPage, SaidLine, Transcript
from jepa_retrieval.serving.served import Commit
from jepa_retrieval.serving.services import Services, Using
from jepa_retrieval.tasks.encoding.transcript import stored_transcript
from jepa_retrieval.times import check_interval

router = APIRouter(tags=["media"], prefix="/v1/media")

MediaId = Annotated[Id, "the number of a file"]
_PICTURE_SIDE = 512
_JPEG = {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}}


@router.get("", responses=responses())
async def list_media(
    using: Using,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    filter: Filter | None = None,
    state: Annotated[
        Literal["ok", "partial", "failed"] | None, Query(description="Only files in this state.")
    ] = None,
    index: Annotated[str | None, Query(max_length=1000, description="Only files of this index.")] = None,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> MediaPage:
    """The files of the indexes, in order of their numbers, a page at a time."""
    same = [filter, state, index]
    commits = using.indexes.commits(None if index is None else [index])
    after = read_cursor(cursor, same) - 1
    items = await anyio.to_thread.run_sync(partial(_page, commits, after, limit + 1, filter, state, using))
    more = len(items) > limit
    items = items[:limit]
    return MediaPage(
        data=items,
        next_cursor=write_cursor(items[-1].id + 1, same) if more else None,
        index_version=using.indexes.version(commits),
    )


@router.get("/{media_id}", responses=responses(404))
async def get_media(media_id: MediaId, using: Using) -> MediaItem:
    """One file."""
    commit, path = file_of(using.indexes, media_id)
    (item,) = await anyio.to_thread.run_sync(_items, commit, [path], using)
    return item


@router.get("/{media_id}/clips", responses=responses(404))
async def get_clips(media_id: MediaId, using: Using) -> Clips:
    """The clips of a file, in order of time."""
    commit, path = file_of(using.indexes, media_id)
    clips = await anyio.to_thread.run_sync(_clips, commit, path, media_id)
    return Clips(data=clips, index_version=commit.version)


@router.get("/{media_id}/transcript", responses=responses(404))
async def get_transcript(
    media_id: MediaId,
    using: Using,
    start: Annotated[float, Query(ge=0, le=1e9, allow_inf_nan=False, description="Seconds.")] = 0.0,
    end: Annotated[float | None, Query(gt=0, le=1e9, allow_inf_nan=False)] = None,
) -> Transcript:
    """What is said in a file, or in an interval of it, if the index knows."""
    commit, path = file_of(using.indexes, media_id)
    check_interval(path, start, end)
    return await anyio.to_thread.run_sync(_transcript, commit, path, start, end)


@router.get(
    "/{media_id}/thumbnail",
    response_class=Response,
    responses={
        **responses(404),
        200: {"description": "The picture.", **_JPEG},
        304: {"description": "Not changed."},
    },
)
async def get_thumbnail(
    media_id: MediaId,
    using: Using,
    request: Request,
    t: Annotated[float, Query(ge=0, le=1e9, allow_inf_nan=False, description="Seconds.")] = 0.0,
) -> Response:
    """A small JPEG of the clip at a time, as it was stored when the file was indexed."""
    commit, path = file_of(using.indexes, media_id)
    clip_id = _clip_at(commit, path, t)
    etag = f'"{commit.index.manifest.index_id[:8]}-{clip_id}"'
    headers = {"etag": etag, "cache-control": "private, max-age=86400"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    picture = await anyio.to_thread.run_sync(_thumbnail, commit, clip_id)
    return Response(picture, media_type="image/jpeg", headers=headers)


async def moment_picture(media_id: int, time: float, using: Services) -> bytes:
    """A JPEG of what a file shows at a time, at most 512 pixels; the stored one if the file is not there now."""
    commit, path = file_of(using.indexes, media_id)
    try:
        real = await anyio.to_thread.run_sync(using.files.readable, commit, path)
    except ProblemError:
        clip_id = await anyio.to_thread.run_sync(_clip_at, commit, path, time)
        return await anyio.to_thread.run_sync(_thumbnail, commit, clip_id)
    request = PreviewRequest(path=str(real), format="jpeg", start=time, height=_PICTURE_SIDE)
    pieces = [piece async for piece in await using.previews.open(request)]
    return b"".join(pieces)


def _page(
    commits: list[Commit], after: int, count: int, where: str | None, state: str | None, using: Services
) -> list[MediaItem]:
    """The next `count` files that pass, of those whose number is greater than `after`."""
    found: list[MediaItem] = []
    first, inner = split_id(after) if after >= 0 else (0, -1)
    for commit in commits:
        if commit.number < first or len(found) == count:
            continue
        passing = _passing(commit, where, state)
        files = commit.files.after(inner if commit.number == first else -1)
        paths = (path for _, path in files if passing is None or path in passing)
        found += _items(commit, list(itertools.islice(paths, count - len(found))), using)
    return found


def _passing(commit: Commit, where: str | None, state: str | None) -> set[str] | None:
    """The files that pass a filter and are in a state; None for all."""
    conditions = (where, None if state is None else f"state = {quote_text(state)}")
    passing = [
        set(commit.index.media(where=condition, columns=["path"])["path"].to_pylist())
        for condition in conditions
        if condition is not None
    ]
    return set.intersection(*passing) if passing else None


def _items(commit: Commit, paths: list[str], using: Services) -> list[MediaItem]:
    rows = commit.index.media(paths=paths, columns=list(MEDIA_COLUMNS)).to_pylist() if paths else []
    items = [media_item(commit, row, using.files) for row in rows]
    return sorted(items, key=lambda item: item.id)


def _clips(commit: Commit, path: str, media_id: int) -> list[Clip]:
    hits = commit.index.clips_of(path)
    captions = commit.index.captions([clip.clip_id for clip in hits])
    return [
        Clip(
            id=commit.clip_id(clip.clip_id),
            start=clip.start,
            end=clip.end,
            caption=caption,
            thumbnail_url=None if clip.kind == "audio" else thumbnail_url(media_id, clip.start, clip.start),
        )
        for clip, caption in zip(hits, captions, strict=True)
    ]


def _transcript(commit: Commit, path: str, start: float, end: float | None) -> Transcript:
    found = stored_transcript(commit.index, path)
    if found is None:
        raise ProblemError(404, "it is not known what is said in the file; `jepa index --speech` finds out")
    inside = [line for line in found.lines if line.end > start and (end is None or line.start < end)]
    lines = [
        SaidLine(start=round(line.start, 3), end=round(line.end, 3), text=clean(line.text)) for line in inside
    ]
    return Transcript(
        language=found.language,
        source=clean(found.source),
        missing=None if found.missing is None else clean(found.missing),
        lines=lines,
        index_version=commit.version,
    )


def _clip_at(commit: Commit, path: str, time: float) -> int:
    """The clip that is shown at a time: the last one that begins by then, or the first."""
    clips = commit.index.clips_of(path)
    if not clips:
        raise ProblemError(404, "nothing of the file is indexed")
    begun = [clip for clip in clips if (clip.start or 0.0) <= time]
    return (begun[-1] if begun else clips[0]).clip_id


def _thumbnail(commit: Commit, clip_id: int) -> bytes:
    value: bytes | None = commit.index.clips([clip_id], columns=["thumbnail"])["thumbnail"][0].as_py()
    if value is None:
        raise ProblemError(404, "the index has no picture of it")
    return value
