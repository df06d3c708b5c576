"""How long does an X-Encoder take per frame on several runtimes, and how far do their tokens differ?

    python -m benchmarks.speed.x_encoder_speed [--model nano] [--batch 16]

PyTorch eager, eager in channels-last layout, ONNX Runtime, and OpenVINO in float32 and in bfloat16 run the same
module on the same frames: uint8 pictures in, tokens out. `jepa` runs OpenVINO in the better of its precisions, two
halves of a batch side by side. Runtimes that are not installed are left out and named.
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import openvino
import torch

from benchmarks.shared.common import print_table, save_result
from jepa_retrieval.models import load_model
from jepa_retrieval.models.runtime.model import RuntimeModel, part_inputs
from jepa_retrieval.models.runtime.openvino_graph import OpenVinoGraph, convert
from jepa_retrieval.models.runtime.private_openvino import core

ROUNDS = 7

Encode = Callable[[np.ndarray], np.ndarray]


class Speed(NamedTuple):
    """One runtime's figures."""

    runtime: str
    milliseconds: float  # a frame, median of ROUNDS batches
    least_cosine: float  # of a token with PyTorch's
    mean_cosine: float


def main() -> None:
    """Run all runtimes, print."""
    options = _arguments()
    speeds = measure(options.model, batch=options.batch)
    print(f"{options.model}, batch {options.batch}, median of {ROUNDS}")
    print_table(["X-Encoder", "ms per frame", "least cosine to f32", "mean"], table(speeds))
    result: dict[str, object] = {speed.runtime: speed._asdict() for speed in speeds}
    print(save_result("x_encoder_speed", {"model": options.model, "batch": options.batch, **result}))


def table(speeds: list[Speed]) -> list[list[object]]:
    """Rows to print."""
    return [[name, f"{ms:.2f}", f"{least:.5f}", f"{mean:.5f}"] for name, ms, least, mean in speeds]


def measure(name: str = "nano", *, batch: int = 16) -> list[Speed]:
    """Time every runtime on the same random frames, one after the other."""
    model = load_model(name, device="cpu")
    size = model.x_encoder.image_size
    count = 1 if model.x_encoder.framewise else model.frames_per_window
    frames = np.random.default_rng(0).integers(0, 256, (batch, count, size, size, 3), dtype=np.uint8)
    exact: np.ndarray | None = None
    speeds = []
    for runtime, encode in _runtimes(model, frames):
        tokens = encode(frames)
        exact = tokens if exact is None else exact
        cosine = _cosine(tokens, exact)
        speeds.append(Speed(runtime, _per_frame(encode, frames), float(cosine.min()), float(cosine.mean())))
    return speeds


def _runtimes(model: RuntimeModel, frames: np.ndarray) -> Iterator[tuple[str, Encode]]:
    module = model.torch_module("x_encoder")
    yield "PyTorch eager", _eager(module)
    try:
        yield "ONNX Runtime", _onnx_runtime(module, frames)
    except ImportError as error:
        print(f"ONNX Runtime is left out: {error}; `pip install .[bench]` brings it")
    converted: openvino.Model = convert("x_encoder", lambda: module, part_inputs(model.config, "x_encoder"))
    for precision in ("f32", "bf16"):
        options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        yield f"OpenVINO {precision}", OpenVinoGraph(core().compile_model(converted, "CPU", options))
    yield "OpenVINO, as jepa runs it", model.x_encoder.encode
    # last, because it changes the layout of the module's weights
    yield "PyTorch channels-last", _eager(module.to(memory_format=torch.channels_last))


def _eager(module: torch.nn.Module) -> Encode:
    def encode(frames: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            tokens: np.ndarray = module(torch.from_numpy(frames)).numpy()
        return tokens

    return encode


def _onnx_runtime(module: torch.nn.Module, frames: np.ndarray) -> Encode:
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x_encoder.onnx"
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            logging.getLogger("torch.onnx").setLevel(logging.ERROR)
            torch.onnx.export(
                module, (torch.from_numpy(frames),), path, input_names=["frames"], verbose=False
            )
        session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])

    def encode(frames: np.ndarray) -> np.ndarray:
        tokens: np.ndarray = session.run(None, {"frames": frames})[0]
        return tokens

    return encode


def _per_frame(encode: Encode, frames: np.ndarray) -> float:
    """Median wall time in ms per frame."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        encode(frames)
        times.append(time.perf_counter() - began)
    return float(np.median(times) * 1000 / (frames.shape[0] * frames.shape[1]))


def _cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mean cosine between the tokens of two runtimes."""
    norms = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    cosine: np.ndarray = (first * second).sum(axis=-1) / norms
    return cosine


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--batch", type=int, default=16)
    return parser.parse_args()


if __name__ == "__main__":
    main()
