"""What a worker of a distributed run does: hold a model and decoder processes, and embed shards of files."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from indexes import ClipRecord, FileRows, FingerprintMismatchError, MediaRecord
from indexes.rows import file_rows
from jepa_retrieval.media import DecodePool, FoundFile
from jepa_retrieval.models import load_model
from jepa_retrieval.tasks.indexing.options import IndexOptions
from jepa_retrieval.tasks.indexing.report import IndexProgress, IndexReport
from jepa_retrieval.tasks.indexing.run import IndexingRun


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """What workers have to know of the index and of the run."""

    model: str  # name
    prompt: str
    fingerprint: str
    embedding_size: int
    texts: tuple[str, ...]  # that the index keeps
    options: IndexOptions
    decoders: int  # decoder processes of each worker


@dataclass(frozen=True, slots=True)
class ShardResult:
    """A shard as it will be stored, and what its worker has to report."""

    rows: list[FileRows]
    report: IndexReport
    progress: IndexProgress | None  # the last of the shard


@dataclass(slots=True)
class _ShardRows:
    """Takes the records of a shard in place of a writer."""

    settings: WorkerSettings
    rows: list[FileRows] = field(default_factory=list)

    def put(self, media: MediaRecord, clips: Sequence[ClipRecord]) -> None:
        """Keep a file's rows; errors as of `IndexWriter.put`."""
        size, texts = self.settings.embedding_size, self.settings.texts
        self.rows.append(file_rows(media, clips, embedding_size=size, texts=texts))


class ShardWorker:
    """Embeds shards, one after the other; `progress` may be asked for meanwhile, from another thread.

    Raises:
        ModelError: the model is not on this machine.
        FingerprintMismatchError: it is another one than the index was made with.
        MediaError: decoder processes cannot be started.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._model = load_model(settings.model)
        if self._model.fingerprint(settings.prompt) != settings.fingerprint:
            raise FingerprintMismatchError(
                f"the model {settings.model} on {socket.gethostname()} is not the one that the index was made with"
            )
        self._pool = DecodePool(settings.decoders)
        self._progress: IndexProgress | None = None

    def identity(self) -> tuple[str, int]:
        """Host name and process id."""
        return socket.gethostname(), os.getpid()

    def progress(self) -> IndexProgress | None:
        """The state of the shard that is being embedded; None before its first step."""
        return self._progress

    def embed(self, files: Mapping[str, FoundFile]) -> ShardResult:
        """Decode and embed files, by stored path. A file that fails is a row with the reason."""
        self._progress = None
        sink = _ShardRows(self._settings)
        run = IndexingRun(
            self._model,
            sink,
            self._settings.options,
            prompt=self._settings.prompt,
            on_progress=self._note,
        )
        report = run.embed(files, pool=self._pool)
        return ShardResult(sink.rows, report, self._progress)

    def _note(self, progress: IndexProgress) -> None:
        self._progress = progress
