"""Files and indexes."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from indexes.records import MediaKind, MediaState


class MediaItem(BaseModel):
    """One file of an index."""

    id: int
    index: str
    path: str = Field(description="Relative to the indexed folder.")
    kind: MediaKind
    state: MediaState
    error: str | None = Field(description="Why it failed, or what of it is missing.")
    duration: float | None = Field(description="Seconds; null for photographs.")
    width: int | None = Field(description="Pixels as displayed; null for files with sound only.")
    height: int | None
    frame_rate: float | None
    codec: str | None
    size: int = Field(description="Bytes.")
    modified: str = Field(description="UTC, ISO 8601.")
    clips: int
    plays_natively: bool = Field(description="Whether browsers show `file_url`; else show `preview_url`.")
    file_url: str
    preview_url: str
    thumbnail_url: str | None = Field(description="null for files with sound only.")


class MediaPage(BaseModel):
    """One page of files, in order of their numbers."""

    data: list[MediaItem]
    next_cursor: str | None
    index_version: str


class Clip(BaseModel):
    """Consecutive windows with the same meaning."""

    id: int
    start: float | None
    end: float | None
    caption: str | None
    thumbnail_url: str | None = Field(description="null for files with sound only.")


class Clips(BaseModel):
    """All clips of a file, in order of time."""

    data: list[Clip]
    index_version: str


class SaidLine(BaseModel):
    """Words that are said one after the other."""

    start: float = Field(description="Seconds.")
    end: float
    text: str


class Transcript(BaseModel):
    """What is said in a file, in order of time."""

    language: str | None = Field(description="ISO 639-1; null if it is not known.")
    source: str = Field(description="The model or the subtitles that say so.")
    missing: str | None = Field(description="What of the file could not be read; null if all was.")
    lines: list[SaidLine]
    index_version: str


class IndexItem(BaseModel):
    """One index that is served."""

    name: str
    model: str
    prompt: str
    version: str
    clips: int
    files: int = Field(description="Indexed whole.")
    partial: int = Field(description="Indexed in part.")
    failed: int
    left_out: int = Field(description="Files that were not indexed on purpose.")
    videos: int
    images: int
    audio: int = Field(description="Files with sound only.")
    media_seconds: float
    bytes: int = Field(description="On disk.")
    captions: bool = Field(description="Whether clips have captions.")
    surprise: bool = Field(description="Whether there are dynamics, which surprise and anticipation need.")
    speech: bool = Field(description="Whether it has what is said.")
    writing: bool = Field(description="Whether it has what is written.")
    speech_missing: int | None = Field(
        description="Files of which it is not known what is said in them; null without speech."
    )
    writing_missing: int | None
    questions: bool = Field(description="Whether the model takes questions.")


class IndexList(BaseModel):
    """All indexes that are served."""

    data: list[IndexItem]
    read_only: bool


class DuplicateFile(BaseModel):
    """A file of a group of duplicates."""

    media_id: int
    path: str
    similarity: float = Field(description="To the first file of the group; 1 for an exact copy.")
    is_link: bool = Field(description="Whether it is a link to another file of the group, not a copy.")


class DuplicateGroup(BaseModel):
    """Files that show the same."""

    index: str
    kind: Literal["copies", "near", "links"] = Field(description="`copies`: equal byte by byte.")
    files: list[DuplicateFile]


class SharedScene(BaseModel):
    """A scene that two different videos have in common; times in seconds."""

    index: str
    first_media_id: int
    first_path: str
    first_start: float
    first_end: float
    second_media_id: int
    second_path: str
    second_start: float
    second_end: float
    similarity: float


class Duplicates(BaseModel):
    """What the indexes have more than once."""

    groups: list[DuplicateGroup]
    scenes: list[SharedScene]
    index_version: str
