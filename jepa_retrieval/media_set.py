"""`open_media`: files and folders to classify and to ask about, whether or not an index has them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import numpy as np

from jepa_retrieval.arguments import as_paths
from jepa_retrieval.errors import UnreadableMediaError, UsageError
from jepa_retrieval.library import DEFAULT_MODEL, Library, VideoQuery
from jepa_retrieval.media.types import ReadReport
from jepa_retrieval.tasks.asking.ask import Answers, AskOptions, ask
from jepa_retrieval.tasks.asking.candidates import Candidate
from jepa_retrieval.tasks.asking.classify import Classification, ClassifyOptions, classify
from jepa_retrieval.tasks.asking.clip_set import ClipSet, EncodedIntervals, IndexedClips
from jepa_retrieval.tasks.asking.unindexed import sort_media
from jepa_retrieval.tasks.encoding.files import encode_interval
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.encoding.windows import pool_tokens
from jepa_retrieval.tasks.indexing.failures import FileFailure
from jepa_retrieval.tasks.indexing.update import missing_files
from jepa_retrieval.tasks.searching.stored_clips import Intervals, Selection
from jepa_retrieval.times import check_interval
from jepa_retrieval.user_paths import absolute

if TYPE_CHECKING:
    from jepa_retrieval.models.parts import Model
    from jepa_retrieval.tasks.indexing.report import ProgressCallback


@dataclass(frozen=True)
class MediaSet:
    """Media ready for questions."""

    model: Model
    media_root: MediaRoot  # what paths in results are relative to
    clip_sets: list[ClipSet]  # clips of one or two indexes, and intervals of files that were encoded alone
    failed: list[FileFailure]  # files that cannot be used, and why
    partial: list[FileFailure]  # files that could be read in part, and what is missing
    warnings: list[FileFailure] = field(
        default_factory=list
    )  # files that were read whole, with harmless problems

    def classify(
        self, labels: Sequence[str | Candidate], **options: Unpack[ClassifyOptions]
    ) -> Classification:
        """Name what the files show; `jepa_retrieval.tasks.asking.classify.classify` describes the options."""
        return classify(self.clip_sets, self.model, labels, **options)

    def ask(self, question: str, **options: Unpack[AskOptions]) -> Answers:
        """Answer a question about each of the files; `jepa_retrieval.tasks.asking.ask.ask` describes the options.

        Without `per`, an answer is about a whole file.
        """
        options.setdefault("per", "file")
        return ask(self.clip_sets, self.model, question, **options)


@contextmanager
def open_media(
    paths: Path | str | VideoQuery | Sequence[Path | str | VideoQuery],
    *,
    library: Library | None = None,
    model: str | None = None,
    on_progress: ProgressCallback | None = None,
) -> Iterator[MediaSet]:
    """Make files ready for questions: stored tokens where an index has them, else they are decoded and encoded.

    Files that are not indexed go through the same code as `Library.index`, into an index in a temporary folder. What
    does not exist or cannot be read is in `failed`; the rest goes on.

    Args:
        paths: a file, a folder, or an interval of a file as `VideoQuery`; or a list of them.
        library: whose clips are used for files that it has as they are now.
        model: for files outside of an index; None for the library's, or the default one.
        on_progress: called while files are encoded.

    Raises:
        UsageError: none of the paths exists, or none leads to a media file that can be used.
    """
    paths = [paths] if isinstance(paths, VideoQuery) else as_paths("paths", paths)
    known = library if library is not None and model in (None, library.model.name) else None
    root = MediaRoot(Path.cwd()) if known is None else known.media_root
    failed = missing_files([path.path if isinstance(path, VideoQuery) else path for path in paths])
    gone = {failure.path for failure in failed}
    given = [path for path in paths if isinstance(path, VideoQuery)]
    for path in given:
        check_interval(*path)
    intervals = [path for path in given if str(absolute(path.path)) not in gone]
    rest = [absolute(path) for path in paths if not isinstance(path, VideoQuery)]
    whole = [path for path in rest if str(path) not in gone]
    media = sort_media(whole, None if known is None else known.records, root)
    failed += media.failed
    clip_sets: list[ClipSet] = []
    warnings: list[FileFailure] = []
    if known is not None and media.known:
        clip_sets.append(IndexedClips(known.records, Selection(paths=media.known)))
    with tempfile.TemporaryDirectory(prefix="jepa-media-") as scratch:
        unindexed = _scratch_library(Path(scratch), root, known, model)
        if media.unindexed:
            report = unindexed.index(media.unindexed, on_progress=on_progress)
            failed += report.failed
            media.partial.extend(report.partial)
            warnings = report.warnings
            clip_sets.append(IndexedClips(unindexed.records))
        encoded, unreadable = _encode(intervals, unindexed, media.partial)
        failed += unreadable
        if len(encoded.intervals):
            clip_sets.append(encoded)
        if not clip_sets:
            raise UsageError(_nothing(paths, failed, media.sound_only))
        yield MediaSet(unindexed.model, root, clip_sets, failed, media.partial, warnings)


def _nothing(paths: Sequence[Path | str | VideoQuery], failed: Sequence[FileFailure], sound_only: int) -> str:
    """Why there is nothing to look at; `sound_only`: files that were left out for that."""
    if failed:
        return "; ".join(f"{failure.path}: {failure.error}" for failure in failed)
    named = (str(path.path if isinstance(path, VideoQuery) else path) for path in paths)
    sound = {0: "", 1: ", but one with sound only"}.get(sound_only, f", but {sound_only:,} with sound only")
    return f"{', '.join(named)}: no {'videos or pictures' if sound_only else 'media files'} there{sound}"


def _encode(
    intervals: Sequence[VideoQuery], library: Library, partial: list[FileFailure]
) -> tuple[EncodedIntervals, list[FileFailure]]:
    """The intervals that can be read, and the others with the reason; `partial` gets what of the first is missing."""
    prompt = library.records.manifest.prompt
    read, tokens, failed = [], [], []
    for path, start, end in intervals:
        try:
            report = ReadReport()
            _, found = encode_interval(
                Path(path), library.model, prompt=prompt, start=start, end=end, report=report
            )
        except UnreadableMediaError as error:
            failed.append(FileFailure(str(path), error.reason))
            continue
        partial += [FileFailure(str(path), missing) for missing in report.partial]
        tokens.append(pool_tokens(found))
        read.append((library.media_root.to_text(Path(path)), start or 0.0, end))
    times = np.array([(start, end) for _, start, end in read], np.float64).reshape(-1, 2)  # None becomes NaN
    places = Intervals(np.full(len(read), -1), [path for path, _, _ in read], times[:, 0], times[:, 1])
    return EncodedIntervals(places, tokens, prompt), failed


def _scratch_library(folder: Path, root: MediaRoot, known: Library | None, model: str | None) -> Library:
    """An empty library of the same model and prompt as the known one."""
    if known is None:
        return Library.create(root.folder, index=folder / "index", model=model or DEFAULT_MODEL)
    manifest = known.records.manifest
    made = Library.create(root.folder, index=folder / "index", model=manifest.model, prompt=manifest.prompt)
    made.model = known.model  # loaded already
    return made
