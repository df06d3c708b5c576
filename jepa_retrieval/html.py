"""Templates of self-contained pages: values are escaped, pictures are inside."""

from __future__ import annotations

import base64
from functools import cache
from typing import TYPE_CHECKING

from jepa_retrieval.visible import visible

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def templates() -> Environment:
    """The templates of the package; every value is escaped, also for what HTML lets through."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("jepa_retrieval", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_shown,
    )


def _shown(value: object) -> object:
    """A value as a page shows it. Names with control characters or direction overrides must not disguise anything."""
    return visible(value) if type(value) is str else value


def picture_uri(jpeg: bytes | None) -> str | None:
    """A JPEG as a data URI; None for None."""
    return None if jpeg is None else "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
