"""Paths of files that do not lie in a folder: in object stores, on web servers, in tar archives.

`s3://bucket/key` is the `Path` `//s3/bucket/key`, and the file `000.jpg` in the archive `a.tar` is `a.tar/000.jpg`.
So code that handles paths handles these too. POSIX leaves two leading slashes to the implementation, and Python keeps
them; what reads files goes through `jepa_retrieval.media.sources`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from jepa_retrieval.addresses import SCHEMES, is_remote, is_url, parts_of_url, url_of
from jepa_retrieval.errors import UsageError

__all__ = ["SCHEMES", "SHARD_SUFFIX", "is_ordinary", "is_remote", "is_url", "path_of", "shard_of", "url_of"]

# Names of query parameters that give access to whoever has the address.
_SECRET = re.compile(
    r"[?&](x-amz-signature|x-goog-signature|signature|sig|token|access_token|key)=", re.IGNORECASE
)

SHARD_SUFFIX = ".tar"


def path_of(url: str) -> Path:
    """The path that stands for an address.

    Raises:
        UsageError: the address holds a password or a signature: it would be stored in the index.
    """
    found = parts_of_url(url)
    if found is None:
        raise UsageError(f"an address must begin with one of {', '.join(f'{name}://' for name in SCHEMES)}")
    scheme, rest = found
    if "@" in rest.partition("/")[0] or _SECRET.search(rest):
        raise UsageError(
            f"an address of {scheme}://{rest.partition('/')[0].rpartition('@')[2]} holds a password or a signature, "
            "which would be stored in the index"
        )
    return Path(f"//{scheme}/{rest}")


def shard_of(path: Path | str) -> Path | None:
    """The archive that a path leads into: `a.tar` of `a.tar/000.jpg`; None if it leads into none.

    On disk there has to be such a file: a folder may have that name, too.
    """
    if f"{SHARD_SUFFIX}/" not in str(path):
        return None
    archives = (parent for parent in Path(path).parents if parent.suffix == SHARD_SUFFIX)
    return next((archive for archive in archives if is_remote(archive) or os.path.isfile(archive)), None)  # noqa: PTH113 - raises for no name


def is_ordinary(path: Path | str) -> bool:
    """Whether a path is that of a file or a folder on disk, which libraries can open by themselves."""
    return not is_remote(path) and shard_of(path) is None
