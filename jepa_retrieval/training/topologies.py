"""Write the topologies of a model into its folder, so that its graphs are compiled without PyTorch.

    python -m jepa_retrieval.training.topologies [FOLDER]      (default: nano's, in this package)

To be run after the weights of the model or of its Y-Decoder have changed: a topology for other weights is not used.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import io
import json
import logging
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from indexes.files import write_atomically
from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.checkpoints import read_tensors, weight_files
from jepa_retrieval.models.fingerprint import digest_of_files
from jepa_retrieval.models.modules.int8_weights import SCALE
from jepa_retrieval.models.registry import LOCAL, WEIGHTS, load_model
from jepa_retrieval.models.runtime.graphs import Part
from jepa_retrieval.models.runtime.model import RuntimeModel, part_inputs
from jepa_retrieval.models.runtime.openvino_graph import convert
from jepa_retrieval.models.runtime.private_openvino import openvino
from jepa_retrieval.models.runtime.topologies import OWN, TOPOLOGIES, Interval, Topology, WeightFile
from jepa_retrieval.models.sources import locate
from jepa_retrieval.models.storage import WEIGHTS_FILE, referenced_parts
from jepa_retrieval.models.y_decoder_files import WEIGHTS as Y_DECODER_WEIGHTS

MIN_BYTES = 64  # smaller constants are stored with the topology, wherever they come from
MAX_CONSTANTS = (
    1 << 16
)  # bytes stored with a topology; more would mean that weights were not found in their files

FLOATS = ("float32", "float16")

Places = dict[str, Interval]  # where the numbers of a tensor are, by the sha256 of its bytes; positions are 0


def write_topologies(folder: Path) -> Path:
    """Convert every part of the model in `folder`; the file that was written, which appears whole or not at all.

    Raises:
        ModelError: weights of a graph lie in none of the model's files.
        OSError: the folder cannot be written.
    """
    model = load_model(f"{LOCAL}{folder}", device="cpu")
    files = weight_files_of(model, folder)
    places = find_tensors(files, base=folder)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for part in parts_of(model):
            network, weights = convert_part(model, part)
            key = model.graph_key(part)
            topology, constants = describe(network, weights, key=key, files=files, places=places)
            described = json.dumps(dataclasses.asdict(topology)).encode()
            for ending, data in (("xml", network), ("json", described), ("constants", constants)):
                # Without the time of writing, equal topologies are equal files.
                member = zipfile.ZipInfo(f"{part}.{ending}", date_time=(1980, 1, 1, 0, 0, 0))
                archive.writestr(member, data, zipfile.ZIP_DEFLATED, compresslevel=9)
    path = folder / TOPOLOGIES
    write_atomically(path, content.getvalue(), durable=False)
    return path


def parts_of(model: RuntimeModel) -> list[Part]:
    """The parts that a model has."""
    parts: list[Part] = ["x_encoder", "predictor", "y_encoder"]
    return [*parts, "y_decoder"] if model.config.y_decoder is not None else parts


def convert_part(model: RuntimeModel, part: Part) -> tuple[bytes, bytes]:
    """A part, converted now; as `serialise`."""
    return serialise(convert(part, lambda: model.torch_module(part), part_inputs(model.config, part)))


def serialise(graph: openvino.Model) -> tuple[bytes, bytes]:
    """A graph as XML of OpenVINO, and its constants, one after the other."""
    with tempfile.TemporaryDirectory() as name:
        network, weights = Path(name) / "graph.xml", Path(name) / "graph.bin"
        openvino.serialize(graph, network, weights)
        return network.read_bytes(), weights.read_bytes()


def describe(
    network: bytes, weights: bytes, *, key: str, files: Sequence[WeightFile], places: Places
) -> tuple[Topology, bytes]:
    """Where the constants of a graph come from; the topology, and the constants that it has to hold itself.

    Args:
        network: the graph, XML of OpenVINO.
        weights: its constants, one after the other.
        key: of the topology.
        files: the model's weight files.
        places: of their tensors.

    Raises:
        ModelError: too many bytes of the weights are in none of the files.
    """
    intervals, constants = [], []
    for position, size in sorted(_constants(network)):
        content = weights[position : position + size]
        place = places.get(_digest(content)) if size >= MIN_BYTES else None
        if place is None:
            constants.append((position, size))
        else:
            intervals.append(dataclasses.replace(place, position=position))
    held = sum(size for _, size in constants)
    if held > MAX_CONSTANTS:
        raise ModelError(
            f"{key.split()[0]}: {held:,} bytes of its graph are in none of the model's weight files"
        )
    topology = Topology(key, len(weights), files, intervals, constants)
    return topology, b"".join(weights[position : position + size] for position, size in constants)


def weight_files_of(model: RuntimeModel, folder: Path) -> list[WeightFile]:
    """All files that a model's weights lie in, each once."""
    places: set[tuple[str, str | None]] = {
        (OWN, name) for name in (WEIGHTS_FILE, Y_DECODER_WEIGHTS) if (folder / name).is_file()
    }
    for part in referenced_parts(model.config, base=folder):
        root = locate(part.source, base=folder)
        places |= {(part.source, file.name if root.is_dir() else None) for file in weight_files(root)}
    return [
        WeightFile(source, name, digest_of_files([locate(source, name, base=folder)]))
        for source, name in sorted(places, key=str)
    ]


def find_tensors(files: Sequence[WeightFile], *, base: Path) -> Places:
    """Where the numbers of all tensors of weight files are; `base` is the model's folder."""
    places: Places = {}
    for number, file in enumerate(files):
        path = file.locate(base)
        content = path.read_bytes()
        tensors = {name: tensor.numpy() for name, tensor in read_tensors(path).items()}
        for name, tensor in tensors.items():
            for interval in _readings(number, tensor, tensors.get(name + SCALE), content):
                found = interval.read(np.frombuffer(content, np.uint8))
                places.setdefault(_digest(found.tobytes()), interval)
    return places


def _constants(network: bytes) -> set[tuple[int, int]]:
    """Position and size of every constant in a graph's weights; equal constants share a place."""
    data = (layer.find("data") for layer in ElementTree.fromstring(network).iter("layer"))
    sizes = [(item.get("offset"), item.get("size")) for item in data if item is not None]
    return {(int(position), int(size)) for position, size in sizes if position and size and int(size)}


def _readings(file: int, tensor: np.ndarray, scales: np.ndarray | None, content: bytes) -> Iterator[Interval]:
    """The ways in which a graph may have a tensor of a weight file: as it is, or in another precision."""
    # Some checkpoints hold their arrays with the axes in another order.
    order = sorted(range(tensor.ndim), key=lambda axis: -tensor.strides[axis])
    held = tensor.transpose(order)
    offset = content.find(held.tobytes())
    if offset < 0 or tensor.nbytes < MIN_BYTES:  # not stored as an array, or not worth a place
        return
    kind = tensor.dtype.name
    interval = Interval(0, file, offset, held.shape, np.argsort(order).tolist(), kind, kind)
    if scales is not None:
        interval = dataclasses.replace(interval, scales=content.find(scales.astype(np.float32).tobytes()))
    is_whole = scales is None and kind not in FLOATS
    for wanted in (kind,) if is_whole else FLOATS:
        yield dataclasses.replace(interval, wanted=wanted)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", default=WEIGHTS / "nano", help="a model's folder")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    path = write_topologies(options.folder)
    logging.getLogger(__name__).info("wrote %s, %d bytes", path, path.stat().st_size)


if __name__ == "__main__":
    main()
