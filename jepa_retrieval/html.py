"""Templates of self-contained pages: values are escaped, pictures are inside."""

from __future__ import annotations

import base64
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def templates() -> Environment:
    """The templates of the package; every value that they are filled with is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("jepa_retrieval", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )


def picture_uri(jpeg: bytes | None) -> str | None:
    """A JPEG as a data URI; None for None."""
    return None if jpeg is None else "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
