"""Every graph of nano and of a random full-size VL-JEPA on the device, against float32 on the CPU."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from benchmarks.gpu.facts import Facts, reason
from benchmarks.gpu.models import full_size, nano, random_frames, random_full_size
from jepa_retrieval.models.config import LlamaPredictorConfig, OpenClipTextConfig
from jepa_retrieval.models.modules.vl_jepa import VLJEPA
from jepa_retrieval.models.registry import WEIGHTS
from jepa_retrieval.models.runtime.graphs import YDecoderGraph, build_graph
from jepa_retrieval.models.runtime.torch_graph import TorchGraph
from jepa_retrieval.models.y_decoder_files import load_y_decoder

Inputs = tuple[np.ndarray, ...]


class Case(NamedTuple):
    """A graph with what it is run on."""

    model: str
    part: str
    module: nn.Module
    inputs: Inputs


def run(facts: Facts) -> None:
    """Compare part by part; what is compiled comes last, because compiling may take long."""
    model, weights = nano(facts.device)
    facts.say("nano", weights=weights)
    todo = [*_parts(facts, "nano", model), _y_decoder(model)]
    large = random_full_size(full_size(facts.smoke), facts.device)
    parameters = sum(parameter.numel() for parameter in large.parameters())
    facts.say("full_size", weights="random, attention sharpened", parameters=parameters)
    todo += _parts(facts, "full_size", large)
    exact = [_on_cpu(facts, case) for case in todo]
    types = {"fp32": torch.float32, "bf16": torch.bfloat16}
    for is_compiled in (False, True) if facts.device == "cuda" else (False,):
        for case, truth in zip(todo, exact, strict=True):
            for kind, dtype in types.items():
                title = f"{kind}_compiled_captured" if is_compiled else kind
                if is_compiled and (case.model == "full_size") != (kind == "bf16"):
                    continue  # as the product runs them
                if facts.seconds_left() < 15:
                    facts.not_run(f"{case.model} {case.part} {title}", "no time was left")
                    continue
                _try(facts, case, title, truth, dtype, is_compiled=is_compiled)


def _on_cpu(facts: Facts, case: Case) -> np.ndarray:
    began = time.perf_counter()
    on_cpu = copy.deepcopy(case.module).float().cpu()
    with torch.no_grad():
        found: np.ndarray = on_cpu(*map(torch.from_numpy, case.inputs)).numpy()
    facts.say(case.model, case.part, shape=list(found.shape), cpu_seconds=time.perf_counter() - began)
    return found


def _parts(facts: Facts, name: str, model: VLJEPA) -> Iterator[Case]:
    config, random = model.config, np.random.default_rng(0)
    size, count = (
        config.x_encoder.image_size,
        (1 if config.x_encoder.kind != "vjepa2" else config.frames_per_window),
    )
    clips = 2 if count > 1 or facts.smoke else 16
    frames = random_frames((clips, count, size, size), "cpu").numpy()
    yield Case(name, "x_encoder", build_graph(model, "x_encoder"), (frames,))
    tokens = count * config.x_encoder.tokens_per_frame
    s_v = random.standard_normal((clips, tokens, config.x_encoder.token_size)).astype(np.float32)
    section = config.predictor
    assert isinstance(section, LlamaPredictorConfig)
    query = random.integers(0, section.query_tokens.vocabulary, (2, 12))
    mask = np.ones_like(query)
    mask[1, 7:] = 0
    rows = np.arange(clips, dtype=np.int64) % 2
    yield Case(name, "predictor", build_graph(model, "predictor"), (s_v, query, mask, rows))
    tower = config.y_encoder.tower
    assert not isinstance(tower, OpenClipTextConfig)
    texts = random.integers(0, tower.vocabulary, (8, 24))
    text_mask = np.ones_like(texts)
    text_mask[4:, 15:] = 0
    yield Case(name, "y_encoder", build_graph(model, "y_encoder"), (texts, text_mask))


def _y_decoder(model: VLJEPA) -> Case:
    section, random = model.config.y_decoder, np.random.default_rng(0)
    assert section is not None
    module = YDecoderGraph(load_y_decoder(section, WEIGHTS / "nano", embedding_size=512)).eval()
    embeddings = random.standard_normal((4, 512)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    cache = np.zeros((4, 2 * section.layers, section.max_tokens, section.width), np.float32)
    inputs = (embeddings, np.ones((4, 1), np.int64), cache, np.zeros(1, np.int64))
    return Case("nano", "y_decoder", module, inputs)


def _try(
    facts: Facts, case: Case, title: str, exact: np.ndarray, dtype: torch.dtype, *, is_compiled: bool
) -> None:
    """What is compiled is compared at the fourth call: by then it is captured too."""
    try:
        began = time.perf_counter()
        module = copy.deepcopy(case.module)
        graph = TorchGraph(module, facts.device, dtype=dtype, compiled=is_compiled, captured=is_compiled)
        for _ in range(4 if is_compiled else 1):
            found = graph(*case.inputs)
        first = time.perf_counter() - began
        began = time.perf_counter()
        graph(*case.inputs)
        facts.say(
            case.model,
            case.part,
            title,
            relative_error=float(np.linalg.norm(found - exact) / np.linalg.norm(exact)),
            one_minus_lowest_cosine=float(1 - cosines(found, exact).min()),
            first_seconds=first,
            call_ms=1000 * (time.perf_counter() - began),
            layers_are_compiled=graph.is_compiled,
            graphs_captured=graph.captured,
        )
    except Exception as error:
        facts.say(case.model, case.part, title, failed=reason(error))
    if facts.device == "cuda":
        torch.cuda.empty_cache()


def cosines(found: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Cosine of each row of the last axis with the other's."""
    found, exact = found.astype(np.float64), exact.astype(np.float64)
    product: np.ndarray = (found * exact).sum(axis=-1)
    lengths: np.ndarray = np.linalg.norm(found, axis=-1) * np.linalg.norm(exact, axis=-1)
    return product / lengths
