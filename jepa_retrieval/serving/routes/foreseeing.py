"""`POST /v1/surprise` and `POST /v1/anticipate`: predicted states compared with what came, and what may come."""

from __future__ import annotations

import anyio.to_thread
from fastapi import APIRouter

from jepa_retrieval.serving.describe import choice
from jepa_retrieval.serving.problems import responses
from jepa_retrieval.serving.queries import file_of
from jepa_retrieval.serving.schemas.foreseeing import (
    AnticipateRequest,
    Anticipation,
    ForeseenMoment,
    HorizonItem,
    SurpriseAnswer,
    SurpriseItem,
    SurpriseRequest,
)
from jepa_retrieval.serving.served import Commit
from jepa_retrieval.serving.services import Services, Using
from jepa_retrieval.tasks.foreseeing.anticipate import anticipate
from jepa_retrieval.tasks.foreseeing.dynamics import open_dynamics
from jepa_retrieval.tasks.foreseeing.surprise import Surprise, surprise_of_file, surprise_of_index

router = APIRouter(tags=["surprise and anticipation"])


@router.post("/v1/surprise", responses=responses(404, 408, 413))
async def post_surprise(body: SurpriseRequest, using: Using) -> SurpriseAnswer:
    """Find what was not foreseen: in one video, with a curve over time, or among the clips of an index."""
    run = _of_index if body.media_id is None else _of_file
    return await anyio.to_thread.run_sync(run, body, using, limiter=using.heavy)


@router.post("/v1/anticipate", responses=responses(404, 408, 413))
async def post_anticipate(body: AnticipateRequest, using: Using) -> Anticipation:
    """Predict what a video shows some time after `at`, from what is before alone."""
    return await anyio.to_thread.run_sync(_anticipated, body, using, limiter=using.heavy)


def _of_index(body: SurpriseRequest, using: Services) -> SurpriseAnswer:
    commit = using.indexes.named(body.index).commit
    dynamics = open_dynamics(commit.model, index=commit.index)
    found = surprise_of_index(commit.index, dynamics, top=body.top_k, min_z=body.min_z, where=body.filter)
    items = [_item(commit, one.path, one, using) for one in found.surprises]
    return SurpriseAnswer(data=items, curve=None, cuts=None)


def _of_file(body: SurpriseRequest, using: Services) -> SurpriseAnswer:
    commit, path = file_of(using.indexes, body.media_id or 0)
    file = using.files.readable(commit, path)
    dynamics = open_dynamics(commit.model, index=commit.index)
    found = surprise_of_file(file, commit.model, dynamics, top=body.top_k, min_z=body.min_z)
    items = [_item(commit, path, one, using) for one in found.surprises]
    return SurpriseAnswer(
        data=items,
        curve=found.curve,
        cuts=found.cuts,
        partial=found.partial,
        warnings=list(found.warnings),
    )


def _item(commit: Commit, path: str, found: Surprise, using: Services) -> SurpriseItem:
    return SurpriseItem(
        media_id=commit.media_id(path),
        clip_id=None if found.clip_id is None else commit.clip_id(found.clip_id),
        path=using.files.shown(commit, path),
        start=found.start,
        end=found.end,
        z=round(found.z, 3),
    )


def _anticipated(body: AnticipateRequest, using: Services) -> Anticipation:
    commit, path = file_of(using.indexes, body.media_id)
    found = anticipate(
        using.files.readable(commit, path),
        commit.model,
        open_dynamics(commit.model, index=commit.index),
        at=body.at,
        horizons=body.horizons,
        labels=body.labels or [],
        index=commit.index,
        top=body.top_k,
    )
    return Anticipation(
        at=found.at,
        partial=found.partial,
        warnings=list(found.warnings),
        horizons=[
            HorizonItem(
                seconds=one.seconds,
                labels=[choice(label) for label in one.labels],
                moments=[
                    ForeseenMoment(
                        media_id=commit.media_id(moment.path),
                        path=using.files.shown(commit, moment.path),
                        start=moment.start,
                        end=moment.end,
                        score=round(moment.score, 5),
                    )
                    for moment in one.moments
                ],
                text=one.text,
                confidence=round(one.confidence, 4),
            )
            for one in found.horizons
        ],
    )
