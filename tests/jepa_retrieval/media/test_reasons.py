"""Errors of libraries become reasons in plain words."""

import errno
import os

import av.error
import pytest

from jepa_retrieval.media.reasons import NO_FRAME, NOT_MEDIA, library_reason, os_reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (av.error.BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)), NO_FRAME),
        (av.error.InvalidDataError(1094995529, "Invalid data found when processing input"), NOT_MEDIA),
        (ValueError(""), NOT_MEDIA),
        (ValueError("bad header.\nsecond line"), "cannot be decoded: bad header"),
    ],
)
def test_reasons(error: Exception, reason: str) -> None:
    assert library_reason(error) == reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.EHOSTUNREACH, "Set $AWS_PROFILE"), "set $AWS_PROFILE"),
        (
            OSError(errno.EBADMSG, "its shard is cut off after member B.JPG"),
            "its shard is cut off after member B.JPG",
        ),
        (FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)), "no such file or folder"),
    ],
)
def test_names_keep_their_spelling(error: OSError, reason: str) -> None:
    assert os_reason(error) == reason
