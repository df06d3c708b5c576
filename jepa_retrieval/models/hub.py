"""Files of the Hugging Face hub that are on this machine. Nothing here downloads: `fetching` does.

The library's own cache is read (`$HF_HUB_CACHE`), by its documented layout, since the library itself takes 0.2 s to
import, which a text search does not have. A repository is read at one commit: the one that its name gives, else the
one that `fetching` recorded, else the one that the cache calls `main`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.cache import cache_root
from jepa_retrieval.text_files import read_json

PREFIX = "hub:"
MAIN = "main"
_PINS = "hub-commits.json"  # in the user's cache: {"ORG/NAME": commit}
_NAME = re.compile(r"(?:[A-Za-z0-9][\w.-]*/)?[A-Za-z0-9][\w.-]*")
_REVISION = re.compile(r"[A-Za-z0-9][\w.-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class NotFetchedError(ModelError):
    """A file of the hub is not on this machine; the message does not say how to get it."""


@dataclass(frozen=True)
class Repository:
    """A repository of models on the hub."""

    name: str  # ORG/NAME
    revision: str | None = None  # a branch, a tag or a commit; None: `main`

    @classmethod
    def parse(cls, text: str) -> Repository:
        """From `ORG/NAME` or `ORG/NAME@REVISION`, with or without `hub:` before it.

        Raises:
            ModelError: the text has another form.
        """
        name, at, revision = text.removeprefix(PREFIX).partition("@")
        if not _NAME.fullmatch(name) or (at and not _REVISION.fullmatch(revision)):
            raise ModelError(f"{text}: not of the form {PREFIX}ORG/NAME or {PREFIX}ORG/NAME@REVISION")
        return cls(name, revision if at else None)

    def __str__(self) -> str:
        return f"{PREFIX}{self.name}@{self.revision}" if self.revision else f"{PREFIX}{self.name}"

    def find(self, file: str) -> Path | None:
        """The local path of a file of the repository, or None."""
        commit = self.local_commit()
        path = None if commit is None else self.folder() / "snapshots" / commit / file
        return path if path is not None and path.is_file() else None

    def require(self, file: str) -> Path:
        """The local path of a file of the repository; `NotFetchedError` if it is not there."""
        path = self.find(file)
        if path is None:
            raise NotFetchedError(f"{self}: {file} is not on this machine")
        return path

    def local_commit(self) -> str | None:
        """The commit that is read here; None: none of the repository is."""
        if self.revision is not None and _COMMIT.fullmatch(self.revision):
            return self.revision
        pinned = _read_pins().get(str(self))
        if pinned is not None:
            return pinned
        try:
            commit = (self.folder() / "refs" / (self.revision or MAIN)).read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return None
        return commit if _COMMIT.fullmatch(commit) else None

    def pin(self, commit: str) -> None:
        """Read the repository at this commit from now on."""
        pins = _read_pins() | {str(self): commit}
        path = cache_root() / _PINS
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".tmp")
        draft.write_text(json.dumps(pins, indent=2) + "\n", encoding="utf-8")
        draft.replace(path)

    def folder(self) -> Path:
        """Where the hub's cache has the repository."""
        return hub_cache() / f"models--{self.name.replace('/', '--')}"


def hub_cache() -> Path:
    """The folder that holds the hub's repositories."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


@contextmanager
def offline() -> Iterator[None]:
    """Inside, libraries that ask the hub get an error instead of an answer."""
    from huggingface_hub import constants

    before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _read_pins() -> dict[str, str]:
    path = cache_root() / _PINS
    if not path.exists():
        return {}
    pins = read_json(path, error=ModelError)
    if not isinstance(pins, dict):
        return {}
    return {
        name: commit for name, commit in pins.items() if isinstance(commit, str) and _COMMIT.fullmatch(commit)
    }
