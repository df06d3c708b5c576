"""Query parameters that a route does not have are refused by name; FastAPI would ignore them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute


async def refuse_unknown_parameters(request: Request) -> None:
    """A dependency of every route of an app. No route has a parameter that can be given more than once.

    Only the routes of the API are strict: who asks for health may add what keeps caches away.

    Raises:
        RequestValidationError: a parameter is unknown, or given twice.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute) or not route.path.startswith("/v1/") or not request.query_params:
        return
    known = list(dict.fromkeys(_names(route.dependant)))
    allowed = f"parameters are {', '.join(known)}" if known else "this address takes none"
    given = Counter(name for name, _ in request.query_params.multi_items())
    wrong = {name: f"there is no such parameter; {allowed}" for name in given if name not in known}
    wrong |= {name: "it is given twice" for name, times in given.items() if times > 1 and name in known}
    if wrong:
        raise RequestValidationError([{"loc": ("query", name), "msg": said} for name, said in wrong.items()])


def _names(dependant: Any) -> Iterator[str]:
    """The query parameters of a route and of what it depends on."""
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _names(inner)
