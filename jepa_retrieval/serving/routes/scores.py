"""`/v1/media/{id}/scores`: where else in a file a query fits."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import anyio.to_thread
import numpy as np
from fastapi import APIRouter, Query
from starlette.responses import Response

from indexes.text_patterns import quote_text
from jepa_retrieval.serving.answers import json_answer
from jepa_retrieval.serving.describe import hit
from jepa_retrieval.serving.problems import responses
from jepa_retrieval.serving.queries import file_of
from jepa_retrieval.serving.routes.media import MediaId
from jepa_retrieval.serving.schemas.common import Text
from jepa_retrieval.serving.schemas.search import Scores, ScoresRequest, terms_of
from jepa_retrieval.serving.scoring import window_scores
from jepa_retrieval.serving.services import Services, Using
from jepa_retrieval.tasks.searching.search import SearchOptions

router = APIRouter(tags=["search"], prefix="/v1/media")

MAX_HITS = 20  # of one file


@router.get("/{media_id}/scores", response_model=Scores, responses=responses(404))
async def get_scores(
    media_id: MediaId,
    using: Using,
    q: Annotated[Text, Query(description="The text to compare with.", examples=["a dog"])],
    max_points: Annotated[int, Query(ge=1, le=20_000)] = 2000,
) -> Response:
    """The score of every window of a file for a text, and the moments in it."""
    return json_answer(await _scores(media_id, ScoresRequest(query=q, max_points=max_points), using))


@router.post("/{media_id}/scores", response_model=Scores, responses=responses(404, 408, 413))
async def post_scores(media_id: MediaId, body: ScoresRequest, using: Using) -> Response:
    """The same for a query of several terms, as in a search."""
    return json_answer(await _scores(media_id, body, using))


async def _scores(media_id: int, body: ScoresRequest, using: Services) -> Scores:
    commit, path = file_of(using.indexes, media_id)
    options = SearchOptions(top=MAX_HITS, where=f"path = {quote_text(path)}")
    asked = await using.queries.read(terms_of(body.query), [commit], options)
    (found,) = await using.searcher.search(asked)
    windows = await anyio.to_thread.run_sync(
        partial(window_scores, commit.index, path, found.vector, max_points=body.max_points)
    )
    return Scores(
        media_id=media_id,
        start=_times(windows.start),
        end=_times(windows.end),
        score=[round(score, 5) for score in windows.score.tolist()],
        background=round(commit.null.background(found.vector), 5),
        hits=[
            hit(commit, moment, using.files, rank=rank) for rank, moment in enumerate(found.moments, start=1)
        ],
        index_version=commit.version,
        warnings=list(found.warnings),
    )


def _times(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(value) else round(value, 3) for value in values.tolist()]
