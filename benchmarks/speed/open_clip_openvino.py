"""How much faster is an open_clip model on a CPU with OpenVINO than with PyTorch, and are the numbers the same?

    python -m benchmarks.speed.open_clip_openvino
    python -m benchmarks.speed.open_clip_openvino --architecture ViT-B-16-SigLIP

The weights are random: neither speed nor the comparison of the two depends on training. Both sides use all cores.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import torch

from benchmarks.shared.common import print_table, save_result
from jepa_retrieval.models import load_model
from jepa_retrieval.models.config import OpenClipImageConfig

TEXTS = ("a dog on the beach", "two men playing football", "a red car in the snow", "people at a wedding")


def main() -> None:
    """Measure images and texts and print one table."""
    options = _arguments()
    torch.manual_seed(0)
    reference = open_clip.create_model(options.architecture, pretrained_text=False).eval()
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "random.pt"
        torch.save(reference.state_dict(), weights)
        model = load_model(f"open_clip:{options.architecture}/{weights}", device="cpu")
        size = model.x_encoder.image_size
        frames = np.random.default_rng(0).integers(0, 256, (options.batch, 1, size, size, 3), dtype=np.uint8)
        texts = [TEXTS[number % len(TEXTS)] for number in range(options.batch)]
        assert isinstance(model.config.x_encoder, OpenClipImageConfig)
        pixels = _pixels(model.config.x_encoder, frames)
        ids = open_clip.get_tokenizer(options.architecture)(texts)
        table = [
            _row(
                "images",
                lambda: _unit(reference.encode_image, pixels),
                lambda: model.predictor.predict(model.x_encoder.encode(frames), [""] * options.batch),
                options,
            ),
            _row(
                "texts",
                lambda: _unit(reference.encode_text, ids),
                lambda: model.y_encoder.encode(texts),
                options,
            ),
        ]
    headings = [options.architecture, "PyTorch ms", "OpenVINO ms", "times faster", "largest difference"]
    print(f"milliseconds per item, batch of {options.batch}, best of {options.runs} runs")
    print_table(headings, table)
    print(save_result("open_clip_openvino", {"architecture": options.architecture, "rows": table}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--architecture", default="ViT-B-32", help="a name of open_clip.list_models()")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--runs", type=int, default=5)
    return parser.parse_args()


def _row(
    what: str,
    pytorch: Callable[[], np.ndarray],
    openvino: Callable[[], np.ndarray],
    options: argparse.Namespace,
) -> list[object]:
    expected, found = pytorch(), openvino()  # also the warm-up, conversion included
    slow, fast = (_milliseconds(run, options) for run in (pytorch, openvino))
    difference = float(np.abs(expected - found).max())
    return [what, f"{slow:.1f}", f"{fast:.1f}", f"{slow / fast:.1f}", f"{difference:.1e}"]


def _milliseconds(run: Callable[[], np.ndarray], options: argparse.Namespace) -> float:
    times = []
    for _ in range(options.runs):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return 1000 * min(times) / options.batch


@torch.inference_mode()
def _unit(encode: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(encode(inputs), dim=-1).numpy()


def _pixels(config: OpenClipImageConfig, frames: np.ndarray) -> torch.Tensor:
    """The frames as open_clip's preprocessing leaves them; they have the right size already."""
    mean, std = torch.tensor(config.mean), torch.tensor(config.std)
    return ((torch.from_numpy(frames[:, 0]) / 255 - mean) / std).permute(0, 3, 1, 2).contiguous()


if __name__ == "__main__":
    main()
