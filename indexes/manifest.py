"""`manifest.json`: what an index is, and the current versions of its two tables.

Replacing this small file is the one act that makes a commit visible. Whatever a writer did to the tables before
it is unseen by readers, and rolled back by the next writer if the first one died.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexes.errors import DamagedManifestError, IndexNotFoundError, NewerFormatError
from indexes.files import write_atomically
from indexes.reasons import NO_SUCH_FILE, reason
from indexes.untrusted import Fields, parse_json, read_bytes

FORMAT = "jepa-index"
FORMAT_VERSION = 5  # the newest that this program reads
CAPTIONS = "captions"
SPEECH = "speech"
WRITING = "writing"
TEXTS = (CAPTIONS, SPEECH, WRITING)  # what clips may have columns for
# Indexes without such columns, or with captions only, stay in the format that older programs read.
_OLDER_FORMATS: dict[int, tuple[str, ...]] = {1: (), 2: (CAPTIONS,)}
_FORMAT_WITHOUT_WRITING = 3  # has captions and speech in any order
_FORMAT_WITHOUT_AUDIO = 4
FILE_NAME = "manifest.json"

MAX_BYTES = 1024 * 1024
MAX_EMBEDDING_SIZE = 65_536
MAX_PROMPT_CHARS = 100_000
MAX_PATH_CHARS = 32_768


@dataclass(frozen=True, slots=True)
class Commit:
    """The state of the records that readers see."""

    number: int = 0  # counts changes of content; compaction does not change it
    media_version: int = 1  # of media.lance
    clips_version: int = 1  # of clips.lance
    next_media_id: int = 0
    next_clip_id: int = 0  # ids are never given twice, not even after deletes


@dataclass(frozen=True, slots=True)
class Manifest:
    """Identity of an index and its current commit. Nothing it names is fetched or opened here."""

    index_id: str  # random; ties the derived files to this index
    model: str
    prompt: str
    fingerprint: str  # hash of model config, weights and prompt
    embedding_size: int
    media_root: str | None  # the folder that relative media paths start from
    created: str  # UTC, ISO 8601
    created_with: str
    format_version: int = 1
    texts: tuple[str, ...] = ()  # those of `TEXTS` that clips have columns for, in the order of the columns
    commit: Commit = Commit()

    @property
    def keeps_captions(self) -> bool:
        """Whether clips have a column `caption`."""
        return CAPTIONS in self.texts

    @property
    def keeps_speech(self) -> bool:
        """Whether clips have columns for what is said in them."""
        return SPEECH in self.texts

    @property
    def keeps_writing(self) -> bool:
        """Whether clips have columns for what is written in their pictures."""
        return WRITING in self.texts

    @property
    def may_have_audio(self) -> bool:
        """Whether files with sound only may be stored in it."""
        return self.format_version > _FORMAT_WITHOUT_AUDIO


def with_text(manifest: Manifest, text: str) -> Manifest:
    """The same with columns for one more of `TEXTS`."""
    texts = (*manifest.texts, text)
    older = [version for version, kept in _OLDER_FORMATS.items() if kept == texts]
    newer = _FORMAT_WITHOUT_AUDIO if WRITING in texts else _FORMAT_WITHOUT_WRITING
    version = older[0] if older and not manifest.may_have_audio else newer
    return dataclasses.replace(manifest, texts=texts, format_version=max(version, manifest.format_version))


def with_audio(manifest: Manifest) -> Manifest:
    """The same of an index that may hold files with sound only: older programs refuse it."""
    return dataclasses.replace(manifest, format_version=_FORMAT_WITHOUT_AUDIO + 1)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of `folder` in one atomic step.

    Raises:
        ValueError: a field is out of range, so that the manifest could not be read again.
        OSError: the folder cannot be written.
    """
    content = {"format": FORMAT, **dataclasses.asdict(manifest), "texts": list(manifest.texts)}
    if manifest.format_version in _OLDER_FORMATS:
        del content["texts"]  # its version says it
    _parse(Fields(content))
    write_atomically(folder / FILE_NAME, (json.dumps(content, indent=2) + "\n").encode())


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of `folder`.

    Raises:
        IndexNotFoundError: there is no such folder, or it is empty of an index.
        DamagedManifestError: the manifest is damaged.
        NewerFormatError: it is of a newer format.
    """
    path = folder / FILE_NAME
    try:
        content = parse_json(read_bytes(path, max_bytes=MAX_BYTES))
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise DamagedManifestError(f"{path} is not the manifest of an index")
        fields = Fields(content)
        version = fields.integer("format_version", low=1)
        if version > FORMAT_VERSION:
            raise NewerFormatError(
                f"{path.parent} was written by a newer version (index format {version}, this program reads up to "
                f"{FORMAT_VERSION}): upgrade jepa-retrieval to open it"
            )
        return _parse(fields)
    except FileNotFoundError:
        what = "it has no manifest.json" if folder.is_dir() else NO_SUCH_FILE
        raise IndexNotFoundError(f"no index at {folder}: {what}") from None
    except NotADirectoryError:
        raise IndexNotFoundError(f"no index at {folder}: it is not a folder") from None
    except OSError as error:
        raise DamagedManifestError(f"{path} cannot be read ({reason(error)})") from error
    except ValueError as error:
        raise DamagedManifestError(f"{path} is damaged ({error})") from error


def parse_manifest(content: dict[str, Any]) -> Manifest:
    """A manifest of `dataclasses.asdict`, with `texts` as a list.

    Raises:
        ValueError: a field is missing or out of range.
    """
    if content.get("format_version") in _OLDER_FORMATS:
        content = {name: value for name, value in content.items() if name != "texts"}
    return _parse(Fields(content))


def _parse(fields: Fields) -> Manifest:
    fields.check_names("format", *(field.name for field in dataclasses.fields(Manifest)))
    commit = fields.fields("commit")
    commit.check_names(*(field.name for field in dataclasses.fields(Commit)))
    return Manifest(
        index_id=fields.unicode("index_id", max_chars=200),
        model=fields.unicode("model"),
        prompt=fields.unicode("prompt", max_chars=MAX_PROMPT_CHARS),
        fingerprint=fields.unicode("fingerprint", max_chars=200),
        embedding_size=fields.integer("embedding_size", low=1, high=MAX_EMBEDDING_SIZE),
        media_root=fields.text("media_root", max_chars=MAX_PATH_CHARS) if "media_root" in fields else None,
        created=fields.unicode("created", max_chars=200),
        created_with=fields.unicode("created_with", max_chars=200),
        format_version=fields.integer("format_version", low=1),
        texts=_parse_texts(fields),
        commit=Commit(
            number=commit.integer("number"),
            media_version=commit.integer("media_version", low=1),
            clips_version=commit.integer("clips_version", low=1),
            next_media_id=commit.integer("next_media_id"),
            next_clip_id=commit.integer("next_clip_id"),
        ),
    )


def _parse_texts(fields: Fields) -> tuple[str, ...]:
    version = fields.integer("format_version", low=1)
    if version in _OLDER_FORMATS:
        return _OLDER_FORMATS[version]
    texts: Any = fields.value("texts")
    allowed = TEXTS if version > _FORMAT_WITHOUT_WRITING else (CAPTIONS, SPEECH)
    known = isinstance(texts, list) and all(text in allowed for text in texts)
    if not known or len(set(texts)) < len(texts):
        raise ValueError(f"texts must be a list of some of {', '.join(allowed)}")
    return tuple(texts)
