"""Captions of an index: every clip once, from what is stored, and shown with what is found."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from indexes import ClipRecord, Index, MediaRecord
from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.parts import Sentence
from jepa_retrieval.tasks.indexing.captions import caption_clips, require_decoder
from jepa_retrieval.tasks.searching.moments import merge, with_captions


class NamingDecoder:
    """Says which axis an embedding points along, and counts."""

    def __init__(self) -> None:
        self.decoded = 0

    def decode(self, embeddings: np.ndarray) -> list[Sentence]:
        self.decoded += len(embeddings)
        return [Sentence(f"Axis {axis}.", 1.0) for axis in embeddings.argmax(axis=1)]


@pytest.fixture
def index(tmp_path: Path) -> Index:
    index = Index.create(tmp_path / "index", model="m", prompt="", fingerprint="f", embedding_size=8)
    put(index, "a.mp4", range(3))
    put(index, "b.mp4", range(3, 8))
    return index


def put(index: Index, path: str, axes: range) -> None:
    clips = [ClipRecord(float(axis), axis + 1.0, np.eye(8, dtype=np.float32)[axis]) for axis in axes]
    with index.writer() as writer:
        writer.put(MediaRecord(path, 1, 1), clips)


def run(index: Index, decoder: NamingDecoder) -> int:
    with index.writer() as writer:
        return caption_clips(index, writer, decoder)


def test_every_clip_is_captioned_once(index: Index) -> None:
    decoder = NamingDecoder()
    assert run(index, decoder) == 8
    assert run(index, decoder) == 0
    put(index, "c.mp4", range(2))
    assert run(index, decoder) == 2
    assert decoder.decoded == 10
    table = index.media(columns=["path", "clips"]).to_pydict()
    assert dict(zip(table["path"], table["clips"], strict=True)) == {"a.mp4": 3, "b.mp4": 5, "c.mp4": 2}
    assert index.captions(list(range(10))) == [f"Axis {axis}." for axis in [*range(8), 0, 1]]
    assert index.verify() == []


def test_moments_show_the_caption_of_their_best_clip(index: Index) -> None:
    asked = np.eye(8, dtype=np.float32)[4:5]
    found = merge(index.search(asked, k=3)[0], top=3)
    moments = [candidate.moment(rank, None) for rank, candidate in enumerate(found, start=1)]
    assert [moment.caption for moment in with_captions(moments, index)] == [None] * len(moments)
    run(index, NamingDecoder())
    assert with_captions(moments, index)[0].caption == "Axis 4."
    assert with_captions([], index) == []


def test_a_model_without_a_decoder_says_so() -> None:
    with pytest.raises(ModelError, match="tiny has no Y-Decoder"):
        require_decoder(SimpleNamespace(name="tiny", y_decoder=None))
