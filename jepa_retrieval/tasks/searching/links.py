"""Which of several paths are links to one file: deleting the file loses what they show."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class FileLink:
    """A path that is another name of a file, not a copy of it."""

    kind: Literal["symbolic", "hard"]
    target: str  # of a symbolic link, the path that it leads to; of a hard one, another path of the same file


def find_links(paths: Sequence[Path]) -> list[FileLink | None]:
    """For each path whether it is a link: a symbolic one, or a hard one to the file of a path before it.

    Paths that cannot be examined are none.
    """
    found: list[FileLink | None] = []
    first: dict[tuple[int, int], Path] = {}
    for path in paths:
        try:
            if path.is_symlink():
                found.append(FileLink("symbolic", os.path.realpath(path)))
                continue
            status = path.stat()
        except OSError:
            found.append(None)
            continue
        original = first.setdefault((status.st_dev, status.st_ino), path)
        found.append(None if original is path else FileLink("hard", str(original)))
    return found
