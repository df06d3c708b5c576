"""Errors of the whole project: one small hierarchy under `JepaError`.

It lives on the lowest floor so that every floor can share the root. Messages are one sentence that names the
path or option at fault; the command line prints them as they are.
"""

from collections.abc import Sequence
from pathlib import Path


class JepaError(Exception):
    """Root of all errors that this project raises on purpose."""


class IndexStoreError(JepaError):
    """An error about an index on disk."""


class IndexNotFoundError(IndexStoreError):
    """There is no index at the path."""


class IndexFormatError(IndexStoreError):
    """The folder is not an index, is damaged, or was written by a newer version."""


class DamagedIndexError(IndexFormatError):
    """Files of the index in a folder are missing or damaged; the message names the command that knows a remedy."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(folder, why)
        self._message = f"{folder} is damaged ({why}): run `jepa verify`"

    def __str__(self) -> str:
        return self._message


class DamagedManifestError(IndexFormatError):
    """The file that says what an index is cannot be read.

    Attributes:
        fault: what is wrong with it; the message adds the command that knows a remedy.
    """

    def __init__(self, fault: str) -> None:
        super().__init__(f"{fault}: run `jepa verify`")
        self.fault = fault


class NewerFormatError(IndexFormatError):
    """The index was written by a newer version of this program."""


class ClipNotFoundError(IndexStoreError):
    """The index has no clip of a number; it may have changed since the number was known."""


class FingerprintMismatchError(IndexStoreError):
    """Vectors come from another model or prompt than those of the index."""


class IndexLockedError(IndexStoreError):
    """Another process is writing to the index."""


class IndexWriteError(IndexStoreError):
    """The index could not be written: full disk, read-only folder, missing permission."""


class FilterError(IndexStoreError):
    """A `where` expression is not valid.

    Attributes:
        fault: what is wrong with it.
        columns: names that it may use; the message lists them.
    """

    def __init__(self, fault: str, columns: Sequence[str] = ()) -> None:
        listed = f"; columns are {', '.join(columns)} (text in 'single quotes')" if columns else ""
        super().__init__(fault + listed)
        self.fault = fault
        self.columns = tuple(columns)
