"""Wall time of an X-Encoder per frame, in float32 and in bfloat16, and how far the tokens differ.

    python -m benchmarks.x_encoder_speed [--model nano] [--batch 16]

Also printed: plain PyTorch on the same frames, which the OpenVINO graph was converted from.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import openvino
import torch

from benchmarks.common import print_table, save_result
from jepa_retrieval.models import load_model
from jepa_retrieval.models.runtime.model import RuntimeModel, part_inputs
from jepa_retrieval.models.runtime.openvino_graph import OpenVinoGraph, convert, core

ROUNDS = 7


def main() -> None:
    """Convert, run both precisions, print."""
    options = _arguments()
    model = load_model(options.model, device="cpu")
    size = model.x_encoder.image_size
    count = 1 if model.x_encoder.framewise else model.frames_per_window
    frames = np.random.default_rng(0).integers(0, 256, (options.batch, count, size, size, 3), dtype=np.uint8)
    module = model.torch_module("x_encoder")
    with torch.no_grad():
        exact = module(torch.from_numpy(frames)).numpy()
    rows = [["PyTorch f32", f"{_per_frame(lambda: _eager(module, frames), frames):.2f}", "", ""]]
    for precision in ("f32", "bf16"):
        graph = _compiled(model, module, precision)
        tokens = graph(frames)
        cosine = _cosine(tokens, exact)
        rows.append(
            [
                f"OpenVINO {precision}",
                f"{_per_frame(partial(graph, frames), frames):.2f}",
                f"{cosine.min():.5f}",
                f"{cosine.mean():.5f}",
            ]
        )
    print(f"{options.model}, batch {options.batch}, median of {ROUNDS}")
    print_table(["X-Encoder", "ms per frame", "least cosine to f32", "mean"], rows)
    figures: dict[str, object] = {f"{row[0]} ms": float(row[1]) for row in rows}
    print(save_result("x_encoder_speed", {"model": options.model, "batch": options.batch, **figures}))


def _eager(module: torch.nn.Module, frames: np.ndarray) -> None:
    with torch.inference_mode():
        module(torch.from_numpy(frames))


def _compiled(model: RuntimeModel, module: torch.nn.Module, precision: str) -> OpenVinoGraph:
    converted: openvino.Model = convert("x_encoder", lambda: module, part_inputs(model.config, "x_encoder"))
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
    return OpenVinoGraph(core().compile_model(converted, "CPU", options))


def _per_frame(run: Callable[[], object], frames: np.ndarray) -> float:
    """Median wall time in ms per frame, after one run that is not counted."""
    run()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return float(np.median(times) * 1000 / (frames.shape[0] * frames.shape[1]))


def _cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosine of each token with its other self."""
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
