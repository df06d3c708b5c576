"""Answers that are written once: FastAPI would check the values of a model that is valid again before it does."""

from __future__ import annotations

from pydantic import BaseModel
from starlette.responses import Response


def json_answer(model: BaseModel) -> Response:
    """A model as JSON; the route states it as its `response_model`."""
    return Response(model.model_dump_json(), media_type="application/json")
