"""Graphs on a CPU: converted from PyTorch, or read as they come with a model (`topologies.py`), and compiled once.

Compiled graphs are kept in the user's cache.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexes.reasons import first_line
from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.cache import cached_entry, discard_entry
from jepa_retrieval.models.runtime.parts import CPU_CALLS
from jepa_retrieval.models.runtime.private_openvino import core, openvino

if TYPE_CHECKING:
    from torch import nn

_log = logging.getLogger(__name__)

BLOB = "compiled.blob"
FORMAT = 2  # raised when a graph's inputs, outputs or conversion change

# Inputs of the parts, by name: shape (-1: any) and element type. None is filled in from the model.
Inputs = dict[str, tuple[tuple[int, ...], str]]


class OpenVinoGraph:
    """A compiled graph; calls from several threads at once are safe."""

    def __init__(self, compiled: openvino.CompiledModel, keep_alive: object = None) -> None:
        self._compiled = compiled
        self._keep_alive = keep_alive
        self._requests = threading.local()

    def __call__(self, *inputs: np.ndarray) -> np.ndarray:
        """Run the graph once."""
        if not hasattr(self._requests, "request"):
            self._requests.request = self._compiled.create_infer_request()
        request = self._requests.request
        request.infer(list(inputs), share_inputs=True)
        return np.array(request.get_output_tensor(0).data, dtype=np.float32)


def cached_graph(
    name: str,
    key: str,
    *,
    build: Callable[[], nn.Module],
    inputs: Inputs,
    reduced_precision: bool,
    concurrent: bool = False,
    shipped: Callable[[openvino.Core], openvino.Model | None] | None = None,
) -> OpenVinoGraph:
    """The graph called `name` from the user's cache, compiled first if it is not there.

    Args:
        name: for people who look into the cache.
        key: changes whenever the graph's weights or architecture do.
        build: makes the PyTorch module; called only for a conversion.
        inputs: of the graph.
        reduced_precision: compute in bfloat16 where the processor has instructions for it.
        concurrent: whether `CPU_CALLS` calls come at once; a call alone is slower then.
        shipped: gives the graph as it was converted elsewhere; where it gives none, the module is converted here.

    Raises:
        ModelError: the weights are missing, or the cache folder cannot be written.
    """
    options = _options(reduced_precision, concurrent=concurrent)
    parts = (str(FORMAT), key, openvino.get_version(), _processor(), repr(options))
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    entry_name = f"graphs/{name}-{digest[:20]}"

    def fill(folder: Path) -> None:
        _log.info("Preparing %s for this processor, once", name)
        graph = (shipped(core()) if shipped else None) or convert(name, build, inputs)
        compiled = core().compile_model(graph, "CPU", options)
        (folder / BLOB).write_bytes(compiled.export_model().getvalue())

    for attempt in ("first", "after repair"):
        entry = cached_entry(entry_name, fill)
        try:
            return _load(entry / BLOB, options)
        except (RuntimeError, OSError, ValueError) as error:
            _log.debug("%s: %s", entry, error)
            if attempt == "after repair":
                raise ModelError(f"{entry}: OpenVINO cannot load the graph it compiled ({error})") from error
            discard_entry(entry)
    raise AssertionError("unreachable")


def convert(name: str, build: Callable[[], nn.Module], inputs: Inputs) -> openvino.Model:
    """A PyTorch module as an OpenVINO model, with weights in half precision where that is exact enough."""
    import torch

    module = build().float().eval()
    example = tuple(_example(shape, kind) for shape, kind in inputs.values())
    try:
        with torch.no_grad(), warnings.catch_warnings(), _quiet_transformers():
            # Tracing warns of every Python branch it meets; that the result is right is tested.
            warnings.simplefilter("ignore")
            model = _translate(module, example)
    except Exception as error:  # the frontend raises many kinds
        raise ModelError(f"{name}: cannot be converted to OpenVINO ({first_line(error)})") from error
    model.reshape(
        {
            port: openvino.PartialShape(list(shape))
            for port, (shape, _) in zip(model.inputs, inputs.values(), strict=True)
        }
    )
    _compress(model)
    return model


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Silence the library's remarks on configs that it did not write; its errors are exceptions anyway."""
    import transformers.utils.logging  # noqa: F401 - sets the level of its logger when it is imported

    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _translate(module: nn.Module, example: tuple[Any, ...]) -> openvino.Model:
    """Trace and translate a module, as `openvino.convert_model` does, without its usage reports."""
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    manager = FrontEndManager()
    frontend = manager.load_by_framework("pytorch")
    decoder = TorchScriptPythonDecoder(module, example_input=example)  # has to outlive the translation
    return frontend.convert(frontend.load(decoder))


def _compress(model: openvino.Model) -> None:
    """Keep weights as float16, half the file to read at every start; arithmetic stays as it is."""
    from openvino._offline_transformations import compress_model_transformation

    compress_model_transformation(model)


def _example(shape: tuple[int, ...], kind: str) -> Any:
    import torch

    filled = [size if size > 0 else 2 for size in shape]
    dtype = getattr(torch, kind)
    return torch.ones(filled, dtype=dtype) if kind == "int64" else torch.zeros(filled, dtype=dtype)


def _load(blob: Path, options: dict[str, Any]) -> OpenVinoGraph:
    mapped = np.memmap(blob, dtype=np.uint8, mode="r")
    return OpenVinoGraph(core().import_model(openvino.Tensor(mapped), "CPU", options), keep_alive=mapped)


@cache
def _processor() -> str:
    return str(core().get_property("CPU", "FULL_DEVICE_NAME"))


def _options(reduced_precision: bool, *, concurrent: bool) -> dict[str, Any]:
    fast = reduced_precision and "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    cores = os.cpu_count() or 1
    shares = {"NUM_STREAMS": min(CPU_CALLS, cores), "INFERENCE_NUM_THREADS": cores}
    return {
        **(shares if concurrent else {"PERFORMANCE_HINT": "LATENCY"}),
        "INFERENCE_PRECISION_HINT": "bf16" if fast else "f32",
    }
