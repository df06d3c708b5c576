"""The objects below one prefix of an object store, by their names below it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.sources.remote import RemoteFile, file_system, look
from jepa_retrieval.media.sources.store_requests import patiently
from jepa_retrieval.source_paths import url_of
from jepa_retrieval.stores.conditions import conditional_write


class StoreFolder:
    """A folder in an object store.

    Every method raises an OSError, with a reason that holds no address, if the store refuses or does not answer.

    Args:
        path: as of `jepa_retrieval.source_paths`.

    Raises:
        UsageError: the store's package is not installed, or it is a web server.
    """

    def __init__(self, path: Path) -> None:
        self.url = url_of(path)
        if self.url.startswith("http"):
            raise UsageError(f"{self.url}: an index cannot lie on a web server")
        self._path = path
        self._system, self._name = file_system(path)

    def find(self, name: str) -> RemoteFile | None:
        """An object; None if there is none."""
        try:
            return look(self._path / name)
        except FileNotFoundError:
            return None

    def read(self, name: str) -> bytes:
        """The content of a small object."""
        return patiently(lambda: bytes(self._system.cat_file(f"{self._name}/{name}")))

    def download(self, name: str, to: Path, size: int) -> None:
        """Copy an object to this machine; what is at `to` is replaced in one step."""
        to.parent.mkdir(parents=True, exist_ok=True)
        partial = to.with_name(f"{to.name}.download.tmp")

        def fetch() -> None:
            self._system.get_file(f"{self._name}/{name}", str(partial))
            if partial.stat().st_size != size:
                raise OSError("the store sent less than was asked for")

        try:
            patiently(fetch)
            partial.replace(to)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink()

    def upload(self, name: str, source: Path) -> None:
        """Copy a file of this machine to the store."""
        patiently(lambda: self._system.put_file(os.fspath(source), f"{self._name}/{name}"))

    def write_if(self, name: str, data: bytes, *, tag: str) -> str:
        """Write a small object if the store's is the one that has `tag`; if that is empty, if there is none.

        Args:
            name: of the object.
            data: nobody else writes the same.
            tag: as of `find`.

        Returns:
            The new tag.

        Raises:
            FileExistsError: it is another one.
            UsageError: the store cannot do that.
        """
        write = conditional_write(self.url)
        try:
            return patiently(lambda: write(self._system, f"{self._name}/{name}", data, tag))
        except FileExistsError:
            found = self.find(name)
            if found is None or self.read(name) != data:
                raise
            return found.tag  # an earlier attempt got through, and its answer was lost

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects; those that are gone are no error."""
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                patiently(lambda name=name: self._system.rm_file(f"{self._name}/{name}"))  # type: ignore[misc]
