"""The OpenAPI document: FastAPI's, with problem documents for every error."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from jepa_retrieval.serving.problems import Problem

_ABOUT = """Search, classify and question videos and photographs by meaning.

Files and clips are named by numbers, which hold as long as the server runs with the same indexes in the same order
and the file is not indexed anew. Errors are problem documents (RFC 9457). With a token, send it as
`Authorization: Bearer TOKEN`, or exchange it for a cookie at `/v1/session`."""


def describe(app: FastAPI) -> None:
    """Have an app answer `/openapi.json` with our document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=app.title, version=app.version, description=_ABOUT, routes=app.routes)
    schemas = made["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    made["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"},
    }
    return made
