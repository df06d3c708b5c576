"""`manifest.json`: what an index is, and which versions of its two tables are the present ones.

Replacing this small file is the one act that makes a commit visible. Whatever a writer did to the tables before
it is unseen by readers, and rolled back by the next writer if the first one died.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from indexes.errors import IndexFormatError, IndexNotFoundError
from indexes.files import write_atomically
from indexes.reasons import reason

FORMAT = "jepa-index"
FORMAT_VERSION = 2  # the newest that this program reads
CAPTIONS_FORMAT = 2  # of indexes whose clips have a column for captions; the others stay at 1
FILE_NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class Commit:
    """The state of the records that readers see."""

    number: int = 0  # counts changes of content; tidying the tables leaves it alone
    media_version: int = 1  # of media.lance
    clips_version: int = 1  # of clips.lance
    next_media_id: int = 0
    next_clip_id: int = 0  # ids are never given twice, not even after deletes


@dataclass(frozen=True, slots=True)
class Manifest:
    """Identity of an index and its present commit."""

    index_id: str  # random; ties the derived files to this index
    model: str
    prompt: str
    fingerprint: str  # hash of model config, weights and prompt
    embedding_size: int
    media_root: str | None  # what relative media paths are relative to
    created: str  # UTC, ISO 8601
    created_with: str
    format_version: int = 1
    commit: Commit = Commit()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of `folder` in one atomic step.

    Raises:
        OSError: the folder cannot be written.
    """
    content = {"format": FORMAT, **dataclasses.asdict(manifest)}
    write_atomically(folder / FILE_NAME, (json.dumps(content, indent=2) + "\n").encode())


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of `folder`.

    Raises:
        IndexNotFoundError: there is no such folder, or it is empty of an index.
        IndexFormatError: the manifest is damaged or of a newer format.
    """
    path = folder / FILE_NAME
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        what = "it has no manifest.json" if folder.is_dir() else "there is no such folder"
        raise IndexNotFoundError(f"no index at {folder}: {what}") from None
    except NotADirectoryError:
        raise IndexNotFoundError(f"no index at {folder}: it is not a folder") from None
    except OSError as error:
        raise IndexFormatError(f"cannot read {path}: {reason(error)}") from error
    except ValueError as error:
        raise IndexFormatError(f"{path} is damaged: it is not JSON ({error})") from error
    return _parse(path, content)


def _parse(path: Path, content: object) -> Manifest:
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise IndexFormatError(f"{path} is not the manifest of an index")
    version = content.get("format_version")
    if not isinstance(version, int) or version < 1:
        raise IndexFormatError(f"{path} is damaged: format_version is {version!r}")
    if version > FORMAT_VERSION:
        raise IndexFormatError(
            f"{path.parent} was written by a newer version (index format {version}, this program reads up to "
            f"{FORMAT_VERSION}): upgrade jepa-retrieval to open it"
        )
    try:
        commit = Commit(**content.pop("commit"))
        manifest = Manifest(**content, commit=commit)
    except (KeyError, TypeError) as error:
        raise IndexFormatError(f"{path} is damaged: {error}") from error
    numbers = [manifest.embedding_size, *dataclasses.astuple(commit)]
    if not all(isinstance(number, int) for number in numbers) or manifest.embedding_size < 1:
        raise IndexFormatError(f"{path} is damaged: a number is missing or wrong")
    return manifest
