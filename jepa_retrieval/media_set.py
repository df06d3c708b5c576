"""`open_media`: files and folders to classify and to ask about, whether or not an index has them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jepa_retrieval.errors import UnreadableMediaError, UsageError
from jepa_retrieval.library import DEFAULT_MODEL, Library, VideoQuery
from jepa_retrieval.tasks.asking.ask import Answers, Asker
from jepa_retrieval.tasks.asking.candidates import Candidate
from jepa_retrieval.tasks.asking.classify import Classification, Classifier
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.searching.stored_clips import Per, Selection, Spans

if TYPE_CHECKING:
    from jepa_retrieval.models.parts import Model
    from jepa_retrieval.tasks.indexing.run import FileFailure, ProgressCallback


@dataclass(frozen=True)
class MediaSet:
    """Media ready for questions: clips of one or two libraries, and stretches of files that were encoded alone."""

    model: Model
    prompt: str  # that stored embeddings were predicted with
    media_root: MediaRoot  # what paths in results are relative to
    parts: list[tuple[Library, Selection]]
    failed: list[FileFailure]  # files that cannot be used, and why
    stretches: Spans
    stretch_tokens: list[np.ndarray]  # S_V of each stretch, float32 [N, D]

    def classify(
        self,
        labels: Sequence[str | Candidate],
        *,
        templates: Sequence[str] | None = None,
        per: Per = "file",
        top: int = 5,
        prompt: str | None = None,
    ) -> Classification:
        """Name what the files show; see `jepa_retrieval.tasks.asking.classify.classify`."""
        classifier = Classifier(labels, self.model, templates=templates, top=top)
        found = [
            classifier.over(library.records, per=per, prompt=prompt, selection=selection)
            for library, selection in self.parts
        ]
        if self.stretch_tokens:
            query = self.prompt if prompt is None else prompt
            found.append(classifier.of(self.stretches, self.stretch_tokens, prompt=query))
        return reduce(Classification.joined, found)

    def ask(
        self,
        question: str,
        *,
        answers: Sequence[str | Candidate] | None = None,
        answer: str | None = None,
        per: Per = "file",
        top: int = 5,
    ) -> Answers:
        """Answer a question about each of the files; see `jepa_retrieval.tasks.asking.ask.ask`."""
        asker = Asker(question, self.model, answers=answers, answer=answer, top=top)
        found = [
            asker.over(library.records, per=per, selection=selection) for library, selection in self.parts
        ]
        if self.stretch_tokens:
            found.append(asker.of(self.stretches, self.stretch_tokens, prompt=self.prompt))
        return reduce(Answers.joined, found)


@contextmanager
def open_media(
    paths: Sequence[Path | str | VideoQuery],
    *,
    library: Library | None = None,
    model: str | None = None,
    on_progress: ProgressCallback | None = None,
) -> Iterator[MediaSet]:
    """Make files ready for questions: stored tokens where an index has them, else they are decoded and encoded.

    Files that are not indexed go through the same code as `Library.index`, into an index in a temporary folder. What
    does not exist or cannot be read is in `failed`; the rest goes on.

    Args:
        paths: files and folders, and stretches of files as `VideoQuery`.
        library: whose clips are used for files that it has as they are now.
        model: for files outside of an index; None for the library's, or the default one.
        on_progress: called while files are encoded.

    Raises:
        UsageError: none of the paths exists, or none leads to a media file that can be used.
    """
    from jepa_retrieval.tasks.asking.unindexed import sort_media
    from jepa_retrieval.tasks.indexing.update import missing_files

    known = library if library is not None and model in (None, library.model.name) else None
    root = MediaRoot(Path.cwd()) if known is None else known.media_root
    missing = missing_files([path.path if isinstance(path, VideoQuery) else path for path in paths])
    gone = {failure.path for failure in missing}
    whole = [path for path in paths if not isinstance(path, VideoQuery) and os.path.abspath(path) not in gone]
    media = sort_media(whole, None if known is None else known.records, root)
    with tempfile.TemporaryDirectory(prefix="jepa-media-") as scratch:
        parts = [] if known is None else [(known, Selection(paths=media.known))] if media.known else []
        loose = _scratch_library(Path(scratch), root, known, model)
        failed = [*missing, *media.failed]
        if media.loose:
            failed += loose.index(media.loose, on_progress=on_progress).failed
            parts.append((loose, Selection()))
        wanted = [
            path for path in paths if isinstance(path, VideoQuery) and os.path.abspath(path.path) not in gone
        ]
        stretches, tokens, unreadable = _encode(wanted, loose)
        failed += unreadable
        if not parts and not stretches:
            raise UsageError(_nothing(paths, failed))
        prompt = loose.records.manifest.prompt
        yield MediaSet(loose.model, prompt, root, parts, failed, _spans(stretches, root), tokens)


def _nothing(paths: Sequence[Path | str | VideoQuery], failed: Sequence[FileFailure]) -> str:
    """Why there is nothing to look at."""
    if failed:
        return "; ".join(f"{failure.path}: {failure.error}" for failure in failed)
    named = (str(path.path if isinstance(path, VideoQuery) else path) for path in paths)
    return f"{', '.join(named)}: no media files there"


def _encode(
    stretches: Sequence[VideoQuery], library: Library
) -> tuple[list[VideoQuery], list[np.ndarray], list[FileFailure]]:
    """Those stretches that can be read, S_V of each, and the others with the reason."""
    from jepa_retrieval.tasks.indexing.run import FileFailure

    read, tokens, failed = [], [], []
    for stretch in stretches:
        try:
            tokens.append(_tokens(stretch, library))
            read.append(stretch)
        except UnreadableMediaError as error:
            failed.append(FileFailure(str(stretch.path), error.reason))
    return read, tokens, failed


def _scratch_library(folder: Path, root: MediaRoot, known: Library | None, model: str | None) -> Library:
    """An empty library of the same model and prompt as the known one."""
    if known is None:
        return Library.create(root.folder, index=folder / "index", model=model or DEFAULT_MODEL)
    manifest = known.records.manifest
    made = Library.create(root.folder, index=folder / "index", model=manifest.model, prompt=manifest.prompt)
    made.model = known.model  # loaded already
    return made


def _tokens(stretch: VideoQuery, library: Library) -> np.ndarray:
    from jepa_retrieval.tasks.encoding.files import encode_part
    from jepa_retrieval.tasks.encoding.windows import pool_tokens

    prompt = library.records.manifest.prompt
    path = Path(stretch.path)
    _, tokens = encode_part(path, library.model, prompt=prompt, start=stretch.start, end=stretch.end)
    return pool_tokens(tokens)


def _spans(stretches: Sequence[VideoQuery], root: MediaRoot) -> Spans:
    times = np.array([(stretch.start or 0.0, stretch.end) for stretch in stretches], np.float64).reshape(
        -1, 2
    )
    paths = [root.to_text(Path(stretch.path)) for stretch in stretches]
    return Spans(np.full(len(paths), -1), paths, times[:, 0], times[:, 1])
