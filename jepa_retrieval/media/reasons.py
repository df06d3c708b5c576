"""Turns exceptions of libraries into a reason that a user understands: a few words, one line."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

from indexes.reasons import NO_SUCH_FILE
from jepa_retrieval.errors import UnreadableMediaError, UsageError
from jepa_retrieval.media.limits import MAX_WORKER_BYTES
from jepa_retrieval.media.sources import opening
from jepa_retrieval.source_paths import is_ordinary
from jepa_retrieval.times import format_time

NOT_MEDIA = "is not a video or picture that can be read, or its header is damaged"
NOT_PICTURE = "is not a picture that can be read, or its header is damaged"
IS_EMPTY = "is empty"
NO_FRAME = "no frame could be decoded (damaged or truncated)"
BREAKS_OFF = "its sound is damaged from"
NO_SOUND = "nothing of its sound can be decoded"
HOLDS_NO_SOUND = "has a header for sound, and no sound behind it"
NOT_SOUND = "is not sound that can be read, or its header is damaged"
NOTHING_SEEN = "has only sound, and nothing to see"
NO_VIDEO = "has no video stream"
ONLY_SOUND = "has no video stream, only sound ('jepa index --speech' makes what is said in it searchable)"

_NOT_MEDIA_MESSAGES = (
    "Invalid data found",
    "Invalid argument",  # a format that is not allowed
    "End of file",
    "Input/output error",
    "Not yet implemented",
    "not permitted",
)

_GONE = (errno.ENOENT, errno.ESTALE)
_OS_REASONS = {
    errno.ENOENT: NO_SUCH_FILE,
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EISDIR: "is a folder",
    errno.EIO: "the disk reports a read error",
    errno.ELOOP: "is a symbolic link that leads to itself",
    errno.ENAMETOOLONG: "its name is too long",
    errno.ESTALE: "the network file system lost it",
}


def os_reason(error: OSError) -> str:
    """The reason for an error of the operating system."""
    known = _OS_REASONS.get(error.errno or 0)
    text = (error.strerror or type(error).__name__).strip()
    return known or text[:1].lower() + text[1:]  # variables that it names keep their spelling


def check_regular_file(path: Path) -> opening.Status:
    """Look at a file that is about to be read; refuse what is not a file, is empty or may not be read."""
    try:
        status = opening.status(path)
        if stat.S_ISDIR(status.mode):
            raise UnreadableMediaError(path, "is a folder")
        if not stat.S_ISREG(status.mode):
            raise UnreadableMediaError(path, "is not a regular file")
        if status.size == 0:
            raise UnreadableMediaError(path, IS_EMPTY)
        if is_ordinary(path):
            with path.open("rb"):  # permission is only known by trying
                pass
    except OSError as error:
        raise UnreadableMediaError(path, os_reason(error)) from error
    except UsageError as error:  # a store whose package is not installed
        raise UnreadableMediaError(path, str(error)) from error
    except ValueError as error:  # a NUL in the name
        raise UnreadableMediaError(path, "its name is not valid") from error
    return status


def library_reason(error: BaseException) -> str:
    """The reason for an error of libav, Pillow or another decoder: its first line, without technical additions."""
    if isinstance(error, UnreadableMediaError):
        return error.reason
    if isinstance(error, MemoryError):
        limit = f"{MAX_WORKER_BYTES.value:,} bytes (${MAX_WORKER_BYTES.variable} allows more)"
        return f"decoding needs more memory than {limit}"
    if isinstance(error, BlockingIOError):  # a decoder of libav that waits for more when the file has ended
        return NO_FRAME
    number = getattr(error, "errno", None)
    if isinstance(error, OSError) and number in _GONE:  # libav also reports damage with the others
        return _OS_REASONS[number]
    text = getattr(error, "strerror", None) or str(error)
    lines = str(text).strip().splitlines()
    if not lines or any(known in lines[0] for known in _NOT_MEDIA_MESSAGES):
        return NOT_MEDIA
    return f"cannot be decoded: {lines[0].strip()[:120].rstrip('.')}"


def damaged_from(seconds: float) -> str:
    """What is said of sound of which nothing can be read from a time on."""
    return f"{BREAKS_OFF} {format_time(seconds)} on"


def sound_reason(error: BaseException) -> str:
    """The same for a file that is known to hold sound."""
    reason = library_reason(error)
    return NOT_SOUND if reason == NOT_MEDIA else reason
