"""Searches of many clients: those that arrive together are encoded and searched together, in one thread."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from jepa_retrieval.errors import JepaError
from jepa_retrieval.models.parts import Model
from jepa_retrieval.serving.problems import ProblemError
from jepa_retrieval.serving.served import Commit, ServedModel
from jepa_retrieval.tasks.searching.embed_query import EmbeddedQuery, QueryEmbedder, texts_of
from jepa_retrieval.tasks.searching.moments import Moment
from jepa_retrieval.tasks.searching.query import Query, Source
from jepa_retrieval.tasks.searching.search import SearchOptions, run_embedded

MAX_TOGETHER = 32  # searches
MAX_WAIT_SECONDS = 0.004  # for searches of clients that asked together before
MAX_WAITING = 1024  # searches; more are refused
MAX_KNOWN_TEXTS = 2048  # that are remembered: a client that pages or filters asks the same again

Vectors = Mapping[Source, np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One index's share of a client's search.

    Attributes:
        commit: what is searched.
        query: what for.
        options: how.
        known: vectors of the query's sources that are not texts, in the space of the commit's model.
    """

    commit: Commit
    query: Query
    options: SearchOptions
    known: Vectors = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What one index has for it."""

    commit: Commit
    moments: Sequence[Moment]
    warnings: tuple[str, ...]
    vector: np.ndarray  # of the query, float32 [E], unit length
    answers: bool = True  # if not, a warning says why


@dataclass(slots=True, eq=False)
class _Work:
    """One client's search: all of its indexes, and who waits for it."""

    asked: Sequence[Asked]
    future: Future[list[Found]] = field(default_factory=Future)
    points: dict[int, EmbeddedQuery] = field(default_factory=dict)  # by the position in `asked`
    found: dict[int, Found] = field(default_factory=dict)
    errors: dict[int, JepaError] = field(default_factory=dict)  # of indexes that did not answer

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


def _leave_out(work: _Work, at: int, error: JepaError) -> None:
    """One index does not answer: the others of the search are shown, if there are any."""
    work.errors[at] = error
    if len(work.errors) == len(work.asked):
        work.fail(error)
        return
    asked = work.asked[at]
    said = f"the index {asked.commit.name} does not answer: {error}"
    work.found[at] = Found(asked.commit, [], (said,), work.points[at].vector, answers=False)


class Searcher:
    """Runs searches, as many together as are waiting when it begins."""

    def __init__(self, *, on_batch: Callable[[int, float], None] | None = None) -> None:
        """`on_batch` is told how many searches ran together, and for how many seconds."""
        self._waiting: queue.Queue[_Work | None] = queue.Queue(MAX_WAITING)
        self._texts: OrderedDict[tuple[int, str], np.ndarray] = OrderedDict()  # by model and text
        self._on_batch = on_batch
        self._thread = threading.Thread(target=self._serve, name="searcher", daemon=True)
        self._thread.start()

    async def search(self, asked: Sequence[Asked]) -> list[Found]:
        """What each of the indexes has, in the order of `asked`.

        Raises:
            ProblemError: too many searches are waiting.
            JepaError: as `jepa_retrieval.library.Library.search`.
        """
        work = _Work(asked)
        try:
            self._waiting.put_nowait(work)
        except queue.Full:
            raise ProblemError(503, "too many searches at once", {"Retry-After": "1"}) from None
        return await asyncio.wrap_future(work.future)

    def close(self) -> None:
        """Finish what is waiting, and end the thread."""
        self._waiting.put(None)
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        ended = False
        expected = 1
        while not ended:
            batch = self._next_batch(expected)
            expected = len(batch)
            ended = None in batch
            work = [one for one in batch if one is not None and one.future.set_running_or_notify_cancel()]
            if work:
                self._run(work)

    def _next_batch(self, expected: int) -> list[_Work | None]:
        """What is waiting. Clients whose searches ran together ask again together: they are waited for, shortly."""
        batch = [self._waiting.get()]
        end = time.perf_counter() + MAX_WAIT_SECONDS
        while len(batch) < MAX_TOGETHER:
            wait = end - time.perf_counter() if len(batch) < expected else 0.0
            try:
                batch.append(self._waiting.get(block=wait > 0, timeout=max(wait, 0.0)))
            except queue.Empty:
                break
        return batch

    def _run(self, batch: Sequence[_Work]) -> None:
        began = time.perf_counter()
        try:
            self._embed(batch)
            self._find(batch)
            for work in batch:
                if not work.future.done():
                    work.future.set_result([work.found[at] for at in range(len(work.asked))])
        except Exception as error:  # whoever waits must hear of it
            for work in batch:
                work.fail(error)
        if self._on_batch is not None:
            self._on_batch(len(batch), time.perf_counter() - began)

    def _embed(self, batch: Sequence[_Work]) -> None:
        """Every query to a vector for each of its indexes; the texts of all of them in one call per model."""
        models: dict[int, tuple[ServedModel, list[str]]] = {}
        for asked in (asked for work in batch for asked in work.asked):
            served = asked.commit.served_model
            models.setdefault(id(served), (served, []))[1].extend(texts_of([asked.query]))
        texts = {key: self._encoded(served.model, wanted) for key, (served, wanted) in models.items()}
        for work in batch:
            for at, asked in enumerate(work.asked):
                commit = asked.commit
                known = {**texts[id(commit.served_model)], **asked.known}
                embedder = QueryEmbedder(commit.index, commit.model, commit.media_root, known=known)
                try:
                    work.points[at] = embedder.embed(asked.query)
                except JepaError as error:
                    work.fail(error)

    def _encoded(self, model: Model, texts: Sequence[str]) -> dict[Source, np.ndarray]:
        """The vectors of some texts; those that are not remembered are encoded together."""
        new = [text for text in dict.fromkeys(texts) if (id(model), text) not in self._texts]
        if new:
            for text, vector in zip(new, model.y_encoder.encode(new), strict=True):
                self._texts[id(model), text] = vector
        found: dict[Source, np.ndarray] = {}
        for text in texts:
            self._texts.move_to_end((id(model), text))
            found[text] = self._texts[id(model), text]
        while len(self._texts) > MAX_KNOWN_TEXTS:
            self._texts.popitem(last=False)
        return found

    def _find(self, batch: Sequence[_Work]) -> None:
        """Search each index once for all queries with the same options."""
        groups: dict[tuple[int, SearchOptions], list[tuple[_Work, int]]] = {}
        for work in batch:
            if not work.future.done():
                for at, asked in enumerate(work.asked):
                    groups.setdefault((id(asked.commit), asked.options), []).append((work, at))
        for (_, options), members in groups.items():
            commit = members[0][0].asked[members[0][1]].commit
            try:
                results = run_embedded(
                    commit.index,
                    [work.asked[at].query for work, at in members],
                    [work.points[at] for work, at in members],
                    options,
                    media_root=commit.media_root,
                    null=commit.null,
                )
                for (work, at), result in zip(members, results, strict=True):
                    work.found[at] = Found(commit, result.hits, result.warnings, work.points[at].vector)
            except JepaError as error:
                for work, at in members:
                    _leave_out(work, at, error)
