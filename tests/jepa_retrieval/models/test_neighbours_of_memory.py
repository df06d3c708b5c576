"""The sentences of the memory's points, which many embeddings share, are decoded once."""

import numpy as np
import pytest

from jepa_retrieval.models import load_model
from jepa_retrieval.models.runtime.decoding import NEIGHBOURS, GraphYDecoder


def test_a_point_that_many_embeddings_are_near_to_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model("nano")
    decoder = model.y_decoder
    assert isinstance(decoder, GraphYDecoder)
    asked: list[np.ndarray] = []
    greedy = GraphYDecoder._greedy
    monkeypatch.setattr(GraphYDecoder, "_greedy", lambda self, rows: asked.extend(rows) or greedy(self, rows))
    embeddings = model.y_encoder.encode(["a dog on a beach", "a dog on the beach", "a red car"])
    together = decoder.decode(embeddings)
    assert NEIGHBOURS <= len(asked) == len({row.tobytes() for row in asked}) < 3 * NEIGHBOURS
    before = len(asked)
    assert [decoder.decode(row[np.newaxis])[0].text for row in embeddings] == [one.text for one in together]
    assert len(asked) == before
