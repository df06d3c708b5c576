"""`GET /docs`: the OpenAPI document as a page, without scripts and without other hosts."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from jepa_retrieval.html import templates

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def get_docs(request: Request) -> HTMLResponse:
    """The routes, their parameters and examples."""
    document = request.app.openapi()
    operations = [
        _operation(document, method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    page = templates().get_template("api.html").render(info=document["info"], operations=operations)
    return HTMLResponse(page)


def _operation(document: dict[str, Any], method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    parameters = [
        {
            "name": one["name"],
            "place": one["in"],
            "required": one.get("required", False),
            "description": one.get("description") or one.get("schema", {}).get("description", ""),
        }
        for one in operation.get("parameters", [])
    ]
    return {
        "method": method.upper(),
        "path": path,
        "description": operation.get("description", ""),
        "parameters": parameters,
        "example": _example(document, operation),
        "answers": [f"{status} {answer['description']}" for status, answer in operation["responses"].items()],
    }


def _example(document: dict[str, Any], operation: dict[str, Any]) -> str | None:
    """The first example of an operation's body."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    examples = document["components"]["schemas"].get(name, {}).get("examples")
    return json.dumps(examples[0], indent=2) if examples else None
