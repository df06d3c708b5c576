"""What is said in the files of an index: one file is listened to while the next one is decoded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from indexes.text_patterns import quote_text
from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.reasons import BREAKS_OFF
from jepa_retrieval.models.speech import PREFIX, Recogniser
from jepa_retrieval.tasks.encoding.listening import Heard, listen, scratch_folder, transcribe
from jepa_retrieval.tasks.encoding.subtitle_times import within_file
from jepa_retrieval.tasks.encoding.transcript import speech_of_clips
from jepa_retrieval.tasks.indexing.clip_texts import OnFile, files_with_clips, one_ahead
from jepa_retrieval.tasks.indexing.failures import FileFailure

if TYPE_CHECKING:
    from indexes import Index, IndexWriter
    from indexes.records import ClipHit
    from jepa_retrieval.tasks.encoding.media_root import MediaRoot


@dataclass(slots=True)
class SpeechReport:
    """What listening to files led to."""

    files: int = 0  # whose speech is in the index now
    failed: list[FileFailure] = field(default_factory=list)  # not, or not wholly, heard
    partial: list[FileFailure] = field(default_factory=list)  # stored as partial now: all that they lack
    guessed: list[FileFailure] = field(default_factory=list)  # heard, with a guess that may be wrong


def add_speech(
    index: Index,
    writer: IndexWriter,
    recogniser: Recogniser,
    media_root: MediaRoot,
    *,
    replace_other_models: bool = False,
    on_file: OnFile | None = None,
) -> SpeechReport:
    """Store what is said in each file that was not listened to yet. Pictures are not embedded again.

    Args:
        index: to read from.
        writer: of the same index.
        recogniser: for files without subtitles.
        media_root: what stored paths are relative to.
        replace_other_models: listen again to files that another model has listened to.
        on_file: called with the files that are done, how many there are, and the path of the next.
    """
    writer.keep_speech()
    writer.commit()
    index.refresh()
    files = _files_to_hear(index, media_root, other_than=recogniser.name if replace_other_models else None)
    stored = index.media(columns=["path", "error"]).to_pylist()
    errors = {row["path"]: row["error"] or "" for row in stored}
    report = SpeechReport()
    for number, (text, heard) in enumerate(one_ahead(_hear(files, media_root))):
        if on_file is not None:
            on_file(number, len(files), text)
        if isinstance(heard, UnreadableMediaError):
            report.failed.append(FileFailure(text, heard.reason))
            continue
        transcript = transcribe(heard, recogniser)
        if heard.subtitles is not None:
            end = max((clip.end or 0.0 for clip in files[text]), default=0.0)
            transcript, outside = within_file(transcript, end)
            report.guessed += [] if outside is None else [FileFailure(text, outside)]
        error = _error(heard, errors[text])
        writer.put_speech(text, speech_of_clips(transcript, files[text]), error=error)
        report.files += 1
        report.partial += [] if error is None else [FileFailure(text, error)]
        if heard.missing is not None:
            missing = errors[text] if _is_known(heard, errors[text]) else heard.missing
            report.failed.append(FileFailure(text, missing))
        if heard.guessed is not None:
            report.guessed.append(FileFailure(text, heard.guessed))
        report.guessed += [FileFailure(text, f"{name} is empty and was passed over") for name in heard.empty]
    return report


def _is_known(heard: Heard, known: str) -> bool:
    """Whether what the index has as missing of a file includes what was missing when it was listened to."""
    assert heard.missing is not None
    # Where sound breaks off is not found alike by reading and by decoding.
    return heard.missing in known or (heard.report.unread_from is not None and BREAKS_OFF in known)


def _error(heard: Heard, known: str) -> str | None:
    """What the index is to keep as missing of a file, which has `known` until now; None if nothing changes.

    Not what a file beside it lacks, which may be mended without a change of the file.
    """
    of_file = heard.subtitles is None or not heard.subtitles.is_beside
    if not of_file or heard.missing is None or _is_known(heard, known):
        return None
    return f"{known}; {heard.missing}" if known else heard.missing


def _files_to_hear(index: Index, root: MediaRoot, *, other_than: str | None) -> dict[str, list[ClipHit]]:
    """The clips of each file on disk whose speech is missing, by stored path."""
    missing = "said is null"
    if other_than is not None:
        missing = f"({missing} or (said_by like '{PREFIX}%' and said_by <> {quote_text(other_than)}))"
    return files_with_clips(index, f"kind <> 'image' and {missing}", root)


def _hear(files: Iterable[str], root: MediaRoot) -> Iterator[tuple[str, Heard | UnreadableMediaError]]:
    """What is read of each file; at most two at a time are in use."""
    with scratch_folder() as folder:
        for number, text in enumerate(files):
            yield text, _listen(root.to_path(text), folder / f"sound{number % 2}")


def _listen(path: Path, scratch: Path) -> Heard | UnreadableMediaError:
    try:
        return listen(path, scratch)
    except UnreadableMediaError as error:
        return error
