"""Frames a second of the X-Encoders, clips of the Predictor and texts of the Y-Encoder, against their arithmetic.

Operations are counted by PyTorch on the network itself. The limit is a matrix product of 8192 x 8192 on this card in
the same type. Inputs lie on the device; the last row of each network counts copies and the product's own batches too.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.gpu.facts import Facts, reason
from benchmarks.gpu.models import clip_b32, full_size, nano, random_frames, random_full_size
from benchmarks.gpu.timing import captured, operations_of, peak_memory, product_rate, seconds_of
from jepa_retrieval.models.runtime.compiled import compile_layers
from jepa_retrieval.models.runtime.graphs import build_graph
from jepa_retrieval.models.runtime.precision import cast_matrices, computing_in
from jepa_retrieval.models.runtime.torch_graph import TorchGraph


def run(facts: Facts) -> None:
    """Measure network after network."""
    size = 512 if facts.smoke else 8192
    limit = product_rate(facts.device, torch.bfloat16, size=size)
    facts.say(product_tflops_bf16=limit / 1e12)
    few = facts.smoke
    model = random_full_size(full_size(few), facts.device)
    config = model.config
    frames = random_frames(
        (2 if few else 32, config.frames_per_window, *[config.x_encoder.image_size] * 2), facts.device
    )
    _measure(
        facts,
        "vjepa2_vit_l",
        build_graph(model, "x_encoder"),
        (frames,),
        frames.shape[0] * frames.shape[1],
        limit,
    )
    tokens = torch.randn(
        len(frames),
        4 * config.x_encoder.tokens_per_frame * 2,
        config.x_encoder.token_size,
        device=facts.device,
    )
    query = torch.ones(1, 8, dtype=torch.long, device=facts.device)
    rows = torch.zeros(len(frames), dtype=torch.long, device=facts.device)
    inputs = (tokens, query, query, rows)
    _measure(facts, "predictor_full_size", build_graph(model, "predictor"), inputs, len(tokens), limit)
    texts = torch.ones(8 if few else 256, 32, dtype=torch.long, device=facts.device)
    _measure(facts, "y_encoder_full_size", build_graph(model, "y_encoder"), (texts, texts), len(texts), limit)
    del model, tokens, inputs
    network, origin = clip_b32(facts.device, few)
    facts.say("clip_vit_b_32", network_of=origin)
    frames = random_frames((4 if few else 512, 1, 224, 224), facts.device)
    _measure(facts, "clip_vit_b_32", network, (frames,), len(frames), limit, dtype=torch.float32)
    small, weights = nano(facts.device)
    facts.say("nano", network_of=weights)
    frames = random_frames((4 if few else 512, 1, 260, 260), facts.device)
    module = build_graph(small, "x_encoder")
    _measure(facts, "nano", module, (frames,), len(frames), limit, dtype=torch.float32)


def _measure(
    facts: Facts,
    name: str,
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    items: int,
    limit: float,
    *,
    dtype: torch.dtype = torch.bfloat16,
) -> None:
    """Eager, captured, compiled, both; then through `TorchGraph` from arrays and back, in the product's `dtype`."""
    original = copy.deepcopy(module) if dtype != torch.bfloat16 else module
    module = cast_matrices(module, torch.bfloat16).eval()

    @torch.no_grad()
    def call(*given: Tensor) -> Tensor:
        with computing_in(torch.bfloat16, given[0].device):
            found: Tensor = module(*given)
            return found

    operations = operations_of(call, inputs)
    facts.say(name, items=items, gflop_per_item=operations / items / 1e9)

    def say(title: str, make: Callable[[], Callable[[], object]]) -> None:
        if facts.seconds_left() < 20:
            facts.not_run(f"{name} {title}", "no time was left")
            return
        try:
            work = make()
            memory = peak_memory(work, facts.device)
            seconds = seconds_of(work, facts.device)
        except Exception as error:
            facts.say(name, title, failed=reason(error))
            return
        rate = operations / seconds
        facts.say(
            name,
            title,
            per_second=items / seconds,
            tflops=rate / 1e12,
            share_of_limit=rate / limit,
            peak_gb=memory / 1e9,
        )

    on_cuda = facts.device == "cuda"
    say("eager", lambda: lambda: call(*inputs))
    if on_cuda:
        say("captured", lambda: captured(call, inputs))
    if on_cuda and compile_layers(module):
        say("compiled", lambda: lambda: call(*inputs))
        say("compiled_captured", lambda: captured(call, inputs))
    elif on_cuda:
        module.to(memory_format=torch.channels_last)
        say("channels_last_captured", lambda: captured(call, inputs))
    arrays = [tensor.cpu().numpy() for tensor in inputs]

    def product() -> Callable[[], object]:
        graph = TorchGraph(original, facts.device, dtype=dtype, compiled=facts.device == "cuda")
        for _ in range(4):
            graph(*arrays)
        return lambda: graph(*arrays)

    say(f"from_arrays_{str(dtype).removeprefix('torch.')}", product)
