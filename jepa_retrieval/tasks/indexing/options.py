"""How files are found and embedded by an indexing run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict, get_args

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media import Decoder, Sampling, Scan, resolve_decoder, scan

Engine = Literal["local", "ray"]
DEFAULT_SHARD_FILES = 500
DEFAULT_MAX_RETRIES = 3


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
    writing: bool | None
    audio: bool | None
    decoder: Decoder
    prune: bool
    engine: Engine
    address: str | None
    shard_files: int
    max_retries: int


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
        workers: decoding processes, or with the engine "ray" workers, each with a model and decoding processes of
            its own; None for the default: 2, or what the cluster has room for.
        captions: store a sentence for every clip that has none; None: if the index has captions already.
        speech: store what is said in every file that was not listened to yet; None: if the index has speech already.
        speech_model: model for speech recognition, as for `open_recogniser`; files that another model has listened to
            are listened to again. None: the default one, for files that are new.
        writing: store what is written in the pictures of every file that was not read yet; None: if the index has
            writing already.
        audio: take files with sound only, which are found by what is said in them; None: if speech is stored.
        decoder: library that decodes videos: "pyav", "decord", "torchcodec" or "nvdec", which decodes on the GPU that
            the model runs on; "auto": the one that $JEPA_DECODER names, else PyAV. All give the same frames; see
            `DecodeRequest`.
        prune: remove every known file below the paths that the run does not find, even if its disk is missing.
        engine: what does the work: "local", this process, or "ray", workers on one machine or several (extra
            `distributed`). The index is the same.
        address: with "ray", the cluster: "auto" for the one that this machine belongs to, or its head's host, with or
            without a port; None: one on this machine, for the time of the run.
        shard_files: with "ray", the most files that a worker takes at once and that one commit stores.
        max_retries: with "ray", how often files are given to another worker after theirs has died.
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
    writing: bool | None = None
    audio: bool | None = None
    decoder: Decoder = "auto"
    prune: bool = False
    engine: Engine = "local"
    address: str | None = None
    shard_files: int = DEFAULT_SHARD_FILES
    max_retries: int = DEFAULT_MAX_RETRIES

    def __post_init__(self) -> None:
        resolve_decoder(self.decoder)  # before a run that may take hours
        if self.engine not in get_args(Engine):
            raise UsageError(f"engine must be one of {', '.join(get_args(Engine))}, not {self.engine!r}")
        for name, least in (("workers", 1), ("shard_files", 1), ("max_retries", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name} must be at least {least}, not {value}")

    def scan(self, roots: Sequence[Path]) -> Scan:
        """The media files under some files and folders; those with sound only if `audio` is true."""
        return scan(
            roots,
            include=self.include,
            exclude=self.exclude,
            hidden=self.hidden,
            system_folders=self.system_folders,
            follow_links=self.follow_links,
            sound=bool(self.audio),
        )
