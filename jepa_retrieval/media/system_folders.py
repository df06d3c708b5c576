"""Folders that devices and programs make beside the user's media: thumbnails, trash, copies for preview."""

from __future__ import annotations

import fnmatch
import re

_PATTERNS = (
    "@eadir", "@recently-snapshot", "#recycle", "#snapshot", "@tmp", ".@__thumb",  # Synology, QNAP
    "$recycle.bin", "recycler", "recycled", "system volume information",  # Windows
    ".trash", ".trash-*", ".trashes", ".spotlight-v100", ".fseventsd", ".temporaryitems", ".documentrevisions-v100",
    ".appledouble", "__macosx",  # macOS and Linux
    "lost+found", ".thumbnails", ".thumbs", ".xvpics",  # Linux, Android
    "*.trickplay", ".deletedbytmm", ".actors", ".stversions", ".stfolder", ".sync",  # Jellyfin, Kodi, Syncthing
)  # fmt: skip

_ANY = re.compile("|".join(fnmatch.translate(pattern) for pattern in _PATTERNS))


def is_system_folder(name: str) -> bool:
    """Whether a folder of this name was made by a device or a program, in upper or lower case."""
    return _ANY.match(name.lower()) is not None
