"""How files are found and embedded by an indexing run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from jepa_retrieval.media import Decoder, Sampling, Scan, resolve_decoder, scan


class IndexKeywords(TypedDict, total=False):
    """The fields of `IndexOptions` as keywords, for those who pass them on."""

    sampling: Sampling
    include: Sequence[str]
    exclude: Sequence[str]
    hidden: bool
    system_folders: bool
    follow_links: bool
    keep_tokens: bool
    retry_failed: bool
    workers: int | None
    captions: bool | None
    speech: bool | None
    speech_model: str | None
    decoder: Decoder
    prune: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOptions:
    """How files are found and embedded.

    Attributes:
        sampling: "auto", "keyframes" or frames per second.
        include: patterns as in .gitignore; only matching files are taken. One with a slash may also be a path.
        exclude: such patterns of files and folders to leave out; what the index has of them is removed.
        hidden: take names that begin with a dot too.
        system_folders: take folders that devices and programs make too, such as @eaDir and $RECYCLE.BIN.
        follow_links: follow symbolic links to folders.
        keep_tokens: store S_V with the clips, for later questions.
        retry_failed: try unchanged files again that failed before, or were indexed in part.
        workers: decoding processes; None for the default.
        captions: store a sentence for every clip that has none; None: if the index has captions already.
        speech: store what is said in every video that was not listened to yet; None: if the index has speech already.
        speech_model: model for speech recognition, as for `open_recogniser`; files that another model has listened to
            are listened to again. None: the default one, for files that are new.
        decoder: library that decodes videos: "pyav", "decord" or "torchcodec"; "auto": the one that $JEPA_DECODER
            names, else PyAV. All give the same frames; see `DecodeRequest`.
        prune: remove every known file below the paths that the run does not find, even if its disk is missing.
    """

    sampling: Sampling = "auto"
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    hidden: bool = False
    system_folders: bool = False
    follow_links: bool = False
    keep_tokens: bool = True
    retry_failed: bool = False
    workers: int | None = None
    captions: bool | None = None
    speech: bool | None = None
    speech_model: str | None = None
    decoder: Decoder = "auto"
    prune: bool = False

    def __post_init__(self) -> None:
        resolve_decoder(self.decoder)  # before a run that may take hours

    def scan(self, roots: Sequence[Path]) -> Scan:
        """The media files under some files and folders."""
        return scan(
            roots,
            include=self.include,
            exclude=self.exclude,
            hidden=self.hidden,
            system_folders=self.system_folders,
            follow_links=self.follow_links,
        )
