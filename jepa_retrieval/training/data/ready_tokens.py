"""Ready-made tokens: visuals that are not pictures, such as the directions of a classifier's classes.

A folder with ``tokens.npy``, float [visuals, views, N, D] in the X-Encoder's scale, and ``examples.jsonl``, whose
lines have ``visual`` (a row of the array), ``texts`` (a list) and optionally ``query``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.lib.format import MAGIC_PREFIX

from indexes.reasons import reason
from jepa_retrieval.errors import UsageError
from jepa_retrieval.training.config import SourceConfig
from jepa_retrieval.training.data.captions import read_json_lines
from jepa_retrieval.training.data.examples import Example, Source, Visual
from jepa_retrieval.user_paths import not_a_file


def read_ready_tokens(config: SourceConfig) -> Source:
    """The folder's examples; the array stays on disk.

    Raises:
        UsageError: a file is missing or damaged, or the two do not fit each other.
    """
    folder = Path(config.path)
    path = folder / "tokens.npy"
    if (fault := not_a_file(path)) is not None:
        raise UsageError(f"{path}: {fault}")
    try:
        with path.open("rb") as file:
            if not file.read(len(MAGIC_PREFIX)).startswith(MAGIC_PREFIX):
                raise UsageError(f"{path}: is not a NumPy array, as a .npy file holds it")
        array = np.load(path, mmap_mode="r")
    except UsageError:
        raise
    except Exception as error:  # damaged headers lead NumPy to errors of all kinds
        raise UsageError(f"{path}: cannot be read as a NumPy array ({reason(error)})") from error
    if not isinstance(array, np.ndarray) or array.ndim != 4 or array.dtype.kind != "f":
        raise UsageError(f"{path}: must be an array of floating-point numbers [visuals, views, N, D]")
    shape = array.shape
    visuals = tuple(Visual(str(path), member=str(row)) for row in range(shape[0]))
    examples = []
    for number, line in read_json_lines(folder / "examples.jsonl"):
        row, texts = line.get("visual"), line.get("texts")
        if not (isinstance(row, int) and 0 <= row < shape[0] and isinstance(texts, list) and texts):
            raise UsageError(
                f"{folder / 'examples.jsonl'}:{number}: needs visual (0 to {shape[0] - 1}) and texts (a list)"
            )
        examples.append(Example(row, str(line.get("query", config.query)), tuple(map(str, texts))))
    return replace(Source(config.name, visuals, tuple(examples)), ready_tokens=path)
