"""Rows of numbers that are computed once and kept on disk, memory-mapped.

A frozen network gives the same output for the same input, so its outputs are rows of a table that a fingerprint
names. A build that is killed continues where it stopped: a row is valid once its mark is on disk, after its data.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from jepa_retrieval.errors import UsageError
from jepa_retrieval.text_files import read_json

FORMAT_VERSION = 1


def fingerprint_of(parts: Iterable[str]) -> str:
    """Hex hash of a sequence of texts."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big"))
        digest.update(encoded)
    return digest.hexdigest()[:32]


class RowCache:
    """A table float16 or float32 [rows, *row_shape] in the folder ``root/fingerprint``."""

    def __init__(
        self, root: Path, fingerprint: str, *, rows: int, row_shape: tuple[int, ...], dtype: str = "float16"
    ) -> None:
        self.folder = root / fingerprint
        self._layout = {
            "format_version": FORMAT_VERSION,
            "rows": rows,
            "row_shape": list(row_shape),
            "dtype": dtype,
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._check_layout()
            self._data = self._map("data.npy", dtype, (rows, *row_shape))
            self._done = self._map("done.npy", "uint8", (rows,))
        except OSError as error:
            raise UsageError(
                f"{self.folder}: the cache cannot be written ({error.strerror or error})"
            ) from error

    @property
    def data(self) -> np.ndarray:
        """The whole table; only finished rows are valid."""
        return self._data

    def missing(self) -> np.ndarray:
        """Rows that are still to be computed, int64, ascending."""
        return np.flatnonzero(self._done == 0)

    def build(self, compute: Callable[[list[int]], np.ndarray], *, batch_size: int) -> Iterator[int]:
        """Compute the missing rows in batches; yields the number of rows that are done after each.

        `compute` gets row numbers and gives [len(rows), *row_shape].
        """
        missing = self.missing()
        done = len(self._done) - len(missing)
        for start in range(0, len(missing), batch_size):
            rows = missing[start : start + batch_size]
            self._data[rows] = compute([int(row) for row in rows])
            self._data.flush()
            self._done[rows] = 1
            self._done.flush()
            done += len(rows)
            yield done

    def _check_layout(self) -> None:
        path = self.folder / "layout.json"
        if path.exists():
            found = read_json(path)
            if found != self._layout:
                raise UsageError(
                    f"{self.folder}: holds another cache ({found}); delete the folder to build it anew"
                )
            return
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(self._layout), encoding="utf-8")
        temporary.replace(path)

    def _map(self, name: str, dtype: str, shape: tuple[int, ...]) -> np.memmap:
        path = self.folder / name
        if not path.exists():
            # Made under another name: a killed process leaves no half-made file under the right one.
            temporary = path.with_suffix(f".{os.getpid()}")
            np.lib.format.open_memmap(temporary, mode="w+", dtype=dtype, shape=shape).flush()
            temporary.replace(path)
        return np.lib.format.open_memmap(path, mode="r+")
