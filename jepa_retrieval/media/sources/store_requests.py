"""Requests to stores: repeated if they fail, and their errors as OSErrors without addresses or headers."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import TypeVar

from jepa_retrieval.errors import UsageError

T = TypeVar("T")

VARIABLES = {  # that hold credentials
    "s3": "$AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY, or $AWS_PROFILE",
    "gs": "$GOOGLE_APPLICATION_CREDENTIALS",
    "az": "$AZURE_STORAGE_CONNECTION_STRING, or $AZURE_STORAGE_ACCOUNT_NAME and $AZURE_STORAGE_ACCOUNT_KEY",
    "hf": "$HF_TOKEN",
}

_ATTEMPTS = 6
_FIRST_DELAY = 0.2  # seconds; doubled with each attempt
_MAX_WAIT = 60.0  # seconds after which a request that fails is not repeated; one alone may take minutes
_FINAL = (FileNotFoundError, PermissionError, IsADirectoryError, NotImplementedError, UsageError)
_NO_SUCH_FILE = (404, 410)  # HTTP
_FORBIDDEN = (401, 403)
_CONDITION_FAILED = 412
_CONDITION_CODES = ("PreconditionFailed", "BlobAlreadyExists")  # of S3; of Azure, where it comes with a 409
_STORES = {"botocore": "s3", "google": "gs", "azure": "az"}  # by the library that looks for credentials


def patiently(request: Callable[[], T]) -> T:
    """Ask a store, again and again if it fails; what it answers with is an OSError without addresses or headers."""
    began = time.monotonic()
    for attempt in range(_ATTEMPTS):
        try:
            return request()
        except Exception as raised:  # stores raise errors of their own libraries
            error = _cause(raised)
            if (final := _final(error)) is not None:
                raise final from None
            if attempt == _ATTEMPTS - 1 or time.monotonic() - began > _MAX_WAIT:
                raise OSError(errno.EHOSTUNREACH, _no_answer(error)) from None
        time.sleep(_FIRST_DELAY * 2**attempt)
    raise AssertionError  # the last attempt returns or raises


def _cause(error: Exception) -> Exception:
    """The error itself; where fsspec calls every failure of a web server a FileNotFoundError, that failure."""
    cause = error.__cause__
    of_web = isinstance(cause, TimeoutError) or type(cause).__module__.startswith("aiohttp")
    hidden = isinstance(error, FileNotFoundError) and of_web and isinstance(cause, Exception)
    return cause if hidden else error  # type: ignore[return-value]


def _final(error: Exception) -> Exception | None:
    """The error to raise if asking again would not help; None if it may."""
    status = _status(error)
    if isinstance(error, FileNotFoundError) or status in _NO_SUCH_FILE:
        return FileNotFoundError(errno.ENOENT, "no such file or folder")
    if isinstance(error, PermissionError) or status in _FORBIDDEN or _is_forbidden_by_gcsfs(error):
        return PermissionError(errno.EACCES, "permission denied")
    if isinstance(error, FileExistsError) or status == _CONDITION_FAILED or _code(error) in _CONDITION_CODES:
        return FileExistsError(errno.EEXIST, "is there already, or has changed")
    if isinstance(error, _FINAL):
        return error
    return _without_credentials(error)


def _status(error: Exception) -> int | None:
    """The HTTP status of a store's answer, as aiohttp, azure-core and gcsfs name it; None if there is none."""
    values = (getattr(error, name, None) for name in ("status", "status_code", "code"))
    return next((value for value in values if isinstance(value, int)), None)


def _code(error: Exception) -> str | None:
    """The store's own word for an error: azure-core tells it, s3fs hides it in the error that it translates."""
    answer = getattr(error.__cause__, "response", None)
    of_s3 = answer.get("Error", {}).get("Code") if isinstance(answer, dict) else None
    return of_s3 or getattr(error, "error_code", None)


def _is_forbidden_by_gcsfs(error: Exception) -> bool:
    """Whether gcsfs was answered with a 403: of that it leaves a plain OSError with a sentence."""
    return type(error) is OSError and error.errno is None and str(error).startswith("Forbidden")


def _without_credentials(error: Exception) -> OSError | None:
    """The error of a store to which no credentials were given, with the variables that hold them; else None."""
    name = type(error).__name__
    if not any(word in name for word in ("Credentials", "NoAuth", "ProfileNotFound")):
        return None
    library = type(error).__module__.partition(".")[0]
    variables = VARIABLES.get(_STORES.get(library, ""))
    hint = "" if variables is None else f" (set {variables})"
    # Not EACCES, whose usual words would say less.
    return OSError(errno.EHOSTUNREACH, f"there are no credentials for it in the environment{hint}")


def _no_answer(error: Exception) -> str:
    """Why a store gives no answer; without addresses or headers."""
    if (status := _status(error)) is not None:
        return f"the server answers with an error ({status})"
    if isinstance(error, OSError) or any(
        word in type(error).__name__ for word in ("Connect", "ServiceRequest")
    ):
        return "cannot be reached: its server does not answer, or does not exist"
    return f"the store does not answer ({type(error).__name__})"
