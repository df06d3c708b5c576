"""How files are found and embedded by an indexing run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jepa_retrieval.media import Decoder, Sampling, Scan, resolve_decoder, scan


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOptions:
    """How files are found and embedded; `Library.index` describes each field."""

    sampling: Sampling = "auto"
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    hidden: bool = False
    system_folders: bool = False
    follow_links: bool = False
    keep_tokens: bool = True
    retry_failed: bool = False
    workers: int | None = None
    captions: bool | None = None  # None: as the index has it
    decoder: Decoder = "auto"

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
