"""`POST /v1/search`."""

from __future__ import annotations

import time

from fastapi import APIRouter
from starlette.responses import Response

from jepa_retrieval.serving.answers import json_answer
from jepa_retrieval.serving.describe import hit
from jepa_retrieval.serving.problems import ProblemError, responses
from jepa_retrieval.serving.queries import read_cursor, write_cursor
from jepa_retrieval.serving.schemas.search import MAX_REACH, SearchRequest, SearchResponse, terms_of
from jepa_retrieval.serving.services import Services, Using
from jepa_retrieval.tasks.searching.search import SearchOptions
from jepa_retrieval.tasks.searching.several import joined_warnings, merged
from jepa_retrieval.tasks.searching.verdict import verdict_of

router = APIRouter(tags=["search"])


@router.post("/v1/search", response_model=SearchResponse, responses=responses(404, 408, 413))
async def search(body: SearchRequest, using: Using) -> Response:
    """Find the moments nearest in meaning to a sum of texts, pictures, clips and intervals of files.

    Several indexes are searched as one; their hits are merged by confidence.
    """
    return json_answer(await find(body, using))


async def find(body: SearchRequest, using: Services) -> SearchResponse:
    """What `POST /v1/search` and the tools for assistants answer."""
    began = time.perf_counter()
    same = body.model_dump(mode="json", exclude={"cursor"})
    skipped = read_cursor(body.cursor, same)
    if skipped + body.top_k > MAX_REACH:
        raise ProblemError(422, f"only the first {MAX_REACH} hits can be reached: make the query narrower")
    options = SearchOptions(
        top=skipped + body.top_k + 1,
        where=body.filter,
        per_file=body.group_by == "file",
        min_confidence=body.min_confidence,
        within=None if body.within is None else tuple(body.within),
    )
    commits = using.indexes.commits(body.indexes)
    asked = await using.queries.read(terms_of(body.query), commits, options)
    found = await using.searcher.search(asked)
    ordered = merged(
        [(one.commit, one.moments) for one in found],
        file_of=lambda commit, moment: commit.media_root.full(moment.path),
        per_file=options.per_file,
    )
    page = ordered[skipped : skipped + body.top_k]
    verdict = verdict_of([moment.confidence for _, moment in page])
    return SearchResponse(
        data=[
            hit(commit, moment, using.files, rank=rank)
            for rank, (commit, moment) in enumerate(page, start=skipped + 1)
        ],
        next_cursor=(
            write_cursor(skipped + body.top_k, same) if len(ordered) > skipped + body.top_k else None
        ),
        index_version=using.indexes.version(commits),
        elapsed_ms=round((time.perf_counter() - began) * 1000, 1),
        warnings=[
            *joined_warnings([one.warnings for one in found if one.answers]),
            *(warning for one in found if not one.answers for warning in one.warnings),
        ],
        verdict=None if skipped else verdict.doubt,
        likely=verdict.likely,
    )
