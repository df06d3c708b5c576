"""Saved searches: kept in a file, and run again over what is new when an index has a new commit."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from indexes.files import write_atomically
from indexes.schema import utc_time
from jepa_retrieval.errors import JepaError
from jepa_retrieval.serving.alerts import Alerts
from jepa_retrieval.serving.describe import hit
from jepa_retrieval.serving.media_files import MediaFiles
from jepa_retrieval.serving.problems import ProblemError
from jepa_retrieval.serving.queries import QueryReader
from jepa_retrieval.serving.schemas.saved import SavedSearch, SavedSearchRequest
from jepa_retrieval.serving.schemas.search import terms_of
from jepa_retrieval.serving.searching import Searcher
from jepa_retrieval.serving.served import Commit
from jepa_retrieval.tasks.searching.search import SearchOptions

logger = logging.getLogger(__name__)

FILE_NAME = "saved-searches.json"
MAX_SEARCHES = 200
MAX_BYTES = 16 * 2**20  # of the file: pictures are kept in it
MAX_HITS = 20  # of one search in one commit
ALERT_CONFIDENCE = 0.5  # of a search that asks for none


class SavedSearchStore:
    """The saved searches of a user, in a file of theirs."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE_NAME
        self._searches: dict[str, SavedSearch] | None = None

    def all(self) -> list[SavedSearch]:
        """In the order in which they were saved."""
        return list(self._read().values())

    def add(self, request: SavedSearchRequest) -> SavedSearch:
        """Keep a search.

        Raises:
            ProblemError: there are too many, or the file cannot be written.
        """
        if len(self._read()) >= MAX_SEARCHES:
            raise ProblemError(422, f"at most {MAX_SEARCHES} searches are kept: delete one first")
        saved = SavedSearch(**request.model_dump(), id=uuid.uuid4().hex, created=utc_time(time.time_ns()))
        self._write({**self._read(), saved.id: saved})
        return saved

    def remove(self, search_id: str) -> None:
        """Forget a search.

        Raises:
            ProblemError: there is none of that id.
        """
        searches = dict(self._read())
        if searches.pop(search_id, None) is None:
            raise ProblemError(404, "there is no such saved search")
        self._write(searches)

    def _read(self) -> dict[str, SavedSearch]:
        if self._searches is None:
            try:
                found = [SavedSearch(**entry) for entry in json.loads(self._file.read_text("utf-8"))]
            except FileNotFoundError:
                found = []
            except (OSError, ValueError, TypeError, ValidationError) as error:
                raise ProblemError(
                    503, f"the file of saved searches cannot be read: {type(error).__name__}"
                ) from None
            self._searches = {saved.id: saved for saved in found}
        return self._searches

    def _write(self, searches: dict[str, SavedSearch]) -> None:
        content = json.dumps([saved.model_dump(mode="json") for saved in searches.values()]).encode()
        if len(content) > MAX_BYTES:
            raise ProblemError(422, "the saved searches have too many pictures: delete one first")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._file, content)
        except OSError as error:
            raise ProblemError(503, f"saved searches cannot be written: {error.strerror}") from None
        self._searches = searches


class AlertWatcher:
    """Runs saved searches over the clips that a new commit has and the one before had not."""

    def __init__(
        self,
        store: SavedSearchStore,
        queries: QueryReader,
        searcher: Searcher,
        files: MediaFiles,
        alerts: Alerts,
    ) -> None:
        self._store = store
        self._queries = queries
        self._searcher = searcher
        self._files = files
        self._alerts = alerts

    async def check(self, before: Mapping[int, Commit], now: Mapping[int, Commit]) -> None:
        """Look at what is new; an error of one search is logged and stops none of the others."""
        for number, commit in now.items():
            old = before.get(number)
            if old is None or old.version == commit.version:
                continue
            same_index = old.index.manifest.index_id == commit.index.manifest.index_id
            first = old.index.manifest.commit.next_clip_id if same_index else 0
            for saved in self._store.all():
                if saved.alert and (saved.indexes is None or commit.name in saved.indexes):
                    try:
                        await self._run(saved, commit, first)
                    except (JepaError, ProblemError) as error:
                        logger.warning("the saved search %r: %s", saved.name, error)

    async def _run(self, saved: SavedSearch, commit: Commit, first: int) -> None:
        new = f"clip_id >= {first}"
        options = SearchOptions(
            top=MAX_HITS,
            where=new if saved.filter is None else f"({saved.filter}) and {new}",
            per_file=saved.group_by == "file",
            min_confidence=saved.min_confidence or ALERT_CONFIDENCE,
        )
        (found,) = await self._searcher.search(
            await self._queries.read(terms_of(saved.query), [commit], options)
        )
        likely = [moment for moment in found.moments if moment.confidence is not None]
        self._alerts.add_hits(
            saved,
            [hit(commit, moment, self._files, rank=rank) for rank, moment in enumerate(likely, start=1)],
        )
