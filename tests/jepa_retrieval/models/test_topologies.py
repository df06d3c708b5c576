"""The graphs that come with nano: equal to what PyTorch converts now, and compiled without it."""

import json
import shutil
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models import load_model
from jepa_retrieval.models.registry import WEIGHTS
from jepa_retrieval.models.runtime.model import RuntimeModel
from jepa_retrieval.models.runtime.private_openvino import core
from jepa_retrieval.models.runtime.topologies import TOPOLOGIES, Interval, read_topology
from jepa_retrieval.training import topologies
from tests.conftest import REPOSITORY

NANO = WEIGHTS / "nano"
PARTS = ("x_encoder", "predictor", "y_encoder", "y_decoder")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(NANO, tmp_path / "nano"))


def constants(network: bytes, weights: bytes) -> list[bytes]:
    return [weights[start : start + size] for start, size in sorted(topologies._constants(network))]


@pytest.mark.parametrize("part", PARTS)
def test_nano_comes_with_the_graphs_that_a_conversion_gives_now(part: str, tmp_path: Path) -> None:
    model = load_model("nano", device="cpu")
    shipped = read_topology(core(), part, model.graph_key(part), base=NANO)
    assert shipped is not None, "the weights are new: python -m jepa_retrieval.training.topologies"
    network, weights = topologies.convert_part(model, part)
    ours = topologies.serialise(shipped)
    assert constants(*ours) == constants(network, weights)
    assert operations(ours[0]) == operations(network)


def operations(network: bytes) -> list[tuple[str | None, dict[str, str]]]:
    """Kind and settings of every operation of a graph, in its order."""
    from xml.etree import ElementTree

    found = []
    for layer in ElementTree.fromstring(network).iter("layer"):
        data = layer.find("data")
        found.append((layer.get("type"), {} if data is None else dict(data.attrib)))
    return found


def test_the_first_index_and_search_import_no_torch(tmp_path: Path) -> None:
    from tests.real_media import photograph

    (tmp_path / "media").mkdir()
    shutil.copy(photograph("chelsea.png"), tmp_path / "media")
    code = (
        "import sys; from cli.main import main; "
        "states = [main(['--quiet', 'index', 'media']), main(['search', 'a cat', '--index', 'media', '--json'])]; "
        "heavy = {'torch', 'timm', 'transformers', 'open_clip'}; "
        "print(states, sorted({name.split('.')[0] for name in sys.modules} & heavy))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={"JEPA_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(REPOSITORY), "JEPA_DEVICE": "cpu"},
    )
    assert done.stdout.splitlines()[-1] == "[0, 0] []"
    assert "chelsea.png" in done.stdout
    assert len(list((tmp_path / "cache" / "graphs").glob("nano-*-encoder-*/compiled.blob"))) == 2


def test_a_topology_of_other_weights_is_not_used(copy: Path) -> None:
    assert read_topology(core(), "y_decoder", "y_decoder of other weights", base=copy) is None
    (copy / TOPOLOGIES).unlink()
    assert read_topology(core(), "y_decoder", load_model("nano").graph_key("y_decoder"), base=copy) is None


def test_a_weight_file_that_is_another_one_is_refused(copy: Path) -> None:
    path = copy / "y_decoder.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"y_decoder\.safetensors: not the weights"):
        read_topology(core(), "y_decoder", load_model("nano").graph_key("y_decoder"), base=copy)


def test_a_damaged_file_of_topologies_is_named(copy: Path) -> None:
    read = partial(read_topology, core(), "y_decoder", load_model("nano").graph_key("y_decoder"), base=copy)
    (copy / TOPOLOGIES).write_bytes((copy / TOPOLOGIES).read_bytes()[:5000])
    with pytest.raises(ModelError, match=rf"{TOPOLOGIES}: cannot be read"):
        read()
    with zipfile.ZipFile(copy / TOPOLOGIES, "w") as archive:
        archive.writestr("y_decoder.json", json.dumps({"key": "key"}))
    with pytest.raises(ModelError, match=rf"{TOPOLOGIES}: cannot be read"):
        read()


def test_topologies_that_cannot_be_written_leave_the_old_ones(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(model: RuntimeModel, part: str) -> tuple[bytes, bytes]:
        raise ModelError(f"{part} of {model.name} cannot be converted")

    monkeypatch.setattr(topologies, "convert_part", fail)
    files = {path.name: path.read_bytes() for path in copy.iterdir() if path.is_file()}
    with pytest.raises(ModelError, match="cannot be converted"):
        topologies.write_topologies(copy)
    assert {path.name: path.read_bytes() for path in copy.iterdir() if path.is_file()} == files


def test_numbers_are_read_in_the_order_and_precision_of_the_graph() -> None:
    rows = np.array([[1, -2, 3], [4, 5, -6]], dtype=np.int8)
    scales = np.array([0.5, 2.0], dtype=np.float32)
    content = np.frombuffer(b"." + scales.tobytes() + rows.tobytes(), np.uint8)
    matrix = Interval(0, 0, 9, (2, 3), (0, 1), "int8", "float16", scales=1)
    np.testing.assert_array_equal(
        matrix.read(content).view(np.float16).reshape(2, 3), [[0.5, -1, 1.5], [8, 10, -12]]
    )
    turned = Interval(0, 0, 9, (2, 3), (1, 0), "int8", "int8")
    np.testing.assert_array_equal(turned.read(content).view(np.int8).reshape(3, 2), rows.T)
