"""What speech and writing share: which files lack them, and reading the next file while this one is recognised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from jepa_retrieval.user_paths import exists

if TYPE_CHECKING:
    from indexes import Index
    from indexes.records import ClipHit
    from jepa_retrieval.tasks.encoding.media_root import MediaRoot

T = TypeVar("T")

OnFile = Callable[[int, int, str], None]  # files that are done, how many there are, path of the next


def files_with_clips(index: Index, where: str, root: MediaRoot) -> dict[str, list[ClipHit]]:
    """All clips of each file that is there and has a clip for which `where` holds, by stored path, in its order."""
    batches = index.iter_clips(where=where, columns=["path"], batch_size=4096)
    paths = sorted({path for batch in batches for path in batch["path"].to_pylist()})
    return {path: index.clips_of(path) for path in paths if exists(root.to_path(path))}


def one_ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, none of them None; the next one is made in a thread while the caller works with this one."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
