"""Topologies: a model's graphs as OpenVINO converts them, without their weights, beside the model.

A topology says which bytes of which weight files every constant of its graph is made of. So a graph is compiled on a
new machine in a second, without importing PyTorch to convert it. `training/topologies.py` writes the file.
"""

from __future__ import annotations

import json
import logging
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.fingerprint import digest_of_files
from jepa_retrieval.models.runtime.private_openvino import openvino
from jepa_retrieval.models.sources import locate

_log = logging.getLogger(__name__)

TOPOLOGIES = "topologies.zip"  # in a model's folder: for each part PART.xml, PART.json and PART.constants
OWN = "."  # as a source: the model's own folder


@dataclass(frozen=True)
class WeightFile:
    """A file that weights are read from."""

    source: str  # as in a model's config, or `OWN`
    name: str | None  # of the file in the source; None: the source is the file
    sha256: str

    def locate(self, base: Path) -> Path:
        """The file on this machine; `base` is the model's folder.

        Raises:
            ModelError: the file is missing, or is another one.
        """
        path = locate(self.source, self.name, base=base)
        status = path.stat()
        if _digest(path, status.st_size, status.st_mtime_ns) != self.sha256:
            raise ModelError(f"{path}: not the weights that the model was saved with (its sha256 differs)")
        return path


@dataclass(frozen=True)
class Interval:
    """Where the numbers of one constant lie in a weight file."""

    position: int  # byte of the graph's weights at which the constant begins
    file: int  # which weight file
    offset: int  # byte of the file
    shape: Sequence[int]  # in the order in which the file has the axes
    axes: Sequence[int]  # the order in which the graph has them
    stored: str  # NumPy's name of the type that the file has the numbers in
    wanted: str  # and the graph
    scales: int | None = (
        None  # byte of the file at which the float32 scales of the rows of an int8 matrix begin
    )

    def read(self, content: np.ndarray) -> np.ndarray:
        """The numbers out of the file's bytes, uint8 [bytes], as uint8 [bytes of the constant]."""
        numbers = np.frombuffer(content, self.stored, math.prod(self.shape), self.offset).reshape(self.shape)
        if self.scales is not None:
            scales = np.frombuffer(content, np.float32, self.shape[0], self.scales)
            numbers = numbers.astype(np.float32) * scales[:, np.newaxis]
        with np.errstate(over="ignore", under="ignore"):
            wanted = numbers.transpose(self.axes).astype(self.wanted, order="C")
        return wanted.ravel().view(np.uint8)


@dataclass(frozen=True)
class Topology:
    """One part's graph without its weights."""

    key: str  # of the weights that the graph is made of
    size: int  # of the graph's weights, bytes
    files: Sequence[WeightFile]
    intervals: Sequence[Interval]  # constants that lie in weight files
    constants: Sequence[tuple[int, int]]  # position and size, in bytes, of those that do not

    @classmethod
    def parse(cls, content: Mapping[str, Any]) -> Topology:
        """The inverse of `dataclasses.asdict`."""
        return cls(
            key=content["key"],
            size=content["size"],
            files=[WeightFile(**file) for file in content["files"]],
            intervals=[Interval(**interval) for interval in content["intervals"]],
            constants=[(position, size) for position, size in content["constants"]],
        )

    def weights(self, constants: bytes, *, base: Path) -> np.ndarray:
        """All weights of the graph, uint8 [size].

        Args:
            constants: those that lie in no weight file, one after the other.
            base: the model's folder.

        Raises:
            ModelError: a weight file is missing, or is another one.
        """
        weights = np.zeros(self.size, dtype=np.uint8)
        needed = sorted({interval.file for interval in self.intervals})
        contents = {file: np.memmap(self.files[file].locate(base), np.uint8, "r") for file in needed}
        for interval in self.intervals:
            found = interval.read(contents[interval.file])
            weights[interval.position : interval.position + len(found)] = found
        start = 0
        for position, size in self.constants:
            weights[position : position + size] = np.frombuffer(constants, np.uint8, size, start)
            start += size
        return weights


def read_topology(core: openvino.Core, part: str, key: str, *, base: Path) -> openvino.Model | None:
    """A part's graph with its weights; None where the model's folder has no topology of it, or one for another key.

    Args:
        core: reads the graph.
        part: such as "x_encoder".
        key: changes whenever the part's weights or architecture do.
        base: the model's folder.

    Raises:
        ModelError: the file is damaged, or weights are missing or other ones.
    """
    path = base / TOPOLOGIES
    if not path.is_file():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            topology = Topology.parse(json.loads(archive.read(f"{part}.json")))
            network, constants = archive.read(f"{part}.xml"), archive.read(f"{part}.constants")
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, OSError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); install the package again") from error
    if topology.key != key:
        return None
    weights = topology.weights(constants, base=base)
    try:
        return core.read_model(network, openvino.Tensor(weights))
    except RuntimeError as error:  # an OpenVINO that is older than the one that wrote it
        _log.info("%s: this OpenVINO cannot read the topology of %s (%s)", path, part, error)
        return None


@cache
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    """Hex sha256 of a file, which several parts of a model have weights in, while it stays as it is."""
    return digest_of_files([path])
