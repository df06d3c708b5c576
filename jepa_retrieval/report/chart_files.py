"""Files of the charts that are drawn: they say what drew them, so that they can be told from photographs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jepa_retrieval.output_files import replacing
from jepa_retrieval.user_paths import user_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CHART_SUFFIX = ".png"

# The text chunk of the keyword Software (PNG, 11.3.4.3). It comes before the picture.
_SOFTWARE = "jepa-retrieval"
_CHUNK = b"tEXtSoftware\0" + _SOFTWARE.encode()
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD_BYTES = 1024


def save_chart(figure: Figure, path: Path | str, *, dpi: int) -> None:
    """Write a figure, whole or not at all, as PNG unless the name says another format of matplotlib.

    Raises:
        OSError: the file cannot be written.
        ValueError: matplotlib does not know the format.
    """
    target = user_path(path)
    is_png = target.suffix.lower() == CHART_SUFFIX
    with replacing(target) as written:
        figure.savefig(written, dpi=dpi, metadata={"Software": _SOFTWARE} if is_png else None)


def is_chart(path: Path) -> bool:
    """Whether a file is a PNG that `save_chart` wrote. Raises OSError if it cannot be read."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return head.startswith(_SIGNATURE) and _CHUNK in head
