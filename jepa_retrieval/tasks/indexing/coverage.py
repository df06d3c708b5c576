"""Of which files of an index it is not known what is said or written in them, and at which a run would look."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from indexes.manifest import SPEECH, WRITING
from indexes.schema import LACKING
from indexes.text_patterns import quote_text
from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.scanning import LeftOut
from jepa_retrieval.media.sound.subtitle_names import SIDECAR_SUFFIXES, belongs_to_any
from jepa_retrieval.media.suffixes import AUDIO_SUFFIXES, IMAGE_SUFFIXES
from jepa_retrieval.models.speech import PREFIX
from jepa_retrieval.tasks.encoding.transcript import NO_SOUND
from jepa_retrieval.tasks.indexing.failures import FileFailure, files_in_state
from jepa_retrieval.user_paths import exists

if TYPE_CHECKING:
    from indexes import Index
    from jepa_retrieval.tasks.encoding.media_root import MediaRoot
    from jepa_retrieval.tasks.indexing.plan import Plan

_NOT_FOR = {
    SPEECH: ("image", IMAGE_SUFFIXES),
    WRITING: ("audio", AUDIO_SUFFIXES),
}  # kind of files, and suffixes
_UNKNOWN = {
    SPEECH: "it is not known what is said in it yet: 'jepa index --speech' listens to it, or tells why it cannot",
    WRITING: "it is not known what is written in it yet: 'jepa index --writing' reads it, or tells why it cannot",
}


def files_lacking(index: Index, text: str, media_root: MediaRoot) -> list[FileFailure]:
    """The files whose speech or writing is not known, or only in part, with a sentence each.

    Those that could not be indexed are among them. Of subtitles beside a file, as they are now, it is told which part
    cannot be used. Files whose sound could be read in part only are in the state `partial`.

    Args:
        index: to look at.
        text: "speech" or "writing".
        media_root: what stored paths are relative to.

    Raises:
        UsageError: the index keeps none.
    """
    if text not in index.manifest.texts:
        raise UsageError(f"the index {index.folder} has no {text}: add it with `jepa index --{text}`")
    lacking = dict.fromkeys(_paths_lacking(index, text), _UNKNOWN[text])
    _, suffixes = _NOT_FOR[text]
    for failure in files_in_state(index, "failed"):
        if Path(failure.path).suffix.lower() not in suffixes:
            lacking[failure.path] = f"it could not be indexed: {failure.error}"
    if text == SPEECH:
        lacking |= _subtitles_in_part(index, media_root)
    return [FileFailure(path, reason) for path, reason in sorted(lacking.items())]


def files_to_look_at(index: Index, plan: Plan, text: str, media_root: MediaRoot) -> int:
    """How many files a run by this plan would listen to ("speech"), or read ("writing"), as far as names tell."""
    kind, suffixes = _NOT_FOR[text]
    if text in index.manifest.texts:
        stored = _paths_lacking(index, text)
    else:
        stored = {path for path, file in index.known_files().items() if file.is_indexed and file.kind != kind}
    stored -= {*plan.gone, *plan.embed}
    new = sum(
        Path(path).suffix.lower() not in suffixes and file.size > 0 for path, file in plan.embed.items()
    )
    return new + sum(exists(media_root.to_path(path)) for path in stored)


def without_subtitles(left_out: Sequence[LeftOut], media: Iterable[Path]) -> list[LeftOut]:
    """What was left out, less the subtitles of some media files; pictures have none."""
    stems: dict[Path, set[str]] = defaultdict(set)  # by folder
    for file in media:
        if file.suffix.lower() not in IMAGE_SUFFIXES:
            stems[file.parent].add(file.stem)
    return [
        item
        for item in left_out
        if item.path.suffix.lower() not in SIDECAR_SUFFIXES
        or not belongs_to_any(item.path, stems.get(item.path.parent, set()))
    ]


def _subtitles_in_part(index: Index, media_root: MediaRoot) -> dict[str, str]:
    """What of the subtitles beside files that the index has what is said from cannot be used, by stored path."""
    from jepa_retrieval.media.sound.subtitles import missing_of_sidecar

    found: dict[str, str] = {}
    named = f"said_by is not null and said_by <> {quote_text(NO_SOUND)} and said_by not like '{PREFIX}%'"
    for batch in index.iter_clips(where=named, columns=["path", "said_by"], batch_size=4096):
        found |= dict(zip(batch["path"].to_pylist(), batch["said_by"].to_pylist(), strict=True))
    missing = {path: missing_of_sidecar(media_root.to_path(path), source) for path, source in found.items()}
    return {path: sentence for path, sentence in missing.items() if sentence is not None}


def _paths_lacking(index: Index, text: str) -> set[str]:
    batches = index.iter_clips(where=LACKING[text], columns=["path"], batch_size=4096)
    return {path for batch in batches for path in batch["path"].to_pylist()}
