"""`POST /v1/classify` and `POST /v1/ask`: labels and answers for clips, moments and files; nothing is decoded."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import anyio.to_thread
from fastapi import APIRouter

from jepa_retrieval.serving.describe import choice, thumbnail_url
from jepa_retrieval.serving.media_files import clean
from jepa_retrieval.serving.problems import ProblemError, responses
from jepa_retrieval.serving.queries import file_of
from jepa_retrieval.serving.schemas.tasks import AskRequest, Chosen, ClassifyRequest, Item
from jepa_retrieval.serving.served import Commit
from jepa_retrieval.serving.services import Services, Using
from jepa_retrieval.tasks.asking.ask import Answered, Answers
from jepa_retrieval.tasks.asking.candidates import Scored
from jepa_retrieval.tasks.asking.classify import Classification, Classified, classify
from jepa_retrieval.tasks.asking.clip_set import IndexedClips
from jepa_retrieval.tasks.asking.evidence import Evidence, evidence_of
from jepa_retrieval.tasks.asking.indexed import ask_index
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
        everything = body.search is None and selection.where is None and selection.paths is None
        if everything and commit.clips > MAX_CLIPS:
            raise ProblemError(
                422,
                f"the index {commit.name!r} has {commit.clips:,} clips: give a filter, a file or a text to search "
                f"for; at most {MAX_CLIPS:,} are asked about without",
            )
        return ask_index(
            commit.index,
            commit.model,
            body.question,
            selection=selection,
            search=body.search,
            clips=body.clips,
            answers=body.answers,
            answer=body.answer,
            per=body.per,
            top=body.top_k,
        )

    return await _answer(body, using, run)


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
    if len(found) > 1 and isinstance(body, AskRequest) and body.answer is not None:
        answer = body.answer
        every.sort(key=lambda pair: -pair[1].probability_of(answer) if isinstance(pair[1], Answered) else 0.0)
    candidates = [
        list(result.labels if isinstance(result, Classification) else result.candidates)
        for _, result in found
    ]
    return Chosen(
        data=await anyio.to_thread.run_sync(
            lambda: [_item(commit, item, using) for commit, item in every[: body.limit]]
        ),
        total=len(every),
        candidates=list(dict.fromkeys(name for names in candidates for name in names)),
        index_version=using.indexes.version([commit for commit, _ in chosen]),
        elapsed_ms=round((time.perf_counter() - began) * 1000, 1),
        warnings=list(dict.fromkeys(warning for _, result in found for warning in result.warnings)),
    )


def _item(commit: Commit, item: Classified | Answered, using: Services) -> Item:
    words = Evidence(None, None)
    if isinstance(item, Answered):
        words = evidence_of(commit.index, item.path, item.start, item.end)
    scored: Sequence[Scored] = item.labels if isinstance(item, Classified) else item.answers
    media_id = commit.media_id(item.path)
    return Item(
        media_id=media_id,
        clip_id=None if item.clip_id is None else commit.clip_id(item.clip_id),
        index=commit.name,
        path=using.files.shown(commit, item.path),
        start=item.start,
        end=item.end,
        choices=[choice(one) for one in scored],
        said=None if words.said is None else clean(words.said),
        written=None if words.written is None else clean(words.written),
        thumbnail_url=thumbnail_url(media_id, item.start, item.end),
    )
