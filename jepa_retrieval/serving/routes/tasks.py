"""`POST /v1/classify` and `POST /v1/ask`: labels and answers for clips, moments and files; nothing is decoded."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import anyio.to_thread
from fastapi import APIRouter

from indexes import Index
from jepa_retrieval.models.parts import Model
from jepa_retrieval.serving.describe import choice, thumbnail_url
from jepa_retrieval.serving.problems import ProblemError, responses
from jepa_retrieval.serving.queries import file_of
from jepa_retrieval.serving.schemas.tasks import AskRequest, Chosen, ClassifyRequest, Item
from jepa_retrieval.serving.served import Commit
from jepa_retrieval.serving.services import Services, Using
from jepa_retrieval.tasks.asking.ask import Answered, Answers, ask
from jepa_retrieval.tasks.asking.candidates import Scored
from jepa_retrieval.tasks.asking.classify import Classification, Classified, classify
from jepa_retrieval.tasks.asking.clip_set import IndexedClips
from jepa_retrieval.tasks.searching.stored_clips import Selection

router = APIRouter(tags=["labels and questions"])

MAX_CLIPS = 50_000  # that are asked about one by one


@router.post("/v1/classify", responses=responses(404, 408, 413))
async def post_classify(body: ClassifyRequest, using: Using) -> Chosen:
    """Choose labels for clips, moments or files."""

    def run(commit: Commit, selection: Selection) -> Classification:
        return classify(
            [IndexedClips(commit.index, selection)],
            commit.model,
            body.labels,
            templates=body.templates,
            per=body.per,
            top=body.top_k,
        )

    return await _answer(body, using, run)


@router.post("/v1/ask", responses=responses(404, 408, 413))
async def post_ask(body: AskRequest, using: Using) -> Chosen:
    """Answer a question about clips, moments or files; with `answer`, find where that answer is likely."""
    return await answer_question(body, using)


async def answer_question(body: AskRequest, using: Services) -> Chosen:
    """What `POST /v1/ask` and the tools for assistants answer."""

    def run(commit: Commit, selection: Selection) -> Answers:
        if body.search is not None:
            found = nearest(commit.index, commit.model, body.search, selection, body.clips)
            selection = Selection(clip_ids=found)
        elif selection.where is None and selection.paths is None and commit.clips > MAX_CLIPS:
            raise ProblemError(
                422,
                f"the index {commit.name!r} has {commit.clips:,} clips: give a filter, a file or a text to search "
                f"for; at most {MAX_CLIPS:,} are asked about without",
            )
        return ask(
            [IndexedClips(commit.index, selection)],
            commit.model,
            body.question,
            answers=body.answers,
            answer=body.answer,
            per=body.per,
            top=body.top_k,
        )

    chosen = await _answer(body, using, run)
    if body.answer is not None and len(using.indexes.served) > 1:
        chosen.data.sort(key=lambda item: -_probability(item, body.answer or ""))
    chosen.data = chosen.data[: body.limit]
    return chosen


def nearest(index: Index, model: Model, text: str, selection: Selection, count: int) -> list[int]:
    """The clips of a selection that are nearest to a text."""
    vector = model.y_encoder.encode([text])
    where = selection.where
    if selection.paths is not None:
        ids = [clip.clip_id for path in selection.paths for clip in index.clips_of(path)]
        scores = index.embeddings(ids) @ vector[0] if ids else []
        ranked = sorted(zip(scores, ids, strict=True), reverse=True)[:count]
        return [clip_id for _, clip_id in ranked]
    return [hit.clip_id for hit in index.search(vector, k=count, where=where)[0]]


async def _answer(
    body: ClassifyRequest | AskRequest,
    using: Services,
    run: Callable[[Commit, Selection], Classification | Answers],
) -> Chosen:
    began = time.perf_counter()
    if body.media_id is None:
        chosen = [(commit, Selection(body.filter)) for commit in using.indexes.commits(body.indexes)]
    else:
        home, path = file_of(using.indexes, body.media_id)
        chosen = [(home, Selection(body.filter, [path]))]
    found = [
        (commit, await anyio.to_thread.run_sync(partial(run, commit, selection), limiter=using.heavy))
        for commit, selection in chosen
    ]
    every = [(commit, item) for commit, result in found for item in result.items]
    candidates = [
        list(result.labels if isinstance(result, Classification) else result.candidates)
        for _, result in found
    ]
    limit = (
        None if isinstance(body, AskRequest) and len(found) > 1 else body.limit
    )  # ordered over indexes first
    return Chosen(
        data=[_item(commit, item, using) for commit, item in every[:limit]],
        total=len(every),
        candidates=list(dict.fromkeys(name for names in candidates for name in names)),
        index_version=using.indexes.version([commit for commit, _ in chosen]),
        elapsed_ms=round((time.perf_counter() - began) * 1000, 1),
        warnings=list(dict.fromkeys(warning for _, result in found for warning in result.warnings)),
    )


def _item(commit: Commit, item: Classified | Answered, using: Services) -> Item:
    scored: Sequence[Scored] = item.labels if isinstance(item, Classified) else item.answers
    media_id = commit.media_id(item.path) or 0
    return Item(
        media_id=media_id,
        clip_id=None if item.clip_id is None else commit.clip_id(item.clip_id),
        index=commit.name,
        path=using.files.shown(commit, item.path),
        start=item.start,
        end=item.end,
        choices=[choice(one) for one in scored],
        thumbnail_url=thumbnail_url(media_id, item.start, item.end),
    )


def _probability(item: Item, answer: str) -> float:
    return next((choice.probability for choice in item.choices if choice.name == answer), 0.0)
