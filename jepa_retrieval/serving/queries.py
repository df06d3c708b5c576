"""What clients ask for, as queries for each index: pictures, clips and files become vectors in its model's space."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import anyio.to_thread
import numpy as np

from jepa_retrieval.serving.media_files import MediaFiles
from jepa_retrieval.serving.problems import ProblemError
from jepa_retrieval.serving.schemas.search import Term
from jepa_retrieval.serving.searching import Asked
from jepa_retrieval.serving.served import Commit, ServedIndexes
from jepa_retrieval.serving.uploads import UploadedPictures, picture_of
from jepa_retrieval.tasks.searching.fusion import wanted_words
from jepa_retrieval.tasks.searching.query import MomentQuery, Query, Source
from jepa_retrieval.tasks.searching.query import Term as QueryTerm
from jepa_retrieval.tasks.searching.search import SearchOptions
from jepa_retrieval.tasks.searching.several import vector_of_moment


@dataclass(frozen=True, slots=True)
class QueryReader:
    """Makes queries of terms."""

    indexes: ServedIndexes
    files: MediaFiles
    pictures: UploadedPictures

    async def read(
        self, terms: Sequence[Term], commits: Sequence[Commit], options: SearchOptions
    ) -> list[Asked]:
        """One search for each commit.

        What is wrong with a query whatever the index is refused here: it does not reach searches that run with it.

        Raises:
            UsageError: a text is blank, or nothing but quotation marks, or words are looked for where there are none.
            ProblemError: a term names what is not there, or its picture is no data URL.
            UnreadableMediaError: a picture or a file cannot be decoded.
        """
        if all(term.text is not None for term in terms):
            for term in terms:
                Query.text(term.text or "")  # refuses what says nothing
            query = Query(tuple(QueryTerm(term.text or "", term.weight) for term in terms))
            wanted_words(query, options.within)
            return [Asked(commit, query, options) for commit in commits]
        return await anyio.to_thread.run_sync(partial(self._read, terms, commits, options))

    def _read(self, terms: Sequence[Term], commits: Sequence[Commit], options: SearchOptions) -> list[Asked]:
        sources = [self._source(number, term) for number, term in enumerate(terms)]
        query = Query(
            tuple(QueryTerm(source, term.weight) for source, term in zip(sources, terms, strict=True))
        )
        wanted_words(query, options.within)
        return [
            Asked(
                commit,
                query,
                options,
                {
                    source: self._vector(term, commit)
                    for source, term in zip(sources, terms, strict=True)
                    if term.text is None
                },
            )
            for commit in commits
        ]

    def _source(self, number: int, term: Term) -> Source:
        """What stands for a term in the query: its text, or a name that is no file's."""
        return term.text if term.text is not None else MomentQuery(f"term {number}")

    def _vector(self, term: Term, commit: Commit) -> np.ndarray:
        """What a term other than a text shows, in the space of a commit's model: float32 [E]."""
        if term.image_url is not None:
            return self.pictures.embed(
                picture_of(term.image_url), commit.model, prompt=commit.index.manifest.prompt
            )
        home, path, start, end = self._interval(term)
        moment = MomentQuery(path, start, end)
        return vector_of_moment(moment, home, commit, lambda: self.files.readable(home, path))

    def _interval(self, term: Term) -> tuple[Commit, str, float | None, float | None]:
        """The file and times that a term names."""
        if term.clip_id is not None:
            home, clip_id = self.indexes.commit_of(term.clip_id)
            (row,) = home.index.clips([clip_id], columns=["path", "start", "end"]).to_pylist()
            return home, row["path"], row["start"], row["end"]
        assert term.media_id is not None
        home, path = file_of(self.indexes, term.media_id)
        return home, path, term.start, term.end


def file_of(indexes: ServedIndexes, media_id: int) -> tuple[Commit, str]:
    """The commit and the stored path of a file.

    Raises:
        ProblemError: there is none of that number.
    """
    commit, number = indexes.commit_of(media_id)
    path = commit.files.path_of(number)
    if path is None:
        raise ProblemError(404, f"there is no file with the number {media_id}; it may have been indexed anew")
    return commit, path


def write_cursor(position: int, request: object) -> str:
    """A cursor that goes on at a position of the answers to a request."""
    content = json.dumps([position, _digest(request)]).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def read_cursor(cursor: str | None, request: object) -> int:
    """The position of a cursor; 0 without one.

    Raises:
        ProblemError: it is not one of this server's, or of another request.
    """
    if cursor is None:
        return 0
    try:
        position, digest = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError):
        raise ProblemError(422, "the cursor is not valid") from None
    if isinstance(position, bool) or not isinstance(position, int) or not 0 <= position < 2**53:
        raise ProblemError(422, "the cursor is not valid")
    if digest != _digest(request):
        raise ProblemError(422, "the cursor is of another request: the other fields must stay the same")
    return position


def _digest(request: object) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:12]
