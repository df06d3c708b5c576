"""How few bits do nano's stored weights need? Recall on the held-out sets, and the size of the weights.

    python -m benchmarks.studies.weight_bits RUN [--model FOLDER]

RUN is the folder of a training run of nano, whose tokens of the held-out sets are used. The large matrices of the
shipped weights, or of those in FOLDER, are rounded: each row, or each group of weights in a row, has a scale of its
own in float16, the one of a few that gives the least squared error. Nothing else changes; the shipped weights have 8
bits and a scale for each row already.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.shared.caption_networks import recalls
from benchmarks.shared.common import print_table, save_result, shared_data
from benchmarks.studies.averaged_weights import score
from jepa_retrieval.models.modules.int8_weights import MIN_NUMBERS
from jepa_retrieval.models.registry import WEIGHTS
from jepa_retrieval.models.storage import read_model, referenced_parts
from jepa_retrieval.training.config import load_config
from jepa_retrieval.training.nano import RECIPES

FORMS = ((8, None), (4, 64), (4, 32), (3, 32))  # bits, weights with one scale; None: a row
CLIPPED = (1.0, 0.9, 0.8, 0.7, 0.6)  # of the largest weight that the largest number stands for
SCALE_BITS = 16


def main() -> None:
    """Round and measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path, help="folder of a training run of nano")
    parser.add_argument("--model", type=Path, default=WEIGHTS / "nano", help="folder of the model")
    options = parser.parse_args()
    os.environ["JEPA_SHARED"], os.environ["NANO_RUN"] = str(shared_data().parent), str(options.run.resolve())
    recipe = load_config(RECIPES / "nano_pretrain.toml")
    rows: list[list[object]] = []
    for bits, group in FORMS:
        model = read_model(options.model).eval()
        parts = referenced_parts(model.config, base=model.base)
        stored = {n: t for n, t in model.state_dict().items() if not any(part.owns(n) for part in parts)}
        size, errors = 0.0, []
        for weight in stored.values():
            if weight.dim() != 2 or weight.numel() < MIN_NUMBERS:
                size += weight.numel() * 2
                continue
            width = group or weight.shape[1]
            found = rounded(weight, bits=bits, group=width)
            errors.append(float((found - weight).norm() / weight.norm()))
            scales = weight.shape[0] * -(-weight.shape[1] // width)
            size += (weight.numel() * bits + scales * SCALE_BITS) / 8
            weight.copy_(found)
        found_recalls = [f"{v:.1f}" for data in score(model, recipe).values() for v in recalls(*data)]
        error = f"{100 * sum(errors) / len(errors):.1f}"
        rows.append([bits, group or "row", f"{size / 1e6:.1f}", error, *found_recalls])
        print(rows[-1], flush=True)
    sets = [f"{part.name} {name}" for part in recipe.evaluate for name in ("R@1", "R@5", "R@10")]
    print_table(["bits", "weights with one scale", "MB", "error, %", *sets], rows)
    print(save_result("weight_bits", {"rows": rows}))


@torch.no_grad()
def rounded(weights: Tensor, *, bits: int, group: int) -> Tensor:
    """A matrix as it would be read from `bits` a weight, with one scale for each `group` weights of a row."""
    largest = 2 ** (bits - 1) - 1
    padded = functional.pad(weights.float(), (0, -weights.shape[1] % group))
    groups = padded.view(len(weights), -1, group)
    ends = groups.abs().amax(dim=-1, keepdim=True).clamp(min=1e-6)
    best, least = groups, torch.full_like(ends, torch.inf)
    for share in CLIPPED:
        scale = (ends * share / largest).half().float().clamp(min=2**-24)
        tried = (groups / scale).round().clamp(-largest - 1, largest) * scale
        error = (tried - groups).square().sum(dim=-1, keepdim=True)
        best, least = torch.where(error < least, tried, best), torch.minimum(error, least)
    return best.flatten(1)[:, : weights.shape[1]]


if __name__ == "__main__":
    main()
