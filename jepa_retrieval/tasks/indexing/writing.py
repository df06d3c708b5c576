"""What is written in the files of an index: the next pictures are decoded while those before are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from indexes.manifest import WRITING
from indexes.schema import LACKING
from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.changes import ChangedPictures
from jepa_retrieval.models.writing import TextReader
from jepa_retrieval.tasks.encoding.writing import ReadPicture, changed_pictures, writing_of_clips
from jepa_retrieval.tasks.indexing.clip_texts import OnFile, files_with_clips, one_ahead
from jepa_retrieval.tasks.indexing.failures import FileFailure

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
    files = files_with_clips(index, LACKING[WRITING], media_root)
    report = WritingReport()
    pictures: list[ReadPicture] = []  # of the file that is being read
    for text, portion in one_ahead(_portions(files, media_root)):
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


def _portions(files: Mapping[str, Sequence[ClipHit]], root: MediaRoot) -> Iterator[_Portion]:
    for text, clips in files.items():
        try:
            for portion in changed_pictures(root.to_path(text), clips):
                yield text, portion
        except UnreadableMediaError as error:
            yield text, error
