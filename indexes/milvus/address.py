"""Addresses of published indexes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from indexes.errors import IndexStoreError

SCHEMES = {"milvus": "http", "milvus+http": "http", "milvus+https": "https", "milvus+file": "file"}
DEFAULT_NAME = "library"
DEFAULT_PORT = 19530
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)
FORMS = (
    "milvus+http://HOST:PORT, milvus+https://HOST:PORT, milvus+file:FILE.db or milvus:FILE.db, with /DATABASE behind "
    "a host and #NAME at the end if wanted"
)


def is_address(place: object) -> bool:
    """Whether this is meant as an address, not as a folder."""
    return isinstance(place, str) and place.partition(":")[0] in SCHEMES and ":" in place


@dataclass(frozen=True, slots=True)
class MilvusAddress:
    """Where a published index is."""

    uri: str  # of the server, or the path of a file for Milvus Lite
    database: str  # "" for the server's default
    name: str  # of the index there

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address.

        Raises:
            IndexStoreError: it has none of the forms, or holds a user name or password.
        """
        try:
            parts = urlsplit(text)
            port = parts.port or DEFAULT_PORT
        except ValueError:
            raise IndexStoreError(f"{text!r} is no address of a published index: use {FORMS}") from None
        name = parts.fragment or DEFAULT_NAME
        if parts.username is not None or parts.password is not None or parts.query:
            raise IndexStoreError(
                "an address of a published index holds no user name, password or token: set $MILVUS_TOKEN"
            )
        if not _NAME.fullmatch(name):
            raise IndexStoreError(f"the name {name!r} of a published index must be letters, digits and _")
        scheme = SCHEMES.get(parts.scheme)
        if scheme is None or (scheme == "file" and parts.netloc) or not (parts.netloc or parts.path):
            raise IndexStoreError(f"{text!r} is no address of a published index: use {FORMS}")
        if not parts.netloc:
            if not parts.path.endswith(".db"):
                raise IndexStoreError(f"{text!r}: the file of a published index must end in .db")
            return cls(str(Path(parts.path).absolute()), "", name)
        database = parts.path.strip("/")
        if database and not _NAME.fullmatch(database):
            raise IndexStoreError(f"{text!r}: the database must be letters, digits and _")
        return cls(f"{scheme}://{parts.hostname}:{port}", database, name)

    @property
    def is_file(self) -> bool:
        """Whether Milvus Lite serves it, in this process."""
        return "://" not in self.uri

    @property
    def state_collection(self) -> str:
        """The collection of one row that says which commit is published."""
        return f"{self.name}_state"

    def clips_collection(self, index_id: str) -> str:
        """The collection of the clips of one index."""
        return f"{self.name}_{index_id[:12]}"

    def __str__(self) -> str:
        place = f"milvus+file:{self.uri}" if self.is_file else f"milvus+{self.uri}"
        return f"{place}{'/' + self.database if self.database else ''}#{self.name}"
