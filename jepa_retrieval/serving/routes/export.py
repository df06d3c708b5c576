"""`POST /v1/export`: moments as a file for other programs."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import anyio.to_thread
from fastapi import APIRouter
from starlette.responses import Response

from jepa_retrieval.errors import UsageError
from jepa_retrieval.library import Library
from jepa_retrieval.report.export import FORMATS, ExportMoment, ExportReport, LeftOutMoment, export_moments
from jepa_retrieval.serving.problems import ProblemError, responses
from jepa_retrieval.serving.queries import file_of
from jepa_retrieval.serving.schemas.export import ChosenMoment, ExportRequest
from jepa_retrieval.serving.served import Commit
from jepa_retrieval.serving.services import Services, Using

router = APIRouter(tags=["export"])

LEFT_OUT = "x-jepa-left-out"
LEFT_OUT_COUNT = "x-jepa-left-out-count"
_MAX_LEFT_OUT = 4000  # characters of the header
_FILES = {
    kind.media_type.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
    for kind in FORMATS.values()
}


@router.post(
    "/v1/export",
    response_class=Response,
    responses={
        **responses(404, 408, 413),
        200: {
            "description": f"The file. `{LEFT_OUT_COUNT}` says how many moments it does not hold, and `{LEFT_OUT}` "
            "as JSON which ones, and why: the first of them, if it would be too long.",
            "content": _FILES,
        },
    },
)
async def post_export(body: ExportRequest, using: Using) -> Response:
    """Moments of one index as EDL, OpenTimelineIO, FCPXML, WebVTT, CSV, or a zip of clips.

    Editors find the files by the paths in EDL, OpenTimelineIO and FCPXML: those of the server's machine.
    """
    content, report = await anyio.to_thread.run_sync(_export, body, using, limiter=using.heavy)
    kind = FORMATS[body.format]
    headers = {"content-disposition": f'attachment; filename="moments.{kind.name}"'}
    if report.left_out:
        headers[LEFT_OUT] = _as_json(report.left_out)
        headers[LEFT_OUT_COUNT] = str(len(report.left_out))
    return Response(content, media_type=kind.media_type, headers=headers)


def _as_json(left_out: Sequence[LeftOutMoment]) -> str:
    """The first moments that are left out, as many as a header holds."""
    items: list[str] = []
    length = 2  # of the brackets
    for item in left_out:
        row = {"path": item.moment.path, "start": item.moment.start, "reason": item.reason}
        text = json.dumps(row)
        length += len(text) + 2
        if length > _MAX_LEFT_OUT:
            break
        items.append(text)
    return f"[{', '.join(items)}]"


def _export(body: ExportRequest, using: Services) -> tuple[bytes, ExportReport]:
    placed = [_moment(moment, using) for moment in body.moments]
    commits = {commit.number: commit for commit, _ in placed}
    if len(commits) > 1:
        raise ProblemError(422, "the moments are of several indexes: export those of each by themselves")
    (commit,) = commits.values()
    for path in {moment.path for _, moment in placed}:
        _check_allowed(commit, path, using)
    with tempfile.TemporaryDirectory(prefix="jepa-export-") as folder:
        file = Path(folder) / f"moments.{body.format}"
        try:
            report = export_moments(
                file,
                [moment for _, moment in placed],
                Library(commit.index),
                format=body.format,
                title=body.title,
            )
        except UsageError as error:
            raise ProblemError(422, str(error).replace(f"{folder}/", "")) from None
        return file.read_bytes(), report


def _check_allowed(commit: Commit, path: str, using: Services) -> None:
    """Refuse a file that clients may not read; one that is not there is left out later, where it is needed."""
    try:
        using.files.readable(commit, path)
    except ProblemError as problem:
        if problem.status == 403:
            raise


def _moment(chosen: ChosenMoment, using: Services) -> tuple[Commit, ExportMoment]:
    if chosen.clip_id is not None:
        commit, clip_id = using.indexes.commit_of(chosen.clip_id)
        columns = ["path", "kind", "start", "end", *(["caption"] if commit.index.keeps_captions else [])]
        (row,) = commit.index.clips([clip_id], columns=columns).to_pylist()
    else:
        commit, path = file_of(using.indexes, chosen.media_id or 0)
        (row,) = commit.index.media(paths=[path], columns=["path", "kind", "duration"]).to_pylist()
        row |= (
            {"start": None, "end": None} if row["kind"] == "image" else {"start": 0.0, "end": row["duration"]}
        )
    is_timed = row["kind"] != "image"
    if not is_timed and (chosen.start is not None or chosen.end is not None):
        raise ProblemError(422, "a photograph has no times: leave out start and end")
    return commit, ExportMoment(
        row["path"],
        row["kind"],
        (row["start"] if chosen.start is None else chosen.start) if is_timed else None,
        (row["end"] if chosen.end is None else chosen.end) if is_timed else None,
        label=chosen.label or row.get("caption") or "",
        score=chosen.score,
        confidence=chosen.confidence,
    )
