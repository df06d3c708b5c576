"""nano's embeddings of all shared photographs and videos, and of captions: the basis of large synthetic indexes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.datasets.files import read_lines
from benchmarks.datasets.shapes import Clip
from benchmarks.shared.common import shared_data
from benchmarks.shared.embedder import Embedder
from benchmarks.shared.panda70m import FOLDER, panda70m_rows
from jepa_retrieval.models import load_model
from jepa_retrieval.tasks.encoding.reference_texts import neutral_texts

SPLITS = ("dev", "test")


def real_vectors() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ŝ_Y of photographs and videos, S_Y of captions, S_Y of neutral texts; float32 [n, E], unit length.

    Photographs are those of Flickr8k's dev and test splits, videos those of Panda-70M; captions are theirs. None was
    trained on, for a model is better on its training pictures. All is cached, batch by batch.
    """
    embedder = Embedder(load_model("nano"), on_progress=_report)
    names, captions = _flickr8k()
    rows = panda70m_rows()
    files = [shared_data() / "flickr8k" / "images" / f"{Path(name).stem}.webp" for name in names]
    files += [shared_data() / FOLDER / row["file"] for row in rows]
    try:
        vectors, readable = embedder.clips([Clip(path) for path in files])
        texts = list(dict.fromkeys([*captions, *(row["caption"] for row in rows)]))
        return vectors[readable], embedder.texts(texts), embedder.texts(neutral_texts())
    finally:
        embedder.close()


def _flickr8k() -> tuple[list[str], list[str]]:
    """Names of the photographs, and one caption of each."""
    folder = shared_data() / "flickr8k"
    names = [name for split in SPLITS for name in read_lines(folder / f"Flickr_8k.{split}Images.txt")]
    lines = (line.partition("\t") for line in read_lines(folder / "Flickr8k.token.txt"))
    first = {key.removesuffix("#0"): caption for key, _, caption in lines if key.endswith("#0")}
    return names, [first[name] for name in names]


def _report(activity: str, done: int, total: int) -> None:
    if done % 500 == 0:
        print(f"{activity}: {done:,} of {total:,}", flush=True)
