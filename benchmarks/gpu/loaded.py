"""nano with its own weights, as `load_model` gives it: speed from arrays and back, and vectors beside the CPU's.

The CPU's are those of the same weights in PyTorch and float32.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch

from benchmarks.gpu.facts import Facts
from benchmarks.gpu.graphs import cosines
from benchmarks.gpu.models import nano, random_frames
from benchmarks.gpu.timing import seconds_of
from jepa_retrieval.models.modules.vl_jepa import VLJEPA
from jepa_retrieval.models.registry import WEIGHTS, load_model
from jepa_retrieval.models.runtime.graphs import build_graph
from jepa_retrieval.models.runtime.model import RuntimeModel
from jepa_retrieval.models.runtime.parts import GraphPredictor, GraphXEncoder, GraphYEncoder
from jepa_retrieval.models.runtime.torch_graph import TorchGraph
from jepa_retrieval.models.text_tokenizers import query_tokenizer, target_tokenizer

THINGS = ("dog", "child", "car", "chef", "player", "crowd", "train", "bird")
ACTIONS = (
    "runs along a beach",
    "turns a corner",
    "waits in the rain",
    "is seen from far away",
    "stops at night",
)
COLOURS = ("red", "small", "old", "bright", "tired")
COMPARED = 16  # windows, and texts, that the CPU computes too


def run(facts: Facts) -> None:
    """Load it on the device, compare, and measure."""
    on_cpu, weights = nano("cpu")
    if weights != "its weights":
        facts.not_run("nano with its own weights", weights)
        return
    began = time.perf_counter()
    model = load_model("nano", device="cuda" if facts.device == "cuda" else "cpu")
    model.y_encoder.encode(["a dog"])
    facts.say(seconds_to_first_text=time.perf_counter() - began)
    windows = 8 if facts.smoke else 512
    frames = random_frames(
        (windows, model.frames_per_window, *[model.x_encoder.image_size] * 2), facts.device
    )
    arrays = frames.cpu().numpy()
    texts = [f"a {colour} {thing} {action}" for colour in COLOURS for thing in THINGS for action in ACTIONS]
    _compare(facts, model, _Exact(on_cpu, model), arrays[:COMPARED], texts[:COMPARED])
    tokens, queries = model.x_encoder.encode(arrays), [model.prompt] * windows
    facts.say(batch_frames=model.x_encoder.batch_frames)
    count = windows * model.frames_per_window

    def say(title: str, count: int, work: Callable[[], object]) -> None:
        spent = seconds_of(work, facts.device, repeats=3, warm_up=3)
        facts.say(title, per_second=count / spent, count=count)

    say("x_encoder, frames from arrays", count, lambda: model.x_encoder.encode(arrays))
    if model.x_encoder.device:
        say("x_encoder, frames on the card", count, lambda: model.x_encoder.encode(frames))
    say("predictor, windows", windows, lambda: model.predictor.predict(tokens, queries))
    many = texts * (1 if facts.smoke else 20)
    say("y_encoder, texts", len(many), lambda: model.y_encoder.encode(many))


class _Exact:
    """The same parts in float32 on the CPU."""

    def __init__(self, network: VLJEPA, model: RuntimeModel) -> None:
        def graph(part: Literal["x_encoder", "predictor", "y_encoder"]) -> TorchGraph:
            return TorchGraph(
                build_graph(network, part), "cpu", dtype=torch.float32, compiled=False, captured=False
            )

        config, base = model.config, WEIGHTS / "nano"
        self.x_encoder = GraphXEncoder(config.x_encoder, graph("x_encoder"))
        self.predictor = GraphPredictor(graph("predictor"), query_tokenizer(config, base=base))
        tokenise = target_tokenizer(config, base=base)
        self.y_encoder = GraphYEncoder(graph("y_encoder"), tokenise, embedding_size=config.embedding_size)


def _compare(
    facts: Facts, model: RuntimeModel, exact: _Exact, frames: np.ndarray, texts: Sequence[str]
) -> None:
    queries = [model.prompt] * len(frames)
    parts: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    parts["x_encoder"] = model.x_encoder.encode(frames), exact.x_encoder.encode(frames)
    ours, theirs = parts["x_encoder"]
    parts["predictor"] = model.predictor.predict(ours, queries), exact.predictor.predict(theirs, queries)
    parts["y_encoder"] = model.y_encoder.encode(texts), exact.y_encoder.encode(texts)
    for name, (found, true) in parts.items():
        facts.say(
            "beside the CPU",
            name,
            one_minus_lowest_cosine=float(1 - cosines(found, true).min()),
            relative_error=float(np.linalg.norm(found - true) / np.linalg.norm(true)),
        )
    scores, true_scores = (parts["predictor"][side] @ parts["y_encoder"][side].T for side in (0, 1))
    facts.say(
        "beside the CPU",
        "scores",
        most_apart=float(np.abs(scores - true_scores).max()),
        spread=float(true_scores.std()),
        same_best_text=float((scores.argmax(axis=1) == true_scores.argmax(axis=1)).mean()),
    )
