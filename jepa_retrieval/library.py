"""`Library`: a folder of media and its index, the one door for Python users and the command line."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, Unpack

from indexes import Index, IndexWriteError, SearchSettings
from indexes.milvus.address import is_address
from jepa_retrieval.arguments import as_paths
from jepa_retrieval.index_folder import INDEX_NAME, existing_index, find_index, folders_of_new_index
from jepa_retrieval.library_search import SearchableIndex
from jepa_retrieval.library_states import StateVerbs
from jepa_retrieval.models import load_model
from jepa_retrieval.source_paths import is_remote
from jepa_retrieval.stores.mirror import IndexMirror
from jepa_retrieval.stores.stored_index import StoredIndex, changing, open_index, renewed
from jepa_retrieval.tasks.searching.moments import Moment
from jepa_retrieval.tasks.searching.query import ImageQuery, MomentQuery, Query, VideoQuery
from jepa_retrieval.tasks.searching.search import SearchResult
from jepa_retrieval.user_paths import absolute, exists

if TYPE_CHECKING:
    # Indexing brings in decoders, counting reads the tables: a text search must wait for neither.
    from indexes import IndexStats, Problem
    from indexes.milvus.publish import OnProgress, PublishReport
    from jepa_retrieval.tasks.asking.ask import Answers, AskOptions
    from jepa_retrieval.tasks.asking.candidates import Candidate
    from jepa_retrieval.tasks.asking.classify import Classification, ClassifyOptions
    from jepa_retrieval.tasks.encoding.timed_text import TimedText
    from jepa_retrieval.tasks.encoding.transcript import Transcript
    from jepa_retrieval.tasks.indexing.failures import FileFailure
    from jepa_retrieval.tasks.indexing.options import IndexKeywords
    from jepa_retrieval.tasks.indexing.report import IndexReport, ProgressCallback
    from jepa_retrieval.tasks.indexing.update import IndexUpdate
    from jepa_retrieval.tasks.searching.dedupe import DuplicateReport

__all__ = [
    "INDEX_NAME",
    "ImageQuery",
    "Library",
    "Moment",
    "MomentQuery",
    "Query",
    "SearchResult",
    "VideoQuery",
    "find_index",
]

DEFAULT_MODEL = "nano"


class Library(SearchableIndex, StateVerbs):
    """A folder of media and its index. Open one with `Library.open`, make one with `Library.create`."""

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """Open the index `folder`, the one in `folder/.jepa`, or one elsewhere by its address.

        An index in an object store (s3://bucket/key) is copied to the user's cache. One that was published to Milvus
        (milvus+http://...) is searched there.

        Raises:
            IndexNotFoundError: there is none.
            IndexStoreError: of one elsewhere: packages are missing, or its server does not answer.
        """
        if is_address(folder):
            from indexes.milvus.index import MilvusIndex

            return cls(MilvusIndex.open(folder))
        return cls(open_index(existing_index(folder)))

    @classmethod
    def create(
        cls,
        media: Path | str,
        *,
        index: Path | str | None = None,
        model: str = DEFAULT_MODEL,
        prompt: str | None = None,
    ) -> Self:
        """Make a new, empty index for a folder of media.

        Args:
            media: the folder that stored paths are relative to.
            index: where the index goes, a folder or an address s3://bucket/key; None for `.jepa` in `media`. What is
                in a store appears there at the end of the first `index`.
            model: a name that `jepa_retrieval.models.list_models` knows.
            prompt: the query X_Q that clips are predicted with; None for the model's own.

        Raises:
            UsageError: `media` is no existing folder, or the model is unknown.
            IndexWriteError: there is an index already, or the folder cannot be written.
        """
        root, place = folders_of_new_index(media, index)
        mirror = IndexMirror(place) if is_remote(place) else None
        if mirror is not None and mirror.exists():
            raise IndexWriteError(
                f"{mirror.url} is an index already: open it with Library.open({mirror.url!r})"
            )
        folder = place if mirror is None else mirror.folder
        loaded = load_model(model)
        created = Index.create(
            folder,
            model=model,
            prompt=loaded.prompt if prompt is None else prompt,
            fingerprint=loaded.fingerprint(prompt),
            embedding_size=loaded.embedding_size,
            # An index beside its media moves with it, so it must not remember where that was.
            media_root=None if folder == root / INDEX_NAME else root,
        )
        return cls(created if mirror is None else StoredIndex(mirror))

    def __repr__(self) -> str:
        return f"Library.open({str(self.folder)!r})"

    def index(
        self,
        paths: Path | str | Sequence[Path | str] = (),
        *,
        rebuild: bool = False,
        dry_run: bool = False,
        model: str | None = None,
        prompt: str | None = None,
        on_progress: ProgressCallback | None = None,
        **options: Unpack[IndexKeywords],
    ) -> IndexReport:
        """Bring the index up to date with the files under `paths` (default: the media root).

        New and changed files are decoded and embedded, moved ones renamed, deleted ones removed. Files on a disk that
        is not there, and those that the options no longer select, are kept. What is done is kept when the run is
        interrupted; running again goes on from there.

        Args:
            paths: a file or a folder, or a list of them.
            rebuild: embed everything again; the old index is in use until the new one is complete.
            dry_run: only plan; the report's `planned` says what would happen.
            model: with `rebuild`, the model of the new index; None for the same one.
            prompt: with `rebuild`, the prompt of the new index; None for the same one.
            on_progress: called after every step.
            options: the fields of `jepa_retrieval.tasks.indexing.options.IndexOptions`, which describes them.

        Raises:
            UsageError: none of the paths exists, nor has the index anything there; or the decoder is unknown or not
                installed.
            IndexLockedError: another process is writing.
            IndexWriteError: the disk is full or the folder read-only; what was stored before is still good.
            FingerprintMismatchError: the model is not the one the index was made with.
        """
        from jepa_retrieval.tasks.indexing.options import IndexOptions
        from jepa_retrieval.tasks.indexing.update import IndexUpdate, moved_media_root

        began = time.monotonic()
        given = as_paths("paths", paths) or [self.media_root.folder]
        roots = list(dict.fromkeys(map(absolute, given)))
        media_root = moved_media_root(self._index, roots, self.media_root)
        update = IndexUpdate(roots, IndexOptions(**options), media_root, on_progress)
        if dry_run:
            report = update.dry_run(self._index, embed_all=rebuild)
        else:
            report = self._apply(update, rebuild=rebuild, model=model, prompt=prompt)
        report.seconds = time.monotonic() - began
        return report

    def _apply(
        self, update: IndexUpdate, *, rebuild: bool, model: str | None, prompt: str | None
    ) -> IndexReport:
        """Do what `index` does with the files; the library has the new index then."""
        with changing(self._index):
            if rebuild:
                new, report = update.rebuild(self._index, model=model, prompt=prompt)
                self._index = renewed(self._index, new)
                self.__dict__.pop("model", None)
            else:
                report = update.apply(self._index, self.model)
                self._index.refresh()
            self.__dict__.pop("media_root", None)
            if report.indexed:
                # A first use converts it, which needs PyTorch: the first search must not wait for that.
                _ = self.model.y_encoder
            self.calibrate()
        report.clips = self._index.stats().clips
        return report

    def classify(
        self,
        labels: Sequence[str | Candidate],
        *,
        where: str | None = None,
        **options: Unpack[ClassifyOptions],
    ) -> Classification:
        """Name what clips, moments or files show; nothing is decoded.

        Args:
            labels: the candidates: names, or `Candidate`s with the texts that stand for them.
            where: SQL condition over the clips' columns, as in `search`.
            options: `templates`, `per`, `top`, `prompt`: see `jepa_retrieval.tasks.asking.classify.classify`.

        Raises:
            UsageError: no labels, a template without `{}`, or a prompt where the model or the index takes none.
            FilterError: `where` is not valid.
        """
        from jepa_retrieval.tasks.asking.classify import classify
        from jepa_retrieval.tasks.asking.clip_set import IndexedClips
        from jepa_retrieval.tasks.searching.stored_clips import Selection

        clips = IndexedClips(self._index, Selection(where))
        return classify([clips], self.model, labels, **options).with_thumbnails(self)

    def ask(
        self,
        question: str,
        *,
        where: str | None = None,
        search: str | None = None,
        clips: int = 100,
        **options: Unpack[AskOptions],
    ) -> Answers:
        """Answer a question about clips, moments or files; nothing is decoded.

        Args:
            question: in any words that the model knows.
            where: SQL condition over the clips' columns, as in `search`.
            search: ask only about the clips nearest to this text.
            clips: with `search`, how many.
            options: `answers`, `answer`, `per`, `top`, as `jepa_retrieval.tasks.asking.ask.ask` describes them.

        Raises:
            UsageError: an empty question or search, an answer that is no candidate, a model that takes no questions,
                an index without tokens.
            FilterError: `where` is not valid.
        """
        from jepa_retrieval.tasks.asking.indexed import ask_index
        from jepa_retrieval.tasks.searching.stored_clips import Selection

        selection = Selection(where)
        found = ask_index(
            self._index, self.model, question, selection=selection, search=search, clips=clips, **options
        )
        return found.with_thumbnails(self)

    def transcript(self, path: Path | str) -> Transcript | None:
        """What is said in an indexed file, by its path on disk or in the index; None if the index does not know."""
        from jepa_retrieval.tasks.encoding.transcript import stored_transcript

        return stored_transcript(self._index, self._stored_path(path))

    def words(self, path: Path | str) -> list[TimedText]:
        """What is said and written in an indexed file, line by line in the order of time; empty if it is not known.

        Args:
            path: on disk, or in the index.
        """
        from jepa_retrieval.tasks.encoding.timed_text import words_of_file

        return words_of_file(self._index, self._stored_path(path))

    def _stored_path(self, path: Path | str) -> str:
        """The stored form of a path: of the file that lies there if there is one, also if that is not indexed."""
        text = self.media_root.to_text(path)
        return text if exists(absolute(path)) or self._index.clips_of(text) else str(path)

    def remove(self, paths: Path | str | Sequence[Path | str]) -> int:
        """Forget a file or a folder, or a list of them; the media stay on disk. Returns how many files were known."""
        from jepa_retrieval.tasks.indexing.remove import remove_files

        with changing(self._index):
            removed = remove_files(self._index, as_paths("paths", paths), self.media_root)
            self._index.refresh()
            self._calibrate_if_possible()
        return removed

    def optimize(self, settings: SearchSettings | None = None) -> None:
        """Make the index smaller and faster: compact the tables, drop old versions, rebuild the vector files.

        Args:
            settings: search settings to store and use from now on; None keeps those that are stored.

        Raises:
            IndexStoreError: searching so many clips takes more memory than the settings allow.
        """
        with changing(self._index):
            self._index.maintenance.optimize(settings=settings)
            self._index.refresh()
            self._calibrate_if_possible()

    def publish(self, to: str, *, on_progress: OnProgress | None = None) -> PublishReport:
        """Mirror the index to Milvus: what is new, changed and removed since it was published last is sent.

        It can be interrupted at any time; the next call goes on.

        Args:
            to: an address, such as "milvus+http://HOST:19530" or "milvus+file:clips.db"; see docs/milvus.md.
            on_progress: called with the number of clips that are done, and of all that have to be sent.

        Raises:
            IndexStoreError: it is no address, packages are missing, or Milvus does not answer.
        """
        from indexes.milvus.address import MilvusAddress
        from indexes.milvus.publish import publish

        self._index.refresh()
        return publish(self._index, MilvusAddress.parse(to), on_progress=on_progress)

    def failures(self) -> list[FileFailure]:
        """Files that could not be indexed, and why."""
        from jepa_retrieval.tasks.indexing.failures import files_in_state

        return files_in_state(self._index, "failed")

    def partial_files(self) -> list[FileFailure]:
        """Files that are indexed in part, and what of them could not be read."""
        from jepa_retrieval.tasks.indexing.failures import files_in_state

        return files_in_state(self._index, "partial")

    def files_lacking(self, text: Literal["speech", "writing"]) -> list[FileFailure]:
        """Files of which it is not, or only in part, known what is said or written; UsageError if none is kept."""
        from jepa_retrieval.tasks.indexing.coverage import files_lacking

        return files_lacking(self._index, text, self.media_root)

    def status(self) -> IndexStats:
        """How many files and clips there are, and what they cost on disk."""
        return self._index.stats()

    def verify(self) -> list[Problem]:
        """What is wrong with the index, and how to mend it; an empty list if nothing is."""
        from jepa_retrieval.tasks.indexing.health import find_problems

        return find_problems(self._index, lambda: self.model, self.media_root)

    def duplicates(self, *, threshold: float | None = None) -> DuplicateReport:
        """Files and scenes that the index has more than once; nothing is deleted.

        Args:
            threshold: minimum cosine of two windows that may show the same picture; None for the default.
        """
        from jepa_retrieval.tasks.searching.dedupe import DEFAULT_THRESHOLD, find_duplicates

        least = DEFAULT_THRESHOLD if threshold is None else threshold
        return find_duplicates(self._index, media_root=self.media_root, threshold=least)
