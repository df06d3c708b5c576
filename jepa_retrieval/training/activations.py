"""What a training step of a model keeps in memory and computes, counted without memory and without a GPU.

The model is built of tensors that have shapes and no numbers (PyTorch's FakeTensorMode) and runs forward once with
one visual and once with two, while every tensor that is saved for the backward pass is counted. The difference is the
cost of a visual, the rest the fixed cost of a step: the bfloat16 copies of weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode
from transformers.modeling_layers import GradientCheckpointingLayer

from jepa_retrieval.models.config import ModelConfig
from jepa_retrieval.models.modules.vl_jepa import VLJEPA, TextBatch
from jepa_retrieval.training.sharding import divisible_units


@dataclass(frozen=True)
class StepCost:
    """Bytes and floating-point operations of a step; those of a visual with its text unless said otherwise."""

    trained: int  # parameters
    frozen: int
    divisible: int  # trained parameters that processes can divide among them
    largest_unit: int  # parameters of the largest module that is gathered at once then
    kept: float  # bytes saved for the backward pass
    kept_once: float  # the same, whatever the number of visuals
    recomputed: (
        float  # bytes if layers keep only their inputs: with what the largest saves, and its gradients
    )
    recomputed_once: float
    tokens: float  # bytes of S_V in half precision
    encoding: float  # bytes while the X-Encoder works
    x_encoder: float  # operations of the X-Encoder
    forward: float  # operations of all other networks, forward


# Peak bytes of the X-Encoder for each number of its tokens, as measured on an H100 with V-JEPA 2 ViT-L.
ENCODING_FLOATS = 15


@dataclass
class _Saved:
    """Bytes by the layer that saved them, and of the layers' inputs."""

    outside: int = 0
    layers: list[int] = field(default_factory=list)
    inputs: int = 0
    largest: int = 0  # the largest tensor that a layer saved


def count_step(
    config: ModelConfig, *, frames: int, text_tokens: int, query_tokens: int, half: bool
) -> StepCost:
    """Count one step of a model.

    Args:
        config: of the model.
        frames: of a visual.
        text_tokens: of a text.
        query_tokens: of a query, at least 1.
        half: whether the towers run in bfloat16.
    """
    with torch.device("meta"):
        model = VLJEPA(config)
    with FakeTensorMode():
        _become_fake(model)
        model.train()
        counted = [_forward(model, size, frames, text_tokens, query_tokens, half) for size in (1, 2)]
        (one, flops, tokens), (two, _, _) = counted
        x_operations = _x_encoder_operations(model, frames)
    parameters = list(model.parameters())
    units = [sum(p.numel() for p in unit.parameters()) for unit in divisible_units(model)]
    layer = two.layers.index(max(two.layers)) if two.layers else None
    layer_each = two.layers[layer] - one.layers[layer] if layer is not None else 0
    layer_once = one.layers[layer] - layer_each if layer is not None else 0
    total = [saved.outside + sum(saved.layers) for saved in (one, two)]
    outside = two.outside - one.outside
    # Beside what the layer saved there are the gradients of its two widest tensors.
    gradients = 2 * (two.largest - one.largest)
    return StepCost(
        trained=sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        frozen=sum(parameter.numel() for parameter in parameters if not parameter.requires_grad),
        divisible=sum(units),
        largest_unit=max(units, default=0),
        kept=total[1] - total[0],
        kept_once=2 * total[0] - total[1],
        recomputed=outside + two.inputs - one.inputs + layer_each + gradients,
        recomputed_once=one.outside - outside + layer_once,
        tokens=2.0 * tokens * config.x_encoder.token_size,
        encoding=4.0 * ENCODING_FLOATS * tokens * config.x_encoder.token_size,
        x_encoder=x_operations,
        forward=flops,
    )


def _become_fake(model: nn.Module) -> None:
    """Replace all tensors of a model by ones without memory that say they are on the CPU."""
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                fake = torch.empty(parameter.shape, dtype=parameter.dtype)
                module._parameters[name] = nn.Parameter(fake, requires_grad=parameter.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = torch.empty(buffer.shape, dtype=buffer.dtype)


def _forward(
    model: VLJEPA, size: int, frames: int, text_tokens: int, query_tokens: int, half: bool
) -> tuple[_Saved, float, int]:
    """What is saved, the operations, and the tokens of a visual."""
    section = model.config.x_encoder
    tokens = token_count(model.config, frames)
    visuals = torch.empty(size, tokens, section.token_size)
    query = torch.ones(size, query_tokens, dtype=torch.long)
    text = torch.ones(size, text_tokens, dtype=torch.long)
    autocast = torch.autocast("cpu", torch.bfloat16) if half else nullcontext()
    with FlopCounterMode(display=False) as counter, _counted(model) as saved, autocast:
        model.predict(visuals, TextBatch(query, query))
        frozen_tower = not any(p.requires_grad for p in model.y_encoder.tower.parameters())
        with torch.no_grad() if frozen_tower else nullcontext():
            pooled = model.y_encoder.pool(model.y_encoder.tower(text, text), text)
        nn.functional.normalize(model.y_encoder.embed(pooled), dim=-1)
    return saved, float(counter.get_total_flops()) / size, tokens


def token_count(config: ModelConfig, frames: int) -> int:
    """Visual tokens N of a visual with this many frames."""
    section = config.x_encoder
    if section.kind == "vjepa2":
        return -(-frames // section.tubelet_size) * (section.image_size // section.patch_size) ** 2
    return frames * section.tokens_per_frame


@contextmanager
def _counted(model: nn.Module) -> Iterator[_Saved]:
    """Count what is saved inside, layer by layer."""
    saved = _Saved()
    known = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    alive: list[Any] = []  # the address of a freed storage could be used again
    inside: list[int] = []

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in known:
            known.add(storage._cdata)
            alive.append(storage)
            if inside:
                saved.layers[inside[-1]] += storage.nbytes()
                saved.largest = max(saved.largest, tensor.nbytes if tensor.dim() > 2 else 0)
            else:
                saved.outside += storage.nbytes()
        return tensor

    def enter(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        saved.inputs += inputs[0].nbytes
        inside.append(len(saved.layers))
        saved.layers.append(0)

    def leave(*_: object) -> None:
        inside.pop()

    hooks = []
    for layer in model.modules():
        if isinstance(layer, GradientCheckpointingLayer) and any(p.requires_grad for p in layer.parameters()):
            hooks += [layer.register_forward_pre_hook(enter), layer.register_forward_hook(leave)]
    unpack: Callable[[Tensor], Tensor] = lambda tensor: tensor  # noqa: E731
    try:
        with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
            yield saved
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def _x_encoder_operations(model: VLJEPA, frames: int) -> float:
    size = model.config.x_encoder.image_size
    clip = torch.empty(1, frames, size, size, 3, dtype=torch.uint8)
    with FlopCounterMode(display=False) as counter:
        model.encode_frames(clip)
    return float(counter.get_total_flops())
