"""`/v1/jobs`: indexing and optimizing, with progress."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Annotated

from fastapi import APIRouter, Path
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from jepa_retrieval.serving.jobs.manager import Job
from jepa_retrieval.serving.problems import ProblemError, responses
from jepa_retrieval.serving.schemas.jobs import IndexJobRequest, JobItem, JobKind, JobList, OptimizeJobRequest
from jepa_retrieval.serving.services import Services, Using

router = APIRouter(tags=["jobs"], prefix="/v1/jobs")

JobId = Annotated[str, Path(max_length=64, description="The id of a job.")]
_EVENTS = {
    "description": "Server-sent events.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


@router.get("", responses=responses())
async def list_jobs(using: Using) -> JobList:
    """The jobs since the server was started, the newest first."""
    return JobList(data=[job.item() for job in using.jobs.all()])


@router.post("/index", status_code=202, responses=responses(408, 413))
async def start_index(body: IndexJobRequest, using: Using, response: Response) -> JobItem:
    """Bring an index up to date with its folder. An equal job that has not ended is not started again."""
    options = body.model_dump(exclude={"index"})
    return _started(start_job("index", body.index, options, using), response)


@router.post("/optimize", status_code=202, responses=responses(408, 413))
async def start_optimize(body: OptimizeJobRequest, using: Using, response: Response) -> JobItem:
    """Make an index smaller and faster."""
    return _started(start_job("optimize", body.index, {}, using), response)


@router.get("/{job_id}", responses=responses(404))
async def get_job(job_id: JobId, using: Using) -> JobItem:
    """One job, and how far it is."""
    return using.jobs.get(job_id).item()


@router.delete("/{job_id}", responses=responses(404, 408, 413))
async def cancel_job(job_id: JobId, using: Using) -> JobItem:
    """End a job; what it has done is kept."""
    job = using.jobs.get(job_id)
    await using.jobs.cancel(job)
    return job.item()


@router.get(
    "/{job_id}/events", response_class=EventSourceResponse, responses={**responses(404), 200: _EVENTS}
)
async def get_events(job_id: JobId, using: Using) -> EventSourceResponse:
    """A job now and after every change, as server-sent events named `job`, until it is over."""
    return EventSourceResponse(_events(using.jobs.get(job_id)))


async def _events(job: Job) -> AsyncIterator[ServerSentEvent]:
    async for item in job.follow():
        yield ServerSentEvent(item.model_dump_json(), event="job", id=str(job.version))


def start_job(kind: JobKind, index: str | None, options: Mapping[str, object], using: Services) -> Job:
    """Start a job for a client or an assistant.

    Raises:
        ProblemError: the server is read-only, or there is no such index.
    """
    if using.settings.read_only:
        raise ProblemError(403, "the server is read-only")
    served = using.indexes.named(index)
    return using.jobs.start(kind, served, dict(options), using.hide_paths)


def _started(job: Job, response: Response) -> JobItem:
    response.headers["location"] = f"/v1/jobs/{job.id}"
    return job.item()
