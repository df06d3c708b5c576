"""Paths as an index stores them: one for each file, relative to the media root, "/" between parts."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from jepa_retrieval.media import decode_path, encode_path
from jepa_retrieval.source_paths import is_remote, is_url, path_of, url_of
from jepa_retrieval.user_paths import absolute


@dataclass(frozen=True)
class MediaRoot:
    """The folder that stored paths are relative to; files outside it are stored with absolute paths.

    A file has one stored path, whichever way leads to it: symbolic links to folders are resolved. A link to a file
    is a file of its own.
    """

    folder: Path
    _real: dict[str, str] = field(default_factory=dict, init=False, compare=False, repr=False)
    _folders: dict[str, str] = field(default_factory=dict, init=False, compare=False, repr=False)

    def to_text(self, path: Path | str) -> str:
        """The stored form of the path of a file or folder, which need not exist."""
        path = absolute(path)
        if is_remote(path):
            return self._relative(str(path))
        # A folder that is reached by a link has the path of the folder.
        if path.is_symlink() and path.is_dir():
            return self._relative(os.path.realpath(path))
        return self.text_of_file(path)

    def text_of_file(self, path: Path) -> str:
        """`to_text` for an absolute path that is known not to be a folder."""
        if is_remote(path):
            return self._relative(str(path))
        folder, name = os.path.split(path)
        return self._relative(f"{self._real_folder(folder).rstrip(os.sep)}{os.sep}{name}" if name else folder)

    def to_path(self, text: str) -> Path:
        """The path on disk of a stored path."""
        return path_of(text) if is_url(text) else self.folder / decode_path(text)

    def canonical(self, text: str) -> str:
        """The stored path of the file that a stored path leads to: another one if it leads through a link."""
        folder, _, name = text.rpartition("/")
        if is_url(text) or is_remote(self.folder):
            return text
        if folder not in self._folders:
            self._folders[folder] = self.to_text(self.to_path(folder or "."))
        real = self._folders[folder]
        return name if real == "." else f"{real.rstrip('/')}/{name}"

    def prefix(self, path: Path | str) -> str:
        """What the `full` form of everything below a folder, or the file itself, begins with."""
        return self.full(self.to_text(path)).rstrip("/") + "/"

    def full(self, text: str) -> str:
        """A stored path as an absolute one, in stored form."""
        if is_url(text):
            return str(path_of(text))
        if Path(text).is_absolute():
            return text
        root = encode_path(self._real_folder(str(self.folder)))
        return root if text == "." else f"{root.rstrip('/')}/{text}"

    def _relative(self, real: str) -> str:
        root = self._real_folder(str(self.folder))
        if real == root:
            return "."
        inside = root.rstrip(os.sep) + os.sep
        if not real.startswith(inside):
            return url_of(real) if is_remote(real) else encode_path(real)
        return encode_path(real[len(inside) :].replace(os.sep, "/"))

    def _real_folder(self, folder: str) -> str:
        if folder not in self._real:
            self._real[folder] = folder if is_remote(folder) else os.path.realpath(folder)
        return self._real[folder]


def same_name(text: str) -> str:
    """A path in the form in which its spellings are equal: NFC. macOS spells an accent as a character of its own."""
    return unicodedata.normalize("NFC", text)


def stored_spelling(text: str, known: Iterable[str]) -> str:
    """Of the `known` stored paths, the one that `text` means: itself, or another spelling of the same name."""
    known = known if isinstance(known, (set, dict, frozenset)) else list(known)
    if text in known:
        return text
    wanted = same_name(text)
    return next((other for other in known if same_name(other) == wanted), text)
