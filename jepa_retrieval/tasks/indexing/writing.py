"""What is written in the files of an index: the next pictures are decoded while those before are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.changes import ChangedPictures
from jepa_retrieval.models.writing import TextReader
from jepa_retrieval.tasks.encoding.writing import ReadPicture, changed_pictures, writing_of_clips
from jepa_retrieval.tasks.indexing.failures import FileFailure
from jepa_retrieval.tasks.indexing.speech import OnFile
from jepa_retrieval.user_paths import exists

if TYPE_CHECKING:
    from indexes import Index, IndexWriter
    from indexes.records import ClipHit
    from jepa_retrieval.tasks.encoding.media_root import MediaRoot

_Portion = tuple[str, ChangedPictures | UnreadableMediaError]  # of the file at this path


@dataclass(slots=True)
class WritingReport:
    """What reading the pictures of files led to."""

    files: int = 0  # whose writing is in the index now
    failed: list[FileFailure] = field(default_factory=list)


def add_writing(
    index: Index,
    writer: IndexWriter,
    reader: TextReader,
    media_root: MediaRoot,
    *,
    on_file: OnFile | None = None,
) -> WritingReport:
    """Store what is written in each file that was not read yet. Pictures are not embedded again.

    Args:
        index: to read from.
        writer: of the same index.
        reader: for text in pictures.
        media_root: what stored paths are relative to.
        on_file: called with the files that are done, how many there are, and the path of the next.
    """
    writer.keep_writing()
    writer.commit()
    index.refresh()
    files = _files_to_read(index, media_root)
    report = WritingReport()
    pictures: list[ReadPicture] = []  # of the file that is being read
    for text, portion in _ahead(_portions(files, media_root)):
        if on_file is not None:
            on_file(report.files + len(report.failed), len(files), text)
        if isinstance(portion, UnreadableMediaError):
            report.failed.append(FileFailure(text, portion.reason))
            pictures = []
            continue
        pictures += [(time, reader.read(picture)) for time, picture in portion.pictures]
        if portion.next_time is None:
            writer.put_writing(text, writing_of_clips(pictures, files[text], reader.name))
            report.files += 1
            pictures = []
    return report


def _files_to_read(index: Index, root: MediaRoot) -> dict[str, list[ClipHit]]:
    """The clips of each file on disk whose writing is missing, by stored path."""
    batches = index.iter_clips(where="written is null", columns=["path"], batch_size=4096)
    paths = sorted({path for batch in batches for path in batch["path"].to_pylist()})
    return {path: index.clips_of(path) for path in paths if exists(root.to_path(path))}


def _portions(files: Mapping[str, Sequence[ClipHit]], root: MediaRoot) -> Iterator[_Portion]:
    for text, clips in files.items():
        try:
            for portion in changed_pictures(root.to_path(text), clips):
                yield text, portion
        except UnreadableMediaError as error:
            yield text, error


def _ahead(portions: Iterator[_Portion]) -> Iterator[_Portion]:
    """The same; the next one is made while the caller works with this one."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, portions, None)
        while (portion := coming.result()) is not None:
            coming = thread.submit(next, portions, None)
            yield portion
