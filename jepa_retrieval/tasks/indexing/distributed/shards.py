"""The unit of work of a distributed run: some files that one worker embeds and one commit stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jepa_retrieval.media import FoundFile

MIN_SHARDS_PER_WORKER = 4  # so that workers end at about the same time
MIN_SHARD_FILES = 16  # unless fewer are asked for: windows of several files share the model's batches


@dataclass(slots=True, eq=False)
class Shard:
    """Files by stored path, in order of path."""

    number: int
    files: Mapping[str, FoundFile]
    deaths: int = 0  # of workers that had it

    def halves(self) -> list[Shard]:
        """Two shards of half the files each; a death is only theirs if it happens again."""
        paths = list(self.files)
        middle = len(paths) // 2
        parts = (paths[:middle], paths[middle:])
        return [Shard(self.number, {path: self.files[path] for path in part}) for part in parts]


def make_shards(files: Mapping[str, FoundFile], *, shard_files: int, workers: int) -> list[Shard]:
    """Divide files into shards: the same files give the same shards.

    Args:
        files: by stored path.
        shard_files: the most files of a shard.
        workers: that will share them; each gets several shards, as far as there are files.
    """
    paths = sorted(files)
    wanted = max(-(-len(paths) // (workers * MIN_SHARDS_PER_WORKER)), MIN_SHARD_FILES)
    size = min(shard_files, wanted)
    starts = range(0, len(paths), size)
    return [
        Shard(number, {path: files[path] for path in paths[start : start + size]})
        for number, start in enumerate(starts)
    ]
