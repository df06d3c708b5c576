"""`Libraries`: several libraries that are searched as one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar, Unpack

from indexes.errors import FilterError, IndexStoreError
from jepa_retrieval.arguments import as_paths
from jepa_retrieval.errors import JepaError, UnreadableMediaError, UsageError
from jepa_retrieval.index_folder import existing_place, index_names, require_distinct
from jepa_retrieval.library import Library
from jepa_retrieval.tasks.searching.embed_query import QueryEmbedder, embed_source, texts_of
from jepa_retrieval.tasks.searching.fusion import wanted_words
from jepa_retrieval.tasks.searching.moments import Moment, ranked
from jepa_retrieval.tasks.searching.query import MomentQuery, Query, QueryLike, Source
from jepa_retrieval.tasks.searching.search import ManyOptions, SearchOptions, SearchResult, SeenMoments
from jepa_retrieval.tasks.searching.several import joined_warnings, merged, vector_of_moment

if TYPE_CHECKING:
    import numpy as np

    from indexes import Index
    from jepa_retrieval.models.parts import Model
    from jepa_retrieval.tasks.encoding.media_root import MediaRoot

_Found = TypeVar("_Found")

MAX_THREADS = 8  # indexes that are searched at the same time


@dataclass(frozen=True, slots=True)
class Unanswered:
    """An index that could not be opened or searched."""

    index: str  # as it was given
    error: str  # one sentence


@dataclass(frozen=True, slots=True)
class GatheredResult(SearchResult):
    """What a search over several libraries found; its hits name their index."""

    indexes: tuple[str, ...] = ()  # names of those that answered
    unanswered: tuple[Unanswered, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    """One of the libraries, by its name."""

    name: str
    library: Library

    @property
    def index(self) -> Index:
        return self.library.records

    @property
    def model(self) -> Model:
        return self.library.model

    @property
    def media_root(self) -> MediaRoot:
        return self.library.media_root


class Libraries:
    """Several libraries that are searched as one. Open them with `Libraries.open`."""

    def __init__(self, libraries: Mapping[str, Library], unanswered: Sequence[Unanswered] = ()) -> None:
        """Join libraries.

        Args:
            libraries: by name.
            unanswered: those that could not be opened.
        """
        self._members = [_Member(name, library) for name, library in libraries.items()]
        self.unanswered = tuple(unanswered)

    @classmethod
    def open(cls, folders: Sequence[Path | str]) -> Self:
        """Open indexes as `Library.open` does; `unanswered` names those that do not open.

        Raises:
            UsageError: an index is given twice.
            JepaError: none of them opens; the message says why.
        """
        given = as_paths("folders", folders)
        found = [existing_place(folder) for folder in given]
        require_distinct(found)
        opened: dict[str, Library] = {}
        unanswered: list[Unanswered] = []
        first: JepaError | None = None
        for folder, name in zip(found, index_names(found), strict=True):
            try:
                library = Library.open(folder)
                _ = library.model
                library.records.count_clips()  # reads what a search reads
                opened[name] = library
            except JepaError as error:
                first = first or error
                unanswered.append(Unanswered(str(folder), str(error)))
        if not opened:
            raise first if first is not None and len(found) == 1 else _none_answers(unanswered)
        return cls(opened, unanswered)

    def __getitem__(self, name: str) -> Library:
        """The library of this name."""
        for member in self._members:
            if member.name == name:
                return member.library
        raise UsageError(
            f"there is no index {name!r}; indexes are {', '.join(m.name for m in self._members)}"
        )

    @property
    def media_folders(self) -> list[Path]:
        """The folder that the paths of each are relative to."""
        return [member.media_root.folder for member in self._members]

    @property
    def places(self) -> list[str]:
        """Where the indexes are, for people."""
        return [member.index.place for member in self._members]

    @property
    def is_empty(self) -> bool:
        """Whether there are no clips in any of them."""
        return all(member.library.is_empty for member in self._members)

    def has_file(self, path: str) -> bool:
        """Whether one of the indexes has this path."""
        return any(member.index.clips_of(path) for member in self._members)

    def search(
        self, query: QueryLike, *, prompt: str | None = None, **options: Unpack[ManyOptions]
    ) -> GatheredResult:
        """Search all libraries at the same time, and merge what they find by confidence.

        Arguments are those of `Library.search`; `top` counts over all of them. A library that does not answer is
        named in `unanswered`, and the hits of the others are returned.

        Raises:
            UsageError: an argument is out of range, or a moment of the query is in none of the indexes, or in
                several.
            UnreadableMediaError: the query's file cannot be decoded.
            JepaError: none of the libraries answers.
        """
        began = time.perf_counter()
        query, chosen = Query.of(query), SearchOptions(**options)
        wanted_words(query, chosen.within)  # what no index can look for is an error of the query
        members, failed = self._ready()
        with ThreadPoolExecutor(MAX_THREADS) as threads:
            seen = list(
                threads.map(
                    lambda member, known: _answer(
                        lambda: member.library.find_seen(query, prompt=prompt, known=known, **options)
                    ),
                    members,
                    self._vectors(query, members),
                )
            )
            # Words of one index must know what the pictures of all show.
            best = max((one.confidence for one in seen if isinstance(one, SeenMoments)), default=0.0)
            answers = list(threads.map(lambda member, one: _with_words(member, one, best), members, seen))
        answered = list(zip(members, answers, strict=True))
        found = [(member, answer) for member, answer in answered if isinstance(answer, SearchResult)]
        failed += [(member, answer) for member, answer in answered if isinstance(answer, JepaError)]
        unanswered = [*self.unanswered, *(Unanswered(str(m.index.folder), str(e)) for m, e in failed)]
        if not found:
            raise _same_error([error for _, error in failed]) or _none_answers(unanswered)
        moments = merged(
            [(member, result.hits) for member, result in found],
            file_of=lambda member, moment: member.media_root.full(moment.path),
            per_file=chosen.per_file,
        )
        hits = [replace(moment, index=member.name) for member, moment in moments[: chosen.top]]
        return GatheredResult(
            query=str(query),
            model=", ".join(dict.fromkeys(result.model for _, result in found)),
            elapsed_ms=(time.perf_counter() - began) * 1000,
            hits=ranked(hits),
            warnings=tuple(joined_warnings([result.warnings for _, result in found])),
            indexes=tuple(member.name for member, _ in found),
            unanswered=tuple(unanswered),
        )

    def _ready(self) -> tuple[list[_Member], list[tuple[_Member, JepaError]]]:
        """The libraries that can be searched; those that cannot, with the reason."""
        ready, failed = [], []
        for member in self._members:
            try:
                _ = member.library.null  # encodes texts where it is not stored: not in several threads
                ready.append(member)
            except JepaError as error:
                failed.append((member, error))
        return ready, failed

    def _vectors(self, query: Query, members: Sequence[_Member]) -> list[dict[Source, np.ndarray]]:
        """The query's sources in the space of each index; what several share is embedded once."""
        texts: dict[str, dict[Source, np.ndarray]] = {}
        files: dict[tuple[str, Source], np.ndarray] = {}
        wanted = texts_of([query])
        others = [term.source for term in query.terms if not isinstance(term.source, str)]
        homes = {source: self._home(source) for source in others}
        vectors = []
        for member in members:
            manifest = member.index.manifest
            if manifest.model not in texts:
                encoded = list(member.model.y_encoder.encode(wanted)) if wanted else []
                texts[manifest.model] = dict(zip(wanted, encoded, strict=True))
            for source in others:
                key = (manifest.fingerprint, source)
                if key not in files:
                    files[key] = self._file_vector(source, homes[source], member)
            mine = dict(texts[manifest.model])
            mine.update({source: files[manifest.fingerprint, source] for source in others})
            vectors.append(mine)
        return vectors

    def _file_vector(self, source: Source, home: _Member | None, target: _Member) -> np.ndarray:
        """A source that is no text: as an index with the same fingerprint stores it, else from the file."""
        assert not isinstance(source, str)
        if isinstance(source, MomentQuery):
            assert home is not None
            return vector_of_moment(source, home, target, lambda: home.library.resolve(source.path))
        for member in self._members:
            if member.index.manifest.fingerprint == target.index.manifest.fingerprint:
                stored = QueryEmbedder(member.index, member.model, member.media_root).as_indexed(source)
                if stored is not None:
                    return stored
        return embed_source(source, target.model, prompt=target.index.manifest.prompt)

    def _home(self, source: Source) -> _Member | None:
        """The library that a stored moment belongs to; None for any other source.

        Raises:
            UsageError: none has it, or several have.
        """
        if not isinstance(source, MomentQuery):
            return None
        having = [member for member in self._members if member.index.clips_of(source.path)]
        if len(having) == 1:
            return having[0]
        if not having:
            raise UsageError(f"{source.path}: in none of the indexes")
        raise UsageError(
            f"{source.path}: in several of the indexes ({', '.join(member.name for member in having)}): "
            f"give its path on disk, such as {having[0].library.resolve(source.path)}"
        )


def library_of(library: Library | Libraries, index: str | None) -> Library:
    """The library that a moment is of.

    Args:
        library: what was searched.
        index: `Moment.index`.
    """
    if not isinstance(library, Libraries):
        return library
    if index is None:
        raise UsageError("a moment of several indexes must name its index")
    return library[index]


def _answer(search: Callable[[], _Found]) -> _Found | JepaError:
    try:
        return search()
    except UnreadableMediaError:
        raise
    except JepaError as error:
        return error


def _with_words(member: _Member, seen: SeenMoments | JepaError, best: float) -> SearchResult | JepaError:
    if isinstance(seen, JepaError):
        return seen
    return _answer(lambda: seen.result(seen_elsewhere=best).with_thumbnails(member.library))


def _same_error(errors: Sequence[JepaError]) -> JepaError | None:
    """The error of all indexes, if it is the same; of a filter, with the columns that any of them has."""
    if len({str(error) for error in errors}) == 1:
        return errors[0]
    faults = [error for error in errors if isinstance(error, FilterError)]
    if len(faults) < len(errors) or len({error.fault for error in faults}) > 1:
        return None
    return FilterError(faults[0].fault, list(dict.fromkeys(name for e in faults for name in e.columns)))


def _none_answers(unanswered: Sequence[Unanswered]) -> IndexStoreError:
    named = "; ".join(dict.fromkeys(one.error for one in unanswered))
    return IndexStoreError(f"none of the indexes answers: {named}")


__all__ = ["GatheredResult", "Libraries", "Moment", "Unanswered", "library_of"]
