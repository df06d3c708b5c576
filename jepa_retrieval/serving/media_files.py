"""Which files of an index clients may read: those below its media root, or below a folder that was allowed."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.sources.opening import place_in_shard, status
from jepa_retrieval.serving.problems import ProblemError
from jepa_retrieval.serving.served import Commit
from jepa_retrieval.source_paths import is_remote, shard_of, url_of


class MediaFiles:
    """Finds the files of an index, and says what clients call them."""

    def __init__(self, allowed: Sequence[Path] = ()) -> None:
        """`allowed`: folders beside the media roots, on disk or in stores."""
        self._allowed = [
            folder if is_remote(folder) else Path(os.path.realpath(folder)) for folder in allowed
        ]

    def readable(self, commit: Commit, path: str) -> Path:
        """Where the file of a stored path really lies: a path without symbolic links, maybe into an archive.

        Raises:
            ProblemError: it is not there (404), it or a link leads out of the allowed folders (403), or its store
                does not answer (503).
        """
        stated = commit.media_root.to_path(path)
        if is_remote(stated):
            return self._elsewhere(commit, stated)
        shard = _shard_of(stated)
        if shard is None:
            return self._real(commit, stated)
        archive = self._real(commit, shard)
        file = archive / stated.relative_to(shard)
        if not _is_in_archive(file):
            raise ProblemError(404, "the file is not in its archive now, or the archive cannot be read")
        return file

    def _elsewhere(self, commit: Commit, stated: Path) -> Path:
        """The path of a file in a store, after the store has said that it is there; errors as of `readable`.

        The address of a web server has to be allowed by `--media`: an index from somebody else could name a server
        that only this machine can reach.
        """
        root = commit.media_root.folder
        roots = [folder for folder in self._allowed if is_remote(folder)]
        roots += [root] if is_remote(root) and not url_of(root).startswith("http") else []
        if ".." in stated.parts or not any(stated.is_relative_to(root) for root in roots):
            raise _not_allowed("ADDRESS")
        try:
            status(stated)
        except (FileNotFoundError, IsADirectoryError):
            raise ProblemError(404, "the file is not in its store any more") from None
        except UsageError as error:  # a package for the store is missing
            raise ProblemError(503, str(error)) from None
        except OSError as error:
            raise ProblemError(503, f"the file's store: {error.strerror or 'does not answer'}") from None
        return stated

    def _real(self, commit: Commit, stated: Path) -> Path:
        try:
            real = Path(os.path.realpath(stated, strict=True))
            found = real.stat()
        except (OSError, ValueError):
            raise ProblemError(404, "the file is not there now; its disk may be missing") from None
        root = commit.media_root.folder
        roots = [folder for folder in self._allowed if not is_remote(folder)]
        roots += [] if is_remote(root) else [Path(os.path.realpath(root))]
        if not any(real.is_relative_to(root) for root in roots):
            raise _not_allowed("FOLDER")
        if not stat.S_ISREG(found.st_mode):
            raise ProblemError(404, "it is not a regular file")
        return real

    def shown(self, commit: Commit, path: str) -> str:
        """A stored path as clients see it: never one that begins at the root of the disk; see `clean`."""
        if not path.startswith("/") and not os.path.isabs(path):  # noqa: PTH117 - for every hit; Path is slow
            return clean(path)
        full = Path(path)
        for root in self._allowed:
            if full.is_relative_to(root):
                return clean((Path(root.name) / full.relative_to(root)).as_posix())
        return clean(full.name)


def clean(text: str) -> str:
    """A text that can be encoded: what a file name holds that is no character becomes a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _not_allowed(what: str) -> ProblemError:
    return ProblemError(
        403, f"the file lies outside of the indexed folder; `jepa serve --media {what}` allows another"
    )


def _shard_of(path: Path) -> Path | None:
    try:
        return shard_of(path)
    except (OSError, ValueError):  # a name that no file has
        return None


def _is_in_archive(path: Path) -> bool:
    try:
        return place_in_shard(path) is not None
    except (OSError, ValueError):
        return False
