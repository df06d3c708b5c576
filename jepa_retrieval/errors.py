"""Errors of media files and models, under the project's root `JepaError`."""

from indexes.errors import JepaError
from jepa_retrieval.addresses import url_of

__all__ = ["ClusterError", "JepaError", "MediaError", "ModelError", "UnreadableMediaError", "UsageError"]


class UsageError(JepaError):
    """An argument or option is outside what is allowed; the message lists what is."""


class MediaError(JepaError):
    """Something about a media file."""


class UnreadableMediaError(MediaError):
    """A file cannot be used: `reason` says why in a few words, without the path."""

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(f"{url_of(str(path))}: {reason}")
        self.path = path
        self.reason = reason


class ModelError(JepaError):
    """A model is unknown, its weights are missing or damaged, or it cannot run here."""


class ClusterError(JepaError):
    """The cluster that was to do the work cannot be used, or was lost."""
