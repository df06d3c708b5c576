"""Would nano's X-Encoder be faster with 8-bit arithmetic, and still find as much? Measured on dev sets only.

    pip install nncf
    python -m benchmarks.studies.int8_x_encoder RUN [--pictures 300] [--rounds 9]

NNCF quantises the X-Encoder's graph, calibrated on pictures of Flickr8k's training split and of the web. The tokens
of the dev sets are made by the graph as `jepa` runs it and by the 8-bit ones, and are searched with nano's weights as
they are: once without, and once with a linear correction of each channel that is fitted to the calibration pictures.
RUN is a folder for the tokens; they are kept there. Times are of the processor, all cores together, and measured in
turns, because the machine may be busy.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from benchmarks.shared.common import print_table, save_result, shared_data
from jepa_retrieval.models.registry import WEIGHTS
from jepa_retrieval.models.runtime.model import part_inputs
from jepa_retrieval.models.runtime.openvino_graph import OpenVinoGraph, convert
from jepa_retrieval.models.runtime.parts import CPU_CALLS, GraphXEncoder
from jepa_retrieval.models.runtime.private_openvino import core
from jepa_retrieval.models.storage import read_model
from jepa_retrieval.training.config import TokensConfig, load_config
from jepa_retrieval.training.data.examples import Source
from jepa_retrieval.training.data.sources import read_source
from jepa_retrieval.training.evaluate import Evaluation, evaluate
from jepa_retrieval.training.learner import Learner
from jepa_retrieval.training.nano import RECIPES
from jepa_retrieval.training.token_cache import OnlineTokens, StoredTokens, VisionSpec

BATCH = 16
Encode = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    """Quantise, encode the dev sets, print recall and times."""
    options = _arguments()
    os.environ["JEPA_SHARED"], os.environ["NANO_RUN"] = str(shared_data().parent), str(options.run.resolve())
    recipe = load_config(RECIPES / "nano_pretrain.toml")
    learner = Learner(read_model(WEIGHTS / "nano").eval(), device=torch.device("cpu"))
    training = [read_source(part) for part in recipe.sources[:2]]
    calibration = np.concatenate([pictures_of(source, learner, options.pictures // 2) for source in training])
    encoders = build_encoders(learner, calibration)
    seen = {name: tokens_of(encode, calibration) for name, encode in encoders.items()}
    rows: list[list[object]] = []
    times = time_in_turns(encoders, calibration[:BATCH], options.rounds)
    plain = next(iter(encoders))
    for part in recipe.evaluate:
        source = read_source(part)
        made = {
            name: stored_tokens(options.run / f"{part.name}-{name}.npy", source, learner, encode)
            for name, encode in encoders.items()
        }
        texts = [text for example in source.examples for text in example.targets]
        for _ in learner.cache_texts(list(dict.fromkeys(texts)), folder=options.run):
            pass
        for name, tokens in made.items():
            forms = {name: tokens}
            if name != plain:
                forms[f"{name}, corrected"] = corrected(tokens, seen[name], seen[plain])
            for form, used in forms.items():
                bank = StoredTokens(used[:, None, None].astype(np.float16))
                found = evaluate(learner, Evaluation(part, source, bank))
                cosine = float(np.mean(_cosines(used, made[plain])))
                rows.append([part.name, form, *(f"{value:.2f}" for value in found.values()), f"{cosine:.4f}"])
    print_table(["dev set", "X-Encoder", "R@1", "R@5", "R@10", "mean cosine of tokens"], rows)
    ratios = {name: float(np.median(of / times[plain])) for name, of in times.items()}
    ms = {name: float(np.median(of)) for name, of in times.items()}
    print_table(
        ["X-Encoder", "CPU ms per frame", f"times {plain}"],
        [[n, f"{ms[n]:.2f}", f"{ratios[n]:.2f}"] for n in ms],
    )
    print(save_result("int8_x_encoder", {"rows": rows, "CPU ms per frame": ms, "ratio": ratios}))


def build_encoders(learner: Learner, calibration: np.ndarray) -> dict[str, Encode]:
    """The graph as jepa runs it on this processor, and quantised: symmetric and mixed presets of NNCF."""
    import nncf

    config = learner.model.config
    inputs = part_inputs(config, "x_encoder")
    graph = convert("x-encoder", lambda: learner.model.x_encoder, inputs)
    data = nncf.Dataset([calibration[row : row + 1] for row in range(len(calibration))])
    settings = {
        "8-bit": nncf.QuantizationPreset.MIXED,
        "8-bit, symmetric": nncf.QuantizationPreset.PERFORMANCE,
    }
    fast = "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    shares = {"NUM_STREAMS": CPU_CALLS, "INFERENCE_NUM_THREADS": os.cpu_count() or 1}
    options = {**shares, "INFERENCE_PRECISION_HINT": "bf16" if fast else "f32"}

    def encoder(model: object) -> Encode:
        compiled = OpenVinoGraph(core().compile_model(model, "CPU", options))
        return GraphXEncoder(config.x_encoder, compiled, calls=CPU_CALLS).encode

    found = {"bf16" if fast else "f32": encoder(graph)}
    for name, preset in settings.items():
        found[name] = encoder(nncf.quantize(graph.clone(), data, preset=preset, subset_size=len(calibration)))
    return found


def pictures_of(source: Source, learner: Learner, count: int) -> np.ndarray:
    """Every n-th picture of a source, uint8 [count, 1, S, S, 3]."""
    frames = OnlineTokens(source, learner.vision, TokensConfig(), frames=1)
    rows = np.linspace(0, len(source.visuals) - 1, count).astype(int)
    return frames.frames(rows, np.zeros_like(rows)).numpy()


def stored_tokens(path: Path, source: Source, learner: Learner, encode: Encode) -> np.ndarray:
    """S_V of a source's pictures, float32 [pictures, D], from `path` or made now."""
    if not path.exists():
        spec: VisionSpec = learner.vision
        frames = OnlineTokens(source, spec, TokensConfig(), frames=1)
        parts = []
        for start in range(0, len(source.visuals), 4 * BATCH):
            rows = np.arange(start, min(start + 4 * BATCH, len(source.visuals)))
            parts.append(tokens_of(encode, frames.frames(rows, np.zeros_like(rows)).numpy()))
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.concatenate(parts))
    found: np.ndarray = np.load(path)
    return found


def tokens_of(encode: Encode, frames: np.ndarray) -> np.ndarray:
    """Frames [B, 1, S, S, 3] to float32 [B, D]."""
    return encode(frames)[:, 0]


def corrected(tokens: np.ndarray, seen: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """`tokens` with each channel scaled and moved as it takes to make `seen` like `wanted`, by least squares."""
    mean, target = seen.mean(axis=0), wanted.mean(axis=0)
    covariance = ((seen - mean) * (wanted - target)).mean(axis=0)
    slope = covariance / np.maximum(seen.var(axis=0), 1e-9)
    moved: np.ndarray = (tokens - mean) * slope + target
    return moved


def time_in_turns(encoders: dict[str, Encode], frames: np.ndarray, rounds: int) -> dict[str, np.ndarray]:
    """Milliseconds of the processor for a frame, of each encoder and round; the encoders take turns."""
    found: dict[str, list[float]] = {name: [] for name in encoders}
    for encode in encoders.values():
        encode(frames)
    for _ in range(rounds):
        for name, encode in encoders.items():
            began = time.process_time()
            encode(frames)
            found[name].append((time.process_time() - began) * 1000 / len(frames))
    return {name: np.array(times) for name, times in found.items()}


def _cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    found: np.ndarray = (first * second).sum(axis=-1) / norms
    return found


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path, help="folder for tokens")
    parser.add_argument("--pictures", type=int, default=300, help="that calibrate")
    parser.add_argument("--rounds", type=int, default=9)
    return parser.parse_args(given)


if __name__ == "__main__":
    main()
