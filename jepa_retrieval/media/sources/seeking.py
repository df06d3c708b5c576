"""What files that lie in a store or in an archive share: a position that reads begin at."""

from __future__ import annotations

import errno
import io
from collections.abc import Sequence


class SeekableFile(io.RawIOBase):
    """A file of a known size that is read from a position on; what is read is a matter of the class below.

    Args:
        name: of the file; libav looks at it.
        size: bytes.
    """

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte."""
        at = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence] + offset
        if at < 0:
            raise OSError(errno.EINVAL, "a position before the file")
        self._at = at
        return at

    def prefetch(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Fetch ranges of bytes, begin and end of each, that will be read next, where each request takes time."""
