"""Index files: decode, embed, cut into clips, store. Decoding and inference run side by side."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from indexes import IndexFormatError, IndexStoreError, IndexWriteError
from indexes.records import ClipRecord, MediaRecord
from jepa_retrieval.errors import UnreadableMediaError, UsageError
from jepa_retrieval.media import (
    Decoded,
    DecodePool,
    DecodeRequest,
    Failed,
    Finished,
    FoundFile,
    MediaInfo,
    MediaWindow,
    Probed,
    Sampling,
    head_hash,
    is_there,
    resolve_decoder,
)
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.encoding.files import decode_request
from jepa_retrieval.tasks.encoding.windows import WindowEncoder
from jepa_retrieval.tasks.indexing.clips import ClipBuilder, EncodedWindow, sound_clips
from jepa_retrieval.tasks.indexing.failures import FileFailure
from jepa_retrieval.tasks.indexing.options import IndexOptions
from jepa_retrieval.tasks.indexing.report import IndexProgress, IndexReport, ProgressCallback

logger = logging.getLogger(__name__)

WORKERS = 2  # decoding processes, unless the caller says otherwise
BATCH_FRAMES = 32  # two batches that run side by side; larger ones are no faster on a CPU


class FileSink(Protocol):
    """Where finished files go: an `IndexWriter`, or what stands for one in another process."""

    def put(self, media: MediaRecord, clips: Sequence[ClipRecord]) -> object:
        """Store a file with all its clips; errors as of `IndexWriter.put`."""
        ...


@dataclass(slots=True)
class _OpenFile:
    """A file that is being decoded, or whose last windows wait for the model."""

    text: str
    found: FoundFile
    builder: ClipBuilder
    info: MediaInfo | None = None
    waiting: int = 0  # windows decoded but not yet embedded
    finished: Finished | None = None  # the last event of the file, once it has come


class IndexingRun:
    """One pass over the files of a plan: windows of all files share the model's batches."""

    def __init__(
        self,
        model: Model,
        writer: FileSink,
        options: IndexOptions,
        *,
        prompt: str,
        on_progress: ProgressCallback | None = None,
    ) -> None:
        self._encoder = WindowEncoder(model, prompt=prompt)
        self._model = model
        self._writer = writer
        self._options = options
        self._on_progress = on_progress
        self._batch_frames = BATCH_FRAMES
        self._pending: list[tuple[_OpenFile, MediaWindow]] = []
        self._pending_frames = 0
        self._report = IndexReport()
        self._files_done = self._files_total = self._clips = 0
        self._media_seconds = 0.0
        self._began = time.monotonic()

    def embed(self, files: Mapping[str, FoundFile], *, pool: DecodePool | None = None) -> IndexReport:
        """Decode, embed and store every file; a file that fails is stored with the reason and the run goes on.

        Args:
            files: by stored path.
            pool: decoder processes of the caller; None for processes that end with this call.

        Raises:
            UsageError: the decoder "nvdec" is asked for, and the model does not run on a GPU.
            MediaError: that decoder cannot be used here, or decoder processes cannot be started.
        """
        if not files:
            return self._report
        self._files_total = len(files)
        opened: dict[Path, _OpenFile] = {}

        def requests() -> Iterator[DecodeRequest]:
            for text, found in files.items():
                opened[found.path] = _OpenFile(text, found, ClipBuilder())
                yield decode_request(
                    found.path,
                    self._model,
                    sampling=self._options.sampling,
                    thumbnails=True,
                    decoder=self._options.decoder,
                    sound=bool(self._options.audio),
                )

        own = nullcontext(pool) if pool else DecodePool(min(self._options.workers or WORKERS, len(files)))
        with own as decoders:
            self._encoder.prepare()  # while the workers start
            # A GPU is only busy with large batches; how large is a matter of its memory.
            self._batch_frames = max(BATCH_FRAMES, getattr(self._model.x_encoder, "batch_frames", 0))
            for event in decoders.run(requests(), device=self._decoding_device()):
                file = opened[event.request.path]
                match event:
                    case Probed(info=info):
                        file.info = info
                    case Decoded(windows=windows):
                        self._take(file, windows)
                    case Finished():
                        file.finished = event
                        self._store_if_complete(file)
                        del opened[event.request.path]
                    case Failed(reason=reason):
                        self._fail(file, reason)
                        del opened[event.request.path]
            self._flush()
        return self._report

    def _decoding_device(self) -> str | None:
        """Where this process decodes videos; None if it does not."""
        if resolve_decoder(self._options.decoder) != "nvdec":
            return None
        device: str | None = getattr(self._model.x_encoder, "device", None)
        if device is None:
            raise UsageError(
                f"the decoder nvdec hands frames to a model on a GPU, and {self._model.name} runs on the CPU: "
                "use the device cuda, or the decoder pyav"
            )
        from jepa_retrieval.media.gpu.reading import check_gpu_decoder

        check_gpu_decoder(device)
        return device

    def _take(self, file: _OpenFile, windows: list[MediaWindow]) -> None:
        for window in windows:
            file.waiting += 1
            self._pending.append((file, window))
            self._pending_frames += len(window.frames)
            if self._pending_frames >= self._batch_frames:
                self._flush()

    def _flush(self) -> None:
        """Embed all waiting windows and store the files that are complete with them."""
        if not self._pending:
            return
        batch, self._pending, self._pending_frames = self._pending, [], 0
        encoded = self._encoder.encode([window for _, window in batch])
        for (file, window), embedding, tokens in zip(batch, *encoded, strict=True):
            file.builder.add(
                EncodedWindow(
                    window.start,
                    window.end,
                    embedding,
                    tokens.astype("float16") if self._options.keep_tokens else None,
                    window.thumbnail,
                )
            )
            file.waiting -= 1
            self._media_seconds += (window.end or 0.0) - (window.start or 0.0)
        for file in {id(file): file for file, _ in batch}.values():
            self._store_if_complete(file)
        self._tell(batch[-1][0].text)

    def _store_if_complete(self, file: _OpenFile) -> None:
        if file.waiting or file.finished is None or file.info is None:
            return
        record = _record(file, file.info, file.finished, self._options.sampling)
        if record.kind == "audio":
            clips = sound_clips(record.duration or 0.0, self._model.embedding_size)
            self._media_seconds += record.duration or 0.0
        else:
            clips = file.builder.finish()
        try:
            self._writer.put(record, clips)
        except (IndexWriteError, IndexFormatError):
            raise
        except IndexStoreError as error:  # this one file cannot be stored
            self._fail(file, str(error))
            return
        if file.finished.warnings and record.error is None:
            self._report.warnings.append(FileFailure(file.text, "; ".join(file.finished.warnings)))
        if record.error is not None:
            logger.info("%s: %s", file.text, record.error)
            self._report.partial.append(FileFailure(file.text, record.error))
        self._report.indexed += 1
        if file.finished.fetched:
            self._report.fetched += file.finished.fetched
            self._report.fetched_of += file.found.size
        self._files_done += 1
        self._clips += len(clips)

    def _fail(self, file: _OpenFile, reason: str) -> None:
        self._pending = [(other, window) for other, window in self._pending if other is not file]
        self._pending_frames = sum(len(window.frames) for _, window in self._pending)
        logger.info("%s: %s", file.text, reason)
        if is_there(file.found.path):
            self._note_failure(file, reason)
        # Else it vanished, perhaps with its disk: what the index has of it is as good as before.
        self._report.failed.append(FileFailure(file.text, reason))
        self._files_done += 1
        self._tell(file.text)

    def _note_failure(self, file: _OpenFile, reason: str) -> None:
        try:
            self._writer.put(failed_record(file.text, file.found, reason), [])
        except (IndexWriteError, IndexFormatError):
            raise
        except IndexStoreError as error:  # the report names it all the same
            logger.info("%s: the failure is not stored: %s", file.text, error)

    def _tell(self, current: str) -> None:
        if self._on_progress is not None:
            self._on_progress(
                IndexProgress(
                    files_done=self._files_done,
                    files_total=self._files_total,
                    media_seconds=self._media_seconds,
                    clips=self._clips,
                    failed=len(self._report.failed),
                    current=current,
                    elapsed=time.monotonic() - self._began,
                )
            )


def _record(file: _OpenFile, info: MediaInfo, finished: Finished, sampling: Sampling) -> MediaRecord:
    return MediaRecord(
        path=file.text,
        size=file.found.size,
        mtime_ns=file.found.mtime_ns,
        content_hash=finished.content_hash,
        kind=info.kind,
        duration=finished.duration if finished.duration is not None else info.duration,
        width=info.width or None,
        height=info.height or None,
        frame_rate=info.frame_rate,
        codec=info.codec,
        sampling=str(sampling) if info.kind == "video" else "",
        state="ok" if finished.partial is None else "partial",
        error=finished.partial,
    )


def failed_record(text: str, found: FoundFile, reason: str) -> MediaRecord:
    """The record of a file that could not be indexed, by its stored path."""
    try:
        digest = head_hash(found.path)
    except UnreadableMediaError:
        digest = ""  # unreadable: the next run tries again
    return MediaRecord(
        path=text, size=found.size, mtime_ns=found.mtime_ns, content_hash=digest, state="failed", error=reason
    )
