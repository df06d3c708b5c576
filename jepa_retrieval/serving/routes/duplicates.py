"""`GET /v1/duplicates`."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Query

from jepa_retrieval.serving.problems import responses
from jepa_retrieval.serving.schemas.media import DuplicateFile, DuplicateGroup, Duplicates, SharedScene
from jepa_retrieval.serving.served import Commit
from jepa_retrieval.serving.services import Services, Using
from jepa_retrieval.tasks.searching.dedupe import DEFAULT_THRESHOLD, DuplicateReport, find_duplicates

router = APIRouter(tags=["media"])


@router.get("/v1/duplicates", responses=responses())
async def get_duplicates(
    using: Using,
    threshold: Annotated[
        float, Query(gt=0, le=1, description="Minimum cosine of two windows that may show the same picture.")
    ] = DEFAULT_THRESHOLD,
    index: Annotated[str | None, Query(max_length=1000, description="Only files of this index.")] = None,
) -> Duplicates:
    """Files that an index has more than once, and scenes that two of its videos share. Nothing is deleted."""
    commits = using.indexes.commits(None if index is None else [index])
    groups: list[DuplicateGroup] = []
    scenes: list[SharedScene] = []
    for commit in commits:
        find = partial(find_duplicates, commit.index, media_root=commit.media_root, threshold=threshold)
        report = await anyio.to_thread.run_sync(find, limiter=using.heavy)
        groups += _groups(commit, report, using)
        scenes += _scenes(commit, report, using)
    return Duplicates(groups=groups, scenes=scenes, index_version=using.indexes.version(commits))


def _groups(commit: Commit, report: DuplicateReport, using: Services) -> list[DuplicateGroup]:
    return [
        DuplicateGroup(
            index=commit.name,
            kind=group.kind,
            files=[
                DuplicateFile(
                    media_id=commit.media_id(file.path),
                    path=using.files.shown(commit, file.path),
                    similarity=round(file.similarity, 4),
                    is_link=file.link is not None,
                )
                for file in group.files
            ],
        )
        for group in report.groups
    ]


def _scenes(commit: Commit, report: DuplicateReport, using: Services) -> list[SharedScene]:
    return [
        SharedScene(
            index=commit.name,
            first_media_id=commit.media_id(scene.first_path),
            first_path=using.files.shown(commit, scene.first_path),
            first_start=scene.first_start,
            first_end=scene.first_end,
            second_media_id=commit.media_id(scene.second_path),
            second_path=using.files.shown(commit, scene.second_path),
            second_start=scene.second_start,
            second_end=scene.second_end,
            similarity=round(scene.similarity, 4),
        )
        for scene in report.scenes
    ]
