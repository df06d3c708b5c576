"""Errors as problem documents (RFC 9457)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from indexes import FilterError
from indexes.errors import ClipNotFoundError, FingerprintMismatchError, IndexLockedError
from jepa_retrieval.errors import JepaError, ModelError, UnreadableMediaError, UsageError
from jepa_retrieval.serving.forms import FORMS

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
MAX_DETAIL = 1000  # characters
MAX_ERRORS = 20


class ProblemError(Exception):
    """An answer other than success: its status, and one sentence."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})


class FieldError(BaseModel):
    """What is wrong with one value of a request."""

    pointer: str = Field(description="JSON pointer into the body, or the name of the parameter.")
    detail: str


class Problem(BaseModel):
    """RFC 9457: what went wrong with a request."""

    type: str = "about:blank"
    title: str = Field(description="The HTTP status in words.")
    status: int
    detail: str = Field(description="What is wrong, in one sentence.")
    errors: list[FieldError] | None = Field(
        default=None, description="The values that are not valid, if several may be."
    )

    model_config = {
        "json_schema_extra": {
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Unprocessable Content",
                    "status": 422,
                    "detail": "the filter 'duratoin > 60' is not valid: there is no column 'duratoin'",
                }
            ]
        }
    }


def problem_response(
    status: int,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document as a response."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": _title(status),
        "status": status,
        "detail": detail if len(detail) <= MAX_DETAIL else detail[:MAX_DETAIL] + "…",
    }
    if errors:
        document["errors"] = errors
    # Names of files may hold what no encoding can: it is escaped.
    content = json.dumps(document).encode()
    return Response(content, status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem documents of a route, for its OpenAPI description."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": _title(status), "content": content}
        for status in sorted({400, 401, 403, 421, 422, 503, *statuses})
    }


def problem_of(error: JepaError) -> ProblemError:
    """The problem that an error of the toolkit is to a client."""
    if isinstance(error, UnreadableMediaError):
        return ProblemError(422, _of_file(error.reason))
    if isinstance(error, UsageError | FilterError):
        return ProblemError(422, str(error))
    if isinstance(error, IndexLockedError):
        return ProblemError(409, "another process is writing to the index")
    if isinstance(error, FingerprintMismatchError):
        return ProblemError(503, "the index was made with another model than the one that is installed")
    if isinstance(error, ModelError):
        return ProblemError(503, str(error))
    if isinstance(error, ClipNotFoundError):
        return ProblemError(404, "there is no such clip; the index may have changed")
    return ProblemError(503, "the index cannot be read: the server's log has the reason")


def _of_file(reason: str) -> str:
    """The reason why a file cannot be used as a sentence about it."""
    if reason.startswith("its "):
        return f"the file's {reason.removeprefix('its ')}"
    if reason.startswith(("is ", "has ", "was ", "cannot ", "ends ")):
        return f"the file {reason}"
    return f"the file cannot be read: {reason}"


def add_problem_handlers(app: FastAPI) -> None:
    """Have every error of an app answered with a problem document."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(JepaError, _on_jepa_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_bug)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return problem_response(error.status, _hidden(request, error.detail), headers=error.headers)


async def _on_jepa_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, JepaError)
    problem = problem_of(error)
    if problem.status >= 500:
        logger.error("%s", error)
    return problem_response(problem.status, _hidden(request, problem.detail))


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"pointer": _pointer(found["loc"]), "detail": found["msg"]} for found in error.errors()[:MAX_ERRORS]
    ]
    first = errors[0] if errors else {"pointer": "", "detail": "is not valid"}
    return problem_response(422, f"{first['pointer']}: {first['detail']}", errors=errors)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    said = error.detail if isinstance(error.detail, str) else _title(error.status_code)
    return problem_response(error.status_code, said, headers=error.headers)


async def _on_bug(request: Request, error: Exception) -> Response:
    logger.exception("%s %s", request.method, request.url.path, exc_info=error)
    return problem_response(
        500, f"unexpected {type(error).__name__}: this is a bug, and is in the server's log"
    )


def _hidden(request: Request, text: str) -> str:
    """A message without the places of indexes and media on this machine."""
    services = getattr(request.app.state, "services", None)
    return text if services is None else services.hide_paths(text)


def _pointer(location: tuple[int | str, ...]) -> str:
    place, *rest = location
    if place == "body":
        fields = [str(part) for part in rest if part not in FORMS]
        return "/" + "/".join(field.replace("~", "~0").replace("/", "~1") for field in fields)
    return ".".join(map(str, rest)) or str(place)


def _title(status: int) -> str:
    if status == 422:  # named otherwise in older versions of Python
        return "Unprocessable Content"
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
