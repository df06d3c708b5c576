"""The verbs over graphs: batching, sharing of queries, shapes; and the same arithmetic in both back ends."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.config import EfficientNetLiteConfig, TowerConfig, VJepa2Config
from jepa_retrieval.models.registry import model_config
from jepa_retrieval.models.runtime.parts import GraphPredictor, GraphXEncoder, GraphYEncoder, batch_size_for
from jepa_retrieval.models.runtime.torch_graph import TorchGraph
from jepa_retrieval.models.tokenizer import TokenIds

LITE = EfficientNetLiteConfig(
    kind="efficientnet_lite",
    towers=(TowerConfig(name="lite0", source=None, image_size=8),),
    image_size=8,
)


def tokenise(texts: list[str]) -> TokenIds:
    """Words as their lengths, padded with 0."""
    lengths = [[len(word) for word in text.split()] or [0] for text in texts]
    ids = np.zeros((len(texts), max(map(len, lengths))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, values in enumerate(lengths):
        ids[row, : len(values)] = values
        mask[row, : len(values)] = 1
    return TokenIds(ids, mask)


def test_frames_are_encoded_one_by_one_and_put_back_in_order() -> None:
    sizes = []

    def graph(frames: np.ndarray) -> np.ndarray:
        sizes.append(frames.shape)
        return np.repeat(frames[:, :, 0, 0, :1].astype(np.float32), 1280, axis=2)

    frames = np.zeros((7, 3, 8, 8, 3), dtype=np.uint8)
    frames[:, :, 0, 0, 0] = np.arange(21).reshape(7, 3)
    tokens = GraphXEncoder(LITE, graph).encode(frames)
    assert tokens.shape == (7, 3, 1280)
    np.testing.assert_array_equal(tokens[:, :, 0], np.arange(21).reshape(7, 3))
    assert [shape[0] for shape in sizes] == [16, 4, 1]
    assert all(shape[1] == 1 for shape in sizes)


def test_frames_are_encoded_side_by_side_and_put_back_in_order() -> None:
    both = threading.Barrier(2, timeout=20)
    sizes = []

    def graph(frames: np.ndarray) -> np.ndarray:
        both.wait()  # never comes back unless two calls run at once
        sizes.append(len(frames))
        return np.repeat(frames[:, :, 0, 0, :1].astype(np.float32), 1280, axis=2)

    frames = np.zeros((32, 1, 8, 8, 3), dtype=np.uint8)
    frames[:, 0, 0, 0, 0] = np.arange(32)
    encoder = GraphXEncoder(LITE, graph, calls=2)
    np.testing.assert_array_equal(encoder.encode(frames)[:, 0, 0], np.arange(32))
    assert sizes == [8, 8, 8, 8]
    np.testing.assert_array_equal(encoder.encode(frames[:2])[:, 0, 0], [0, 1])
    assert sizes[4:] == [1, 1]


@pytest.mark.parametrize(
    "frames",
    [
        np.zeros((1, 1, 8, 8, 3), dtype=np.float32),
        np.zeros((1, 1, 9, 8, 3), dtype=np.uint8),
        np.zeros((1, 8, 8, 3), dtype=np.uint8),
        np.zeros((0, 1, 8, 8, 3), dtype=np.uint8),
    ],
)
def test_frames_of_another_kind_are_refused(frames: np.ndarray) -> None:
    with pytest.raises(UsageError, match="frames"):
        GraphXEncoder(LITE, lambda frames: frames).encode(frames)


def test_a_predictor_computes_each_different_query_of_a_batch_once() -> None:
    seen = []

    def graph(tokens: np.ndarray, ids: np.ndarray, mask: np.ndarray, rows: np.ndarray) -> np.ndarray:
        seen.append(len(ids))
        assert mask.shape == ids.shape
        return tokens[:, 0] + ids.sum(axis=1)[rows][:, np.newaxis]

    tokens = np.zeros((21, 1, 2), dtype=np.float64)
    queries = ["four five"] * 20 + ["a"]
    out = GraphPredictor(graph, tokenise).predict(tokens, queries)
    assert seen == [1, 2]
    np.testing.assert_array_equal(out[:, 0], [8] * 20 + [1])


@pytest.mark.parametrize(
    ("count", "sizes"), [(27, [16, 16]), (25, [16, 8, 1]), (30, [16, 16]), (5, [8]), (3, [4]), (16, [16])]
)
def test_a_predictor_fills_up_what_is_nearly_a_batch(count: int, sizes: list[int]) -> None:
    seen = []

    def graph(tokens: np.ndarray, ids: np.ndarray, mask: np.ndarray, rows: np.ndarray) -> np.ndarray:
        seen.append(len(rows))
        return tokens[:, 0]

    tokens = np.arange(count, dtype=np.float32).reshape(count, 1, 1)
    out = GraphPredictor(graph, tokenise).predict(tokens, ["a"] * count)
    np.testing.assert_array_equal(out[:, 0], np.arange(count))
    assert seen == sizes


def test_queries_must_be_as_many_as_token_sets() -> None:
    with pytest.raises(UsageError, match="query each"):
        GraphPredictor(lambda tokens: tokens, None).predict(np.zeros((2, 1, 4)), ["one"])


def test_texts_come_back_in_their_order_whatever_their_length() -> None:
    def graph(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        assert mask.any(axis=0).all(), "a column of nothing but padding"
        return (ids * mask).sum(axis=1, keepdims=True).astype(np.float32)

    texts = ["x " * (1 + index * 7 % 40) for index in range(70)]
    encoder = GraphYEncoder(graph, tokenise, embedding_size=1)
    expected = [len(text.split()) for text in texts]
    np.testing.assert_array_equal(encoder.encode(texts)[:, 0], expected)
    assert encoder.encode([]).shape == (0, 1)
    with pytest.raises(UsageError, match="list"):
        encoder.encode("one text")


class TestBackEnds:
    """A small network through OpenVINO and through the path that CUDA uses, here on the CPU."""

    @pytest.fixture(autouse=True)
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("JEPA_CACHE", str(tmp_path))

    @pytest.fixture
    def network(self):  # type: ignore[no-untyped-def]
        import torch
        from torch import nn

        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 32), nn.GELU(), nn.Linear(32, 4)).eval()

    @pytest.fixture
    def inputs(self) -> np.ndarray:
        return np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)

    def test_openvino_equals_pytorch_and_is_converted_once(self, network, inputs: np.ndarray) -> None:  # type: ignore[no-untyped-def]
        import torch

        from jepa_retrieval.models.runtime.openvino_graph import cached_graph

        calls = []

        def build():  # type: ignore[no-untyped-def]
            calls.append(1)
            return network

        settings = {"inputs": {"x": ((-1, 6), "float32")}, "reduced_precision": False}
        for _ in range(2):
            graph = cached_graph("small", "key", build=build, **settings)
            with torch.no_grad():
                np.testing.assert_allclose(
                    graph(inputs), network(torch.from_numpy(inputs)).numpy(), atol=2e-3
                )
        assert len(calls) == 1

    def test_a_cached_graph_that_cannot_be_loaded_is_converted_again(
        self, network, inputs: np.ndarray, tmp_path: Path
    ) -> None:  # type: ignore[no-untyped-def]
        from jepa_retrieval.models.runtime.openvino_graph import cached_graph

        settings = {"inputs": {"x": ((-1, 6), "float32")}, "reduced_precision": False}
        expected = cached_graph("small", "key", build=lambda: network, **settings)(inputs)
        (blob,) = tmp_path.glob("graphs/*/compiled.blob")
        blob.write_bytes(bytes(blob.stat().st_size))
        again = cached_graph("small", "key", build=lambda: network, **settings)
        np.testing.assert_array_equal(again(inputs), expected)

    def test_threads_get_the_answers_to_their_own_inputs(self, network) -> None:  # type: ignore[no-untyped-def]
        from jepa_retrieval.models.runtime.openvino_graph import cached_graph

        graph = cached_graph(
            "small",
            "key",
            build=lambda: network,
            inputs={"x": ((-1, 6), "float32")},
            reduced_precision=False,
        )
        inputs = [np.full((3, 6), value, dtype=np.float32) for value in range(4)]
        expected = [graph(value) for value in inputs]
        wrong = []

        def work(index: int) -> None:
            for _ in range(50):
                if not np.array_equal(graph(inputs[index]), expected[index]):
                    wrong.append(index)

        threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong

    def test_the_cuda_path_in_bfloat16(self, network, inputs: np.ndarray) -> None:  # type: ignore[no-untyped-def]
        import torch

        from jepa_retrieval.models.runtime.torch_graph import TorchGraph

        with torch.no_grad():
            exact = network(torch.from_numpy(inputs)).numpy()
        output = TorchGraph(network, "cpu", compiled=False)(inputs)
        assert output.dtype == np.float32
        assert not np.array_equal(output, exact), "not computed in bfloat16"
        np.testing.assert_allclose(output, exact, atol=3e-2)


def test_a_gpu_takes_as_many_clips_as_its_memory_holds() -> None:
    vjepa2 = VJepa2Config(
        kind="vjepa2", source=None, image_size=256, frames=8, width=1024, layers=24, heads=16
    )
    nano = model_config("nano").x_encoder
    assert [batch_size_for(vjepa2, memory) for memory in (80e9, 24e9, 8e9, 1e6)] == [256, 64, 16, 1]
    assert [batch_size_for(nano, memory) for memory in (80e9, 24e9, 8e9)] == [512, 256, 128]


def test_large_batches_go_to_a_graph_at_once() -> None:
    sizes: list[int] = []

    def graph(frames: np.ndarray) -> np.ndarray:
        sizes.append(len(frames))
        return np.zeros((len(frames), 4 * 32, 48), np.float32)

    config = VJepa2Config(kind="vjepa2", source=None, image_size=32, frames=4, width=48, layers=2, heads=2)
    encoder = GraphXEncoder(config, graph, batch_size=64)
    assert encoder.batch_frames == 256
    encoder.encode(np.zeros((101, 4, 32, 32, 3), np.uint8))
    assert sizes == [64, 32, 4, 1]


def test_frames_that_are_on_the_device_go_into_the_graph_as_they_are() -> None:
    given: list[torch.Tensor] = []

    class Means(torch.nn.Module):
        def forward(self, frames: torch.Tensor) -> torch.Tensor:
            given.append(frames)
            return frames.float().mean(dim=(2, 3))[..., :1].expand(-1, -1, 1280)

    encoder = GraphXEncoder(LITE, TorchGraph(Means(), "cpu", dtype=torch.float32), device="cpu")
    frames = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 8, 3), dtype=np.uint8)
    tensor = torch.from_numpy(frames)
    np.testing.assert_array_equal(encoder.encode(tensor), encoder.encode(frames))
    assert given[0].data_ptr() == tensor.data_ptr()
    with pytest.raises(UsageError, match="frames must be uint8"):
        encoder.encode(tensor.float())
