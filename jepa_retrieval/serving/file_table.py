"""The files of one commit by number and by path."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from indexes import Index


@dataclass(frozen=True, slots=True)
class FileTable:
    """Which number each file of an index has, and which path each number."""

    numbers: Sequence[int]  # media_id, ascending
    paths: Sequence[str]  # in the same order
    _number_of: Mapping[str, int]

    @classmethod
    def read(cls, index: Index) -> FileTable:
        """Read them from the table of media."""
        table = index.media(columns=["media_id", "path"]).sort_by("media_id")
        numbers: list[int] = table["media_id"].to_pylist()
        paths: list[str] = table["path"].to_pylist()
        return cls(numbers, paths, dict(zip(paths, numbers, strict=True)))

    def __len__(self) -> int:
        return len(self.numbers)

    def number_of(self, path: str) -> int | None:
        """The number of a stored path; None if the index does not have it."""
        return self._number_of.get(path)

    def path_of(self, number: int) -> str | None:
        """The stored path of a number; None if there is no such file."""
        at = bisect.bisect_left(self.numbers, number)
        return self.paths[at] if at < len(self.numbers) and self.numbers[at] == number else None

    def after(self, number: int) -> Iterator[tuple[int, str]]:
        """Number and path of the files whose number is greater, in order."""
        for at in range(bisect.bisect_right(self.numbers, number), len(self.numbers)):
            yield self.numbers[at], self.paths[at]
